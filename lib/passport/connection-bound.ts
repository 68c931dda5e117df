import { Forbidden } from '../errors.js'
import { readScheme } from '../fields/credentials.js'
import { isOfOneUser } from '../platform/connection.js'
import type { AttemptInput, Chain } from './chain.js'
import type { Outcome } from './outcome.js'

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
    authenticate (input) {
      if (isOfOneUser(input.raw)) return all.authenticate(input)
      const outcome = others.authenticate(input)
      return 'then' in outcome ? outcome.then((later) => explained(later, input)) : explained(outcome, input)
    }
  } satisfies Chain)
}

/** Says so where the version alone is why a scheme of the route is not served: nothing else tells the client, or the log. */
function explained (outcome: Outcome, { credentials, raw }: AttemptInput): Outcome {
  if (outcome.kind !== 'refused' || raw.httpVersion !== '1.0' || outcome.note !== null) return outcome
  if (outcome.reason !== 'missing' && outcome.reason !== 'not offered') return outcome // a strategy was asked, and said why
  const bound = isConnectionBound(readScheme(credentials ?? '') ?? null)
  if (!bound && outcome.status !== 403) return outcome
  const cause = outcome.cause ?? new Forbidden('NTLM and Negotiate are not served over HTTP/1.0 without a kept connection')
  return { ...outcome, cause, note: { reason: 'version', userId: null, guess: false } }
}
