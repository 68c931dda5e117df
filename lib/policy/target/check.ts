import { CheckFailed, CheckTimeout } from '../../errors.js'
import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Milliseconds } from '../../types.js'
import { withDeadline } from '../deadline.js'
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
 * A rule in code, asked after `deny` and `allow` and before anything is resolved.
 *
 * @param target - The host is canonical: lower case, A-labels, no trailing dot, IPv6 without
 *   brackets.
 * @param user - What authentication gave.
 * @returns `true`: go on to the checks on port and address, which this cannot lift. `false`: 403. A
 *   string: 403 with this reason, which the client sees. Anything else, a throw and a rejection are
 *   500.
 */
export type Check<User> = (target: Target, user: User) => Eventual<boolean | string>

const MAX_REASON = 200
const CONTROL = /\p{Cc}/gu

function judge (verdict: unknown): void {
  if (verdict === true) return
  if (verdict !== false && typeof verdict !== 'string') throw new CheckFailed()
  const reason = verdict === false ? '' : verdict.slice(0, MAX_REASON).replace(CONTROL, ' ').trim()
  throw denied({ reason: reason === '' ? 'refused by a rule' : reason, proxyStatus: 'http_request_denied' })
}

/**
 * Asks `check`.
 *
 * @returns Nothing when the target may be reached; a promise only when `check` gave one.
 * @throws {TargetDenied} It said no.
 * @throws {CheckFailed} It threw or rejected (that is the `cause`), or its answer is neither a
 *   boolean nor a string.
 * @throws {CheckTimeout} No answer in time.
 */
export function ask<User> (
  check: Check<User>, target: Target, user: User, timeout: Milliseconds
): void | Promise<void> {
  let verdict: Eventual<boolean | string>
  try {
    verdict = check(target, user)
  } catch (cause) {
    throw new CheckFailed({ cause })
  }
  if (!isThenable(verdict)) return judge(verdict)
  const answer = Promise.resolve(verdict).catch((cause: unknown) => { throw new CheckFailed({ cause }) })
  return withDeadline(answer, timeout, () => new CheckTimeout()).then(judge)
}
