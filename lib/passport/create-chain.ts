import { Forbidden } from '../errors.js'
import { readScheme } from '../fields/credentials.js'
import { isOfOneUser } from '../platform/connection.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { AttemptInput } from './attempt-input.js'
import { chainOf } from './chain.js'
import type { Chain, ChainOptions } from './chain.js'
import type { Declared } from './declaration.js'
import type { Outcome } from './outcome.js'

/**
 * Puts the strategies of a route together.
 *
 * The scheme of the credentials is read first, and only the strategies for it see them, in their
 * order until one lets the client in. The strategies without a scheme come after them, or alone,
 * and see no credentials; a 400, 403 or 429 ends the matter before. A strategy that is broken ends
 * it at once. NTLM and Negotiate take part on HTTP/1.1 connections of one user only; a leg that
 * asks for another ends the matter, since it says who the client is neither way.
 *
 * @param strategies - In the order of their challenges.
 * @example
 * const basic = readDeclaration(new BasicStrategy({ verify }), { realm: 'gw' })
 * const chain = createChain([basic.resolve()], { timeout: 5000 })
 * await chain.authenticate({
 *   raw: request.raw, credentials: 'Basic dTpw', url: '/', ip: '127.0.0.1'
 * })
 */
export function createChain (strategies: readonly Declared[], options: ChainOptions): Chain {
  const others = strategies.filter(({ scheme }) => !isConnectionBound(scheme))
  const all = chainOf(strategies, options)
  return others.length === strategies.length ? all : byConnection(all, chainOf(others, options))
}

/**
 * Takes `all` on a connection that may be one user's, and `others`, without the schemes bound to a
 * connection, elsewhere.
 */
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

/**
 * Says so where the version alone is why a scheme of the route is not served: nothing else tells
 * the client, or the log.
 */
function explained (outcome: Outcome, { credentials, raw }: AttemptInput): Outcome {
  if (outcome.kind !== 'refused' || raw.httpVersion !== '1.0' || outcome.note !== null) return outcome
  if (outcome.reason !== 'missing' && outcome.reason !== 'not offered') return outcome // a strategy was asked, and said why
  const bound = isConnectionBound(readScheme(credentials ?? '') ?? null)
  if (!bound && outcome.status !== 403) return outcome
  const cause = outcome.cause ?? new Forbidden('NTLM and Negotiate are not served over HTTP/1.0 without a kept connection')
  return { ...outcome, cause, note: { reason: 'version', userId: null, guess: false } }
}
