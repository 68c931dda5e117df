import type { Chain } from './chain.js'
import type { RawRequest } from './request-view.js'

const BOUND = new Set(['ntlm', 'negotiate'])

/**
 * Whether a scheme authenticates the connection and not the request: NTLM and Negotiate. Such a scheme needs all its legs, and
 * what comes after, on one connection of one client, which neither HTTP/2 nor HTTP/1.0 gives it.
 */
export function isConnectionBound (scheme: string | null): boolean {
  return scheme !== null && BOUND.has(scheme.toLowerCase())
}

/**
 * Whether a request is on a connection that may be one user's: HTTP/1.1 (RFC 9113, 8.2.2; RFC 9112, 9.3), and no other proxy has
 * sent it, which would have several users on a connection (RFC 9110, 3.3). A proxy that does not show itself cannot be told.
 */
export function isOfOneUser ({ httpVersion, headers }: Pick<RawRequest, 'httpVersion' | 'headers'>): boolean {
  return httpVersion === '1.1' && headers.via === undefined && headers.forwarded === undefined && headers['x-forwarded-for'] === undefined
}

/** Takes `all` on a connection that may be one user's, and `others`, without the schemes bound to a connection, elsewhere. */
export function byConnection (all: Chain, others: Chain): Chain {
  return Object.freeze({
    reads: all.reads,
    admitsWithoutCredentials: all.admitsWithoutCredentials,
    coversContent: all.coversContent,
    contentHashes: all.contentHashes,
    authenticate: (input) => (isOfOneUser(input.raw) ? all : others).authenticate(input),
    challenges: (input) => (isOfOneUser(input.raw) ? all : others).challenges(input)
  } satisfies Chain)
}
