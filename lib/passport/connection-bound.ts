import { isOfOneUser } from '../fields/of-one-user.js'
import type { Chain } from './chain.js'

const BOUND = new Set(['ntlm', 'negotiate'])

/**
 * Whether a scheme authenticates the connection and not the request: NTLM and Negotiate. Such a scheme needs all its legs, and
 * what comes after, on one connection of one client, which neither HTTP/2 nor HTTP/1.0 gives it.
 */
export function isConnectionBound (scheme: string | null): boolean {
  return scheme !== null && BOUND.has(scheme.toLowerCase())
}

/** Takes `all` on a connection that may be one user's, and `others`, without the schemes bound to a connection, elsewhere. */
export function byConnection (all: Chain, others: Chain): Chain {
  return Object.freeze({
    reads: all.reads,
    admitsWithoutCredentials: all.admitsWithoutCredentials,
    coversContent: all.coversContent,
    contentHashes: all.contentHashes,
    authenticate: (input) => (isOfOneUser(input.raw) ? all : others).authenticate(input)
  } satisfies Chain)
}
