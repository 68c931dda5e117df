import { ParentProtocol, ParentRefused, ParentTimeout, ParentUnreachable } from '../../errors.js'
import type { Parent } from '../../policy/parent/parent.js'
import { upstreamError } from '../upstream/upstream-error.js'

/** A failure on the way by a parent, as far as it is known whose it is. */
export interface ParentFailure extends Error {
  readonly code: string
  /** The name of the parent. */
  readonly parent: string
  /** The account whose credentials it refused. */
  readonly account?: string
  /** What it responded with, where that is not passed on. */
  readonly receivedStatus?: number
}

/** How far it came. */
export type Stage = 'connecting' | 'connected'

/** Of this machine or the client, or said already: another name would hide it. */
const KEPT = /^FST_PROXY_AUTH_(?:PARENT_|MISSING_PACKAGE$|OUT_OF_CONNECTIONS$|REFUSED_CALL$|LOOP$|CLIENT_LEFT$|UPSTREAM_HEAD_TOO_LARGE$)/
const LATE = /_TIMEOUT$/

/**
 * What a failure on the way by a parent is called: one of our errors, which names the parent. What
 * else is called the target's is the parent's here, and its cause.
 */
export function parentFailure (parent: Pick<Parent, 'name'>, cause: unknown, stage: Stage): ParentFailure {
  return Object.assign(renamed(cause, stage), { parent: parent.name }) as Error as ParentFailure
}

function renamed (cause: unknown, stage: Stage): Error {
  const failure = upstreamError(cause) as Error & { code: string }
  if (KEPT.test(failure.code)) return failure
  if (LATE.test(failure.code)) return new ParentTimeout({ cause: failure })
  return new (stage === 'connecting' ? ParentUnreachable : ParentProtocol)({ cause: failure })
}

/** The parent has refused the credentials of an account, by a 407 that cannot be satisfied. */
export function refusedLogin (account: string): Error {
  return Object.assign(new ParentRefused(), { account, receivedStatus: 407 })
}
