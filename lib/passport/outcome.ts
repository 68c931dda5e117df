import { StoreFull, StrategyFailed, StrategyUnavailable, TooManyHandshakes, VerifierBusy } from '../errors.js'
import type { RefusalNote } from '../strategies/strategy.js'

/** What comes of an attempt to authenticate: all that the gate learns. */
export type Outcome = Granted | Refused | Broken

/** A strategy knows the user. */
export interface Granted {
  readonly kind: 'granted'
  /** As the strategy gave it: an object, or text that is not empty. */
  readonly user: object | string
  /** The second argument of `success`; an empty object where there was none. */
  readonly info: unknown
  /** The scheme in its registered case; `null` for a strategy without one. */
  readonly scheme: string | null
  readonly realm: string
  /** The name of the strategy. */
  readonly strategy: string
  /** The user-id in the credentials, where the scheme has one and the strategy said yes to it; else `null`. */
  readonly userId: string | null
  /** His name, where it is settled already and nobody need be asked for it. */
  readonly name?: string
}

/**
 * Why it was refused. What would be 407 is 403 where there is no challenge to send.
 *
 * - `missing`: no credentials, or a scheme without any
 * - `not offered`: credentials of a scheme that no strategy here is for. Nothing else of them was read
 * - `malformed`: they do not follow the grammar of their scheme (400)
 * - `rejected`: a strategy looked and said no
 * - `continued`: a leg of a handshake (NTLM, Negotiate), whose next one the challenge asks for
 * - `forbidden`: a strategy knows the user and says no all the same (403, 429)
 * - `limited`: too many wrong guesses came before (429). Nobody has looked at the credentials
 */
export type RefusalReason = 'missing' | 'not offered' | 'malformed' | 'rejected' | 'continued' | 'forbidden' | 'limited'

/** Nobody is let in; the client can do something about it. */
export interface Refused {
  readonly kind: 'refused'
  /** 407, which a route that is an origin sends as 401; or 400, 403, 429, which stay. */
  readonly status: 400 | 403 | 407 | 429
  readonly reason: RefusalReason
  /**
   * The challenges, one field line each. On a 407 those of all strategies, in their order, never none; on another
   * status what the strategy said itself, mostly nothing.
   */
  readonly challenges: readonly string[]
  /** The scheme of the credentials in its registered case; `null` when there were none or it is not offered. */
  readonly scheme: string | null
  /** The error that says what is malformed, or how long the limit lasts. */
  readonly cause: Error | null
  /** What a strategy of ours said of it: the first that did. */
  readonly note: RefusalNote | null
  /** True between the legs of a handshake: `challenges` has its one line, and the connection must stay open. */
  readonly continues?: true
  /** True: it is no verdict yet. The content is to be read, and the chain to be asked again. */
  readonly needsContent?: true
}

/** Nobody is let in, and it is not the client's doing: a strategy failed, is unavailable, or too slow. Or the client left. */
export interface Broken {
  readonly kind: 'broken'
  /** One of ours, with its status and the strategy's name in it; the strategy's own is the `cause` of that. */
  readonly cause: Error & { readonly statusCode?: number }
  readonly strategy: string
}

const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'ETIMEDOUT'])

/**
 * Says that a strategy could not tell, in an error of ours. It is 503 when the cause says so (`statusCode` or
 * `status`) or is a system error of the network, else 500; never the status of a client's mistake. An error of ours that
 * says when to come back stays what it is, so that the client reads it.
 *
 * @example
 * broken('ldap', Object.assign(new Error('down'), { code: 'ECONNREFUSED' })).cause.statusCode // 503
 */
export function broken (strategy: string, cause: unknown): Broken {
  if (cause instanceof StoreFull || cause instanceof TooManyHandshakes || cause instanceof VerifierBusy) return { kind: 'broken', cause, strategy }
  const { statusCode, status, code } = (cause ?? {}) as { statusCode?: unknown, status?: unknown, code?: unknown }
  const away = statusCode === 503 || status === 503 || (typeof code === 'string' && AWAY.has(code))
  const StrategyError = away ? StrategyUnavailable : StrategyFailed
  return { kind: 'broken', cause: new StrategyError(strategy, { cause }), strategy }
}
