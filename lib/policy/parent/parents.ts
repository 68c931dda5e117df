import type { FastifyBaseLogger } from 'fastify'
import type { Eventual } from '../../eventual.js'
import type { ProxyIdentity } from '../../types.js'
import type { Target } from '../target/check.js'
import type { Health, ParentFailing } from './health.js'
import type { Hop, Parent } from './parent.js'

/** The parents of the forward proxy, or of a reverse route. */
export interface Parents {
  /** Every parent that may be chosen, for what has to be known at the boot. */
  readonly all: readonly Parent[]
  /** Which of them fail. Routes may share it with the forward proxy. */
  readonly health: Health
  /**
   * The ways to a target, in the order to try them: those that fit, parents that fail at present
   * behind the others.
   *
   * @param target - Its host is canonical.
   * @returns One or more. Without a promise where nothing makes one.
   * @throws {NoParent} None fits.
   * @throws {ParentChoiceFailed} They are chosen by a function, which failed.
   */
  choose (target: Target, identity: ProxyIdentity): Eventual<readonly Hop[]>
  /** A connection to the parent failed, or it did not respond as a proxy does. */
  failed (parent: Parent, error: Error): void
  /** It has responded as a proxy does. */
  worked (parent: Parent): void
  /** How a parent fails at present; `undefined`: it does not, or is not known to. */
  failureOf (parent: Parent): ParentFailing | undefined
  /** Says where parents that fail and recover are logged. Nowhere before. */
  logTo (log: Pick<FastifyBaseLogger, 'warn' | 'info'>): void
}
