import type { Chain } from './chain.js'

const BOUND = new Set(['ntlm', 'negotiate'])

/**
 * Whether a scheme authenticates the connection and not the request: NTLM and Negotiate. Such a scheme needs all its legs, and
 * what comes after, on one connection of one client, which neither HTTP/2 nor HTTP/1.0 gives it.
 */
export function isConnectionBound (scheme: string | null): boolean {
  return scheme !== null && BOUND.has(scheme.toLowerCase())
}

/**
 * Takes `all` on HTTP/1.1 and `others` on any other version (RFC 9113, 8.2.2; RFC 9112, 9.3), where the schemes bound to a
 * connection are neither offered nor accepted.
 */
export function byVersion (all: Chain, others: Chain): Chain {
  return Object.freeze({
    reads: all.reads,
    admitsWithoutCredentials: all.admitsWithoutCredentials,
    coversContent: all.coversContent,
    contentHashes: all.contentHashes,
    authenticate: (input) => (input.raw.httpVersion === '1.1' ? all : others).authenticate(input),
    challenges: (input) => (input.raw.httpVersion === '1.1' ? all : others).challenges(input)
  } satisfies Chain)
}
