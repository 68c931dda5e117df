import { LimitStoreFailed } from '../../errors.js'
import { LEFT_ALONE } from '../../store/store-health.js'
import type { StoreHealth } from '../../store/store-health.js'
import type { Milliseconds } from '../../types.js'
import { pointsOf } from '../rate-limiters.js'
import type { RateLimiter } from '../rate-limiters.js'
import type { RateLimit } from './limits-options.js'

/** Counts how much begins within a time that begins with the first. */
export class Rate {
  private readonly duration: number

  constructor (
    private readonly limit: RateLimit, private readonly counts: RateLimiter, private readonly health: StoreHealth,
    private readonly whenFailing: 'refuse' | 'allow'
  ) {
    this.duration = Math.ceil(limit.per / 1000)
  }

  /**
   * Counts one.
   *
   * @returns How long it has to wait: 0, unless there were as many as may be.
   * @throws {LimitStoreFailed} The store cannot be asked.
   */
  async count (key: string): Promise<Milliseconds> {
    try {
      const options = { customDuration: this.duration }
      const counted = await this.health.ask(() => this.counts.penalty(key, 1, options))
      return pointsOf(counted) > this.limit.requests ? Math.max(1, counted.msBeforeNext) : 0
    } catch {
      if (this.whenFailing === 'refuse') throw new LimitStoreFailed(LEFT_ALONE)
      return 0
    }
  }
}
