import { StoreFull, StoreUnavailable, StrategyFailed, StrategyUnavailable, TooManyHandshakes, VerifierBusy } from '../errors.js'
import { MAX_TIMER } from '../check-option.js'
import type { RefusalNote } from '../strategies/strategy.js'

/** What a strategy said, word for word. */
export type Verdict = AcceptedVerdict | Failed | Broken
/** It called `success` with a user. */
export interface AcceptedVerdict { readonly kind: 'accepted', readonly user: object | string, readonly info: unknown }
/** It called `fail`, or `pass`, or `success` without a user. */
export interface Failed {
  readonly kind: 'failed'
  readonly challenge: unknown
  readonly status: number | undefined
  /** Of one of ours; foreign strategies say none. */
  readonly note: RefusalNote | null
}

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
  /**
   * The user-id in the credentials, where the scheme has one and the strategy said yes to it; else
   * `null`.
   */
  readonly userId: string | null
  /** The user's name, where it is settled already. */
  readonly name?: string
}

/**
 * Why it was refused. What would be 407 is 403 where there is no challenge to send.
 *
 * - `missing`: no credentials, or a scheme without any
 * - `not offered`: credentials of a scheme that no strategy here is for. Nothing else of them was
 *   read
 * - `malformed`: they do not follow the grammar of their scheme (400)
 * - `rejected`: a strategy looked and said no
 * - `continued`: a leg of a handshake (NTLM, Negotiate), whose next one the challenge asks for
 * - `forbidden`: a strategy knows the user and says no all the same (403, 429)
 * - `limited`: too many wrong guesses came before (429). The credentials were not looked at
 */
export type RefusalReason = 'missing' | 'not offered' | 'malformed' | 'rejected' | 'continued' | 'forbidden' | 'limited'

/** The request is refused; the client can do something about it. */
export interface Refused {
  readonly kind: 'refused'
  /** 407, which a route that is an origin sends as 401; or 400, 403, 429, which stay. */
  readonly status: 400 | 403 | 407 | 429
  readonly reason: RefusalReason
  /**
   * The challenges, one field line each. On a 407 those of all strategies, in their order, never
   * none; on another status what the strategy said itself, mostly nothing.
   */
  readonly challenges: readonly string[]
  /**
   * The scheme of the credentials in its registered case; `null` when there were none or it is not
   * offered.
   */
  readonly scheme: string | null
  /** The error that says what is malformed, or how long the limit lasts. */
  readonly cause: Error | null
  /** What a strategy of ours said of it: the first that did. */
  readonly note: RefusalNote | null
  /**
   * True between the legs of a handshake: `challenges` has its one line, and the connection must
   * stay open.
   */
  readonly continues?: true
  /** True: it is no verdict yet. The content is to be read, and the chain to be asked again. */
  readonly needsContent?: true
}

/**
 * Whether credentials were refused because their secret is wrong. A strategy that says nothing of
 * it means that.
 */
export function isWrongSecret ({ reason, note }: Pick<Refused, 'reason' | 'note'>): boolean {
  return note?.guess ?? reason === 'rejected'
}

/**
 * Whether credentials were refused because they are wrong: their secret is, or what takes its
 * place.
 */
export function areWrong (refused: Pick<Refused, 'reason' | 'note'>): boolean {
  return refused.note?.wrong === true || isWrongSecret(refused)
}

/**
 * There is no verdict, and it is not the client's doing: a strategy failed, is unavailable, or too
 * slow. Or the client left.
 */
export interface Broken {
  readonly kind: 'broken'
  /**
   * One of ours, with its status and the strategy's name in it; the strategy's own is the `cause`
   * of that.
   */
  readonly cause: Error & { readonly statusCode?: number }
  readonly strategy: string
}

/**
 * The system's codes, node's resolver's and those of clients for what is away or does not respond.
 */
const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EPIPE', 'ETIMEDOUT',
  'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ESERVFAIL', 'ETIMEOUT'
])
/** undici has codes for its caller's mistakes too. */
const OF_UNDICI = /^UND_ERR_(?!INVALID_|NOT_SUPPORTED)/
/**
 * What a signal that has run out of time leaves. The reason of an `AbortError` is seldom told; that
 * the client left is known before.
 */
const ABORTED = new Set(['TimeoutError', 'AbortError'])

/** The errors of ours that say when to come back. */
const SAYS_WHEN = [StoreFull, StoreUnavailable, TooManyHandshakes, VerifierBusy]

/** How deep errors may be wrapped: `fetch` wraps once, and so may its caller. */
const DEPTH = 8

interface Told {
  readonly statusCode?: unknown
  readonly status?: unknown
  readonly code?: unknown
  readonly name?: unknown
  readonly cause?: unknown
  readonly retryAfter?: unknown
}

/** The error, among a cause and its own causes, that says that something is away. */
function findAway (cause: unknown): Told | undefined {
  let told = cause as Told | null | undefined
  for (let depth = 0; depth < DEPTH && typeof told === 'object' && told !== null; depth++) {
    const { statusCode, status, code, name } = told
    if (statusCode === 503 || status === 503 || ABORTED.has(String(name))) return told
    if (typeof code === 'string' && (UNREACHABLE.has(code) || OF_UNDICI.test(code))) return told
    told = told.cause as Told
  }
  return undefined
}

/**
 * Says that a strategy could not tell, in an error of ours. It is 503 when the cause says so
 * (`statusCode` or `status`), or it or a cause of it is an error of the network or of a time that
 * is over, else 500; never the status of a client's mistake. `retryAfter` of a cause that says 503,
 * in milliseconds, says when to come back. An error of ours that says when to come back stays what
 * it is, so that the client reads it.
 *
 * @example
 * broken('ldap', Object.assign(new Error('down'), { code: 'ECONNREFUSED' })).cause.statusCode
 * // 503
 */
export function broken (strategy: string, cause: unknown): Broken {
  try {
    return { kind: 'broken', cause: errorOf(strategy, cause), strategy }
  } catch { // it throws when it is looked at, as it would in the log
    return { kind: 'broken', cause: new StrategyFailed(strategy, { cause: new Error('what was thrown cannot be read') }), strategy }
  }
}

function errorOf (strategy: string, cause: unknown): Broken['cause'] {
  if (SAYS_WHEN.some((each) => cause instanceof each)) return cause as Error
  const away = findAway(cause)
  if (away === undefined) return new StrategyFailed(strategy, { cause })
  const { retryAfter } = away
  const wait = typeof retryAfter === 'number' && retryAfter > 0 && retryAfter <= MAX_TIMER ? retryAfter : undefined
  return new StrategyUnavailable(strategy, { cause }, wait)
}
