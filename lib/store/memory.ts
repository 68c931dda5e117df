import { randomUUID } from 'node:crypto'
import { BadOption } from '../errors.js'
import { checkOptions, readInteger } from '../check-option.js'
import type { Milliseconds } from '../types.js'
import { ownText } from './own-text.js'
import { ReplayWindow } from './replay-window.js'
import type { Claim, ReplayStore } from './store.js'

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /**
   * How many windows there may be at a time, which is how many nonces are in use. A user may have
   * no more of them than are left: one user alone gets half. With nonces of 5 minutes the default
   * serves 270 clients a second that start anew. It takes 15 MB, or 40 MB if all of them go on with
   * their nonces. From 1 to 16777216.
   *
   * @unit windows
   * @defaultValue `100000`
   */
  readonly maxWindows?: number
  /**
   * How far below the highest count another may come and still be told from a used one. A multiple
   * of 32, from 32 to 65536.
   *
   * @unit counts
   * @defaultValue `256`
   */
  readonly windowSize?: number
  /**
   * The time, for tests.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => Milliseconds
}

/** Windows end in groups, so that there is nothing to search for those that do. */
const SLOT: Milliseconds = 1000

const OPTIONS = new Set(['maxWindows', 'windowSize', 'clock'])
const NEW: Claim = Object.freeze({ kind: 'new' })
const SEEN: Claim = Object.freeze({ kind: 'seen' })
const BELOW: Claim = Object.freeze({ kind: 'below window' })

/**
 * A {@link ReplayStore} in the memory of this process, for this process. Its `id` is another one at
 * each start, so nothing issued before a restart, or by another worker, counts here.
 *
 * A full store takes no new keys until windows end by themselves: to give one up early would be to
 * accept a replay. So that no user fills it, a user who has as many windows as are left gets no
 * other. One user alone can have half of them, two users a third each, and a user without a window
 * gets one as long as there is one.
 *
 * @example
 * const store = new MemoryStore({ maxWindows: 1_000_000 })
 * store.claim('key', 1, 60_000) // { kind: 'new' }
 * store.claim('key', 1, 60_000) // { kind: 'seen' }
 */
export class MemoryStore implements ReplayStore {
  readonly id = randomUUID()
  private readonly windows = new Map<string, ReplayWindow>()
  /**
   * Whose windows end in a slot of time, by the number of that slot: each key, and its owner behind
   * it.
   */
  private readonly ending = new Map<number, Array<string | undefined>>()
  /** How many windows each owner has. */
  private readonly owners = new Map<string, number>()
  private readonly maxWindows: number
  private readonly windowSize: number
  private readonly clock: () => Milliseconds
  private now: Milliseconds = 0
  private swept = 0

  /**
   * @throws {BadOption} An option is wrong.
   */
  constructor (options: MemoryStoreOptions = {}) {
    const { maxWindows = 100_000, windowSize = 256, clock = Date.now } = checkOptions(options, OPTIONS)
    readInteger(maxWindows, 'maxWindows', 1, 2 ** 24)
    if (!Number.isInteger(windowSize) || windowSize % 32 !== 0 || windowSize < 32 || windowSize > 65536) {
      throw new BadOption('windowSize', 'a multiple of 32 from 32 to 65536', typeof windowSize)
    }
    if (typeof clock !== 'function') throw new BadOption('clock', 'a function', typeof clock)
    this.maxWindows = maxWindows
    this.windowSize = windowSize
    this.clock = clock
  }

  /** How many windows there are. */
  get size (): number {
    return this.windows.size
  }

  claim (key: string, n: number, ttl: Milliseconds, owner?: string): Claim {
    // A clock that is put back would bring nonces back to life whose windows have ended.
    this.now = Math.max(this.now, this.clock())
    this.sweep()
    let window = this.windows.get(key)
    if (window === undefined) {
      const owned = owner === undefined ? 0 : this.owners.get(owner) ?? 0
      const left = this.maxWindows - this.windows.size
      if (owned >= left) return { kind: 'full', retryAfter: this.untilRoom() }
      // Both may be slices of a field, which would be kept with them.
      window = this.open(ownText(key), ttl, owner === undefined ? undefined : ownText(owner))
    }
    const mark = window.mark(n)
    return mark === 'new' ? NEW : mark === 'seen' ? SEEN : BELOW
  }

  private open (key: string, ttl: Milliseconds, owner: string | undefined): ReplayWindow {
    const window = new ReplayWindow(this.windowSize)
    this.windows.set(key, window)
    if (owner !== undefined) this.owners.set(owner, (this.owners.get(owner) ?? 0) + 1)
    this.endIn(Math.ceil((this.now + ttl) / SLOT), key, owner)
    return window
  }

  private endIn (slot: number, key: string, owner: string | undefined): void {
    const keys = this.ending.get(slot)
    if (keys === undefined) this.ending.set(slot, [key, owner])
    else keys.push(key, owner)
  }

  private sweep (): void {
    const slot = Math.floor(this.now / SLOT)
    if (slot === this.swept) return
    this.swept = slot
    for (const [end, keys] of this.ending) {
      if (end > slot) continue
      for (let i = 0; i < keys.length; i += 2) {
        this.windows.delete(keys[i]!)
        this.giveBack(keys[i + 1])
      }
      this.ending.delete(end)
    }
  }

  private giveBack (owner: string | undefined): void {
    if (owner === undefined) return
    const left = this.owners.get(owner)! - 1
    if (left > 0) this.owners.set(owner, left)
    else this.owners.delete(owner)
  }

  private untilRoom (): Milliseconds {
    let first = Infinity
    for (const end of this.ending.keys()) first = Math.min(first, end)
    return first * SLOT - this.now
  }
}
