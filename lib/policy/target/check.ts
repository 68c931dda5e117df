import { CheckFailed, CheckTimeout } from '../../errors.js'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { retryAfter as retryAfterField } from '../../retry-after.js'
import type { Milliseconds } from '../../types.js'
import { askWithin, orFail } from '../../deadline.js'
import { denied } from './denied.js'

/** What the client asked for. `connect` is a CONNECT, whatever will be spoken in the tunnel. */
export type TargetScheme = 'http' | 'https' | 'connect'

/** Where a request wants to go. */
export interface Target {
  /** A name, or an address; IPv6 with or without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  readonly scheme: TargetScheme
}

/**
 * What a rule in code says of a request. `true`: it may go on. `false`: it is refused with 403.
 * Text: with this reason, which the client sees.
 */
export type CodeVerdict = boolean | string | CodeRefusal

/** How a rule in code refuses a request. */
export interface CodeRefusal {
  /**
   * The status of the response: 400 to 599, and neither 401 nor 407, which ask for credentials.
   *
   * @defaultValue `403`
   */
  readonly status?: number
  /**
   * Why, for the client; at most 200 chars.
   *
   * @defaultValue `'refused by a rule'`
   */
  readonly reason?: string
  /**
   * When the client may try again: the response says it in `Retry-After`. More than 0.
   *
   * @defaultValue the response does not say
   */
  readonly retryAfter?: Milliseconds
}

/**
 * A rule in code, asked after `deny` and `allow` and before anything is resolved.
 *
 * @param target - The host is canonical: lower case, A-labels, no trailing dot, IPv6 without
 *   brackets.
 * @param user - What authentication gave.
 * @returns `true`: go on to the checks on port and address, which this cannot lift. `false`: 403. A
 *   string: 403 with this reason, which the client sees. An object says the status, too. Anything
 *   else, a throw and a rejection are 500.
 */
export type Check<User> = (target: Target, user: User) => Eventual<CodeVerdict>

const MAX_REASON = 200
const CONTROL = /\p{Cc}/gu

function judge (verdict: unknown): void {
  if (verdict === true) return
  const { status = 403, reason = '', retryAfter } = orFail(() => readRefusal(verdict), asCheckFailed)
  const shown = reason.slice(0, MAX_REASON).replace(CONTROL, ' ').trim()
  throw denied({
    reason: shown === '' ? 'refused by a rule' : shown,
    proxyStatus: 'http_request_denied',
    ...(status !== 403 && { statusCode: status }),
    ...(retryAfter !== undefined && { headers: retryAfterField(retryAfter) })
  })
}

/** What is thrown is for the log. It is the application's, as what a verdict's members throw. */
function asCheckFailed (cause: unknown): Error {
  return cause instanceof CheckFailed ? cause : new CheckFailed({ cause })
}

/**
 * Reads each member once, for the next time it may be another.
 *
 * @throws {CheckFailed} It is none.
 */
function readRefusal (verdict: unknown): CodeRefusal {
  if (verdict === false) return {}
  if (typeof verdict === 'string') return { reason: verdict }
  if (typeof verdict !== 'object' || verdict === null) throw new CheckFailed()
  const { status, reason, retryAfter } = verdict as Record<keyof CodeRefusal, unknown>
  if (status === undefined && reason === undefined && retryAfter === undefined) throw new CheckFailed()
  const isRefusing = (status === undefined || isError(status)) && (reason === undefined || typeof reason === 'string') &&
    (retryAfter === undefined || isTime(retryAfter))
  if (!isRefusing) throw new CheckFailed()
  return { status, reason, retryAfter } as CodeRefusal
}

/** Those that ask for credentials are the gate's. */
function isError (status: unknown): boolean {
  const number = status as number
  return Number.isInteger(status) && number >= 400 && number < 600 && number !== 401 && number !== 407
}

function isTime (wait: unknown): boolean {
  return typeof wait === 'number' && wait > 0 && wait <= Number.MAX_SAFE_INTEGER // beyond it is not written in digits
}

/**
 * Asks a rule in code.
 *
 * @param call - Calls it.
 * @returns Nothing when the request may go on; a promise only when the rule gave one.
 * @throws {TargetDenied} It said no.
 * @throws {CheckFailed} It threw or rejected (that is the `cause`), or what it gave is no verdict.
 * @throws {CheckTimeout} No verdict in time.
 */
export function ask (call: () => Eventual<unknown>, timeout: Milliseconds): void | Promise<void> {
  const verdict = askWithin(call, timeout, { failed: asCheckFailed, late: () => new CheckTimeout() })
  return after(verdict, judge) as void | Promise<void>
}
