import type { LimitReached, LimitStoreFailed } from '../../errors.js'
import type { Eventual } from '../../eventual.js'

/** Which way octets go: `up` from the client, `down` to it. */
export type OctetsDirection = 'up' | 'down'

/** What one exchange may move: bandwidth and quotas of all limits that hold it. */
export interface Meter {
  /**
   * How many of these octets may go at once: from 0 to all. They count as moved. Where it is not
   * all, ask {@link wait} for the others.
   */
  take (direction: OctetsDirection, octets: number): number
  /**
   * Asks for more when {@link take} gave less. An exchange may wait once in each direction.
   *
   * @param octets - How many there are to move. 1 or more.
   * @param go - Called once, later, with how many of them may go, 1 or more, which count as moved;
   *   never once the exchange is released or ended.
   */
  wait (direction: OctetsDirection, octets: number, go: (octets: number) => void): void
}

/** An exchange that the limits have let in. To be released when it is over. */
export interface LimitedExchange {
  /** `undefined`: no limit of octets holds it. */
  readonly meter: Meter | undefined
  /**
   * Gives back what it holds: places, waits, and octets that have been set aside for it. A second
   * call does nothing.
   */
  release (): void
}

/** Who asks, and for what. */
export interface Limited {
  readonly user: string
  readonly groups: readonly string[]
  /** The rule that allows it; `null`: none does by itself. */
  readonly rule: string | null
  /** A CONNECT or WebSocket is a tunnel. */
  readonly kind: 'tunnel' | 'request'
}

/** Why an exchange that had begun is ended. */
export type LimitFailure = InstanceType<typeof LimitReached> | InstanceType<typeof LimitStoreFailed>

/** Lets exchanges in, as far as the limits do. */
export interface Limiting {
  /**
   * To be asked for each request that is permitted, before its target is dialled.
   *
   * @param id - Of the request, as in the log.
   * @param end - Called at most once, where a quota is spent while the exchange runs and asks for
   *   more: what could still go has been given to it by then.
   * @throws {LimitReached} One of the limits is reached.
   * @throws {LimitStoreFailed} What processes share cannot be asked.
   */
  admit (who: Limited, id: string, end: (failure: LimitFailure) => void): Eventual<LimitedExchange>
}
