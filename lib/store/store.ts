import type { Eventual } from '../eventual.js'
import type { Milliseconds } from '../types.js'

/** What comes of a claim: whether the number was new, and if not, or if it cannot be told, why. */
export type Claim =
  /** Never claimed before, and claimed now. */
  | { readonly kind: 'new' }
  /** Claimed before. */
  | { readonly kind: 'seen' }
  /** So far below the highest that no store remembers whether it was claimed. */
  | { readonly kind: 'below window' }
  /** There is no room for another key. Claims of known keys go on. */
  | { readonly kind: 'full', readonly retryAfter: Milliseconds }

/**
 * Remembers which numbers have been used, so that a message with such a number counts once. For
 * every key there is a window, which reaches from the highest number so far some way down; numbers
 * may come in any order and with gaps.
 *
 * One store may serve several processes: then `claim` is one atomic step for all of them, and they
 * have one `id`.
 */
export interface ReplayStore {
  /**
   * Names what the store remembers. What was issued under one `id` counts only with a store of the
   * same `id`: so one that forgets everything when its process ends has a new one at each start,
   * and one that has lost something has a new one from then on. 1 to 256 chars of printable ASCII.
   */
  readonly id: string
  /**
   * Asks whether a number is new for a key, and makes it a used one, in one step.
   *
   * It rejects where it cannot tell: nothing is accepted then.
   *
   * @param key - At most some hundred chars.
   * @param n - 1 to 4294967295.
   * @param ttl - How long the window lives, from the first claim of its key. It is never given up
   *   before.
   * @param owner - Whose key it is, the name of a user for one. A store whose room has an end
   *   should leave some of it to others. Left out: there is none to tell.
   */
  claim (key: string, n: number, ttl: Milliseconds, owner?: string): Eventual<Claim>
}
