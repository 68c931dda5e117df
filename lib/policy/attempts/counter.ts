import { MAX_TIMER } from '../../check-option.js'
import type { RedisHealth } from '../../store/redis-health.js'
import type { RedisClient } from '../../store/shared-redis.js'
import { shareOf } from '../../store/shared-room.js'
import { Shares } from '../../store/shares.js'
import type { Milliseconds } from '../../types.js'
import { pointsOf } from '../rate-limiters.js'
import type { CountedPoints, RateLimiter, RateLimiterOptions, RateLimiters } from '../rate-limiters.js'

/** What has been counted. */
export interface Count {
  readonly points: number
  /** Until it starts from nothing again. */
  readonly left: Milliseconds
}

/**
 * Counts by key, within a window that starts with the first point.
 *
 * Who brings a key is told with it, an address for one: it has a share of the room that there is in
 * memory. Empty: there is none to tell, and no share.
 */
export interface Counter {
  /** @returns `null`: nothing. */
  read (key: string, from: string): Promise<Count | null>
  add (key: string, points: number, from: string): Promise<Count>
}

/** A Redis, and how it is. */
export interface CountingRedis {
  readonly client: RedisClient
  readonly health: RedisHealth
}

/** What counters are made from. */
export interface CounterOptions {
  readonly limiters: RateLimiters
  /** What is counted: names the keys of Redis, prefix included. */
  readonly name: string
  readonly timeWindow: Milliseconds
  /** Where there is a Redis: in memory otherwise. */
  readonly redis?: CountingRedis | undefined
  /** How many keys are counted each for itself in memory. Default 100000. */
  readonly most?: number
  /** How many of them may come from one place. Default: a hundredth. */
  readonly share?: number
  /**
   * What becomes of others. Default `together`: they are counted, all of one place whose share is
   * used up as one, else with some of those from everywhere. `apart`: each is new each time.
   */
  readonly beyond?: 'together' | 'apart'
  readonly clock?: () => Milliseconds
}

/**
 * Makes a counter: in memory, or in Redis with one in memory for as long as Redis does not answer.
 */
export function createCounter (options: CounterOptions): Counter {
  const memory = new MemoryCounter(options)
  return options.redis === undefined ? memory : new SharedCounter(options, options.redis, memory)
}

/** A timer of node cannot wait for longer, and then fires at once. In seconds. */
const LONGEST = Math.floor(MAX_TIMER / 1000)

function limiterOptions ({ name, timeWindow }: CounterOptions): RateLimiterOptions {
  return { keyPrefix: name, points: 1, duration: Math.min(LONGEST, Math.ceil(timeWindow / 1000)) }
}

function countOf (counted: CountedPoints): Count {
  return { points: pointsOf(counted), left: counted.msBeforeNext }
}

/** What a key in memory takes room for. */
interface KeptCount {
  readonly from: string
  readonly ends: Milliseconds
}

/**
 * Bounded, and nothing that is counted is given up before its time: strangers with endless names
 * and addresses would push out what was counted of them. What there is no room for is counted
 * together: it reaches its limit all the sooner.
 */
class MemoryCounter implements Counter {
  private readonly limiter: RateLimiter
  /** Those that are counted each for itself, the first to end first. */
  private readonly keys = new Map<string, KeptCount>()
  private readonly room: Shares
  private readonly beyond: 'together' | 'apart'
  private readonly duration: Milliseconds
  private readonly clock: () => Milliseconds

  constructor (options: CounterOptions) {
    const { limiters, most = 100_000, share = shareOf(most), beyond = 'together', clock = Date.now } = options
    const settings = limiterOptions(options)
    this.limiter = new limiters.RateLimiterMemory(settings)
    this.room = new Shares(most, share)
    this.beyond = beyond
    this.duration = settings.duration * 1000
    this.clock = clock
  }

  async read (key: string, from: string): Promise<Count | null> {
    const place = this.placeOf(key, from)
    const consumed = place === null ? null : await this.limiter.get(place)
    return consumed === null || consumed.msBeforeNext <= 0 ? null : countOf(consumed)
  }

  async add (key: string, points: number, from: string): Promise<Count> {
    const place = this.placeOf(key, from)
    if (place === null) return { points, left: this.duration }
    if (place === key && !this.keys.has(key)) {
      this.room.take(1, from)
      this.keys.set(key, { from, ends: this.clock() + this.duration })
    }
    return countOf(await this.limiter.penalty(place, points))
  }

  /** Under which key it is counted, `null` for none. */
  private placeOf (key: string, from: string): string | null {
    this.sweep()
    const lack = this.keys.has(key) ? undefined : this.room.lacks(1, from)
    if (lack === undefined) return key
    if (this.beyond === 'apart') return null
    // Keys are hashes: their first two chars part them into 4096 groups.
    return lack === 'share' ? `others from ${from}` : `others ${key.slice(0, 2)}`
  }

  private sweep (): void {
    const now = this.clock()
    for (const [key, { from, ends }] of this.keys) {
      if (ends > now) return
      this.keys.delete(key)
      this.room.giveBack(1, from)
    }
  }
}

/**
 * In Redis. While that does not answer, this process counts for itself: no client has unlimited
 * guesses, and none is locked out for it.
 */
class SharedCounter implements Counter {
  private readonly limiter: RateLimiter
  private readonly health: RedisHealth

  constructor (options: CounterOptions, { client, health }: CountingRedis, private readonly memory: Counter) {
    this.limiter = new options.limiters.RateLimiterRedis({
      ...limiterOptions(options), storeClient: client, rejectIfRedisNotReady: true
    })
    this.health = health
  }

  async read (key: string, from: string): Promise<Count | null> {
    return await this.ask(async () => {
      const consumed = await this.limiter.get(key)
      return consumed === null ? null : countOf(consumed)
    }, () => this.memory.read(key, from))
  }

  async add (key: string, points: number, from: string): Promise<Count> {
    return await this.ask(
      async () => countOf(await this.limiter.penalty(key, points)),
      () => this.memory.add(key, points, from)
    )
  }

  private async ask<Answer> (question: () => Promise<Answer>, instead: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.health.ask(question)
    } catch {
      return await instead()
    }
  }
}
