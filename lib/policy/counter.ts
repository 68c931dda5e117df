import { MissingPackage } from '../errors.js'
import type { Milliseconds } from '../types.js'
import type { RedisClient } from './attempts-options.js'
import { withDeadline } from './deadline.js'

/** What has been counted. */
export interface Count {
  readonly points: number
  /** Until it starts from nothing again. */
  readonly left: Milliseconds
}

/** Counts by key, within a window that starts with the first point. */
export interface Counter {
  /** @returns `null`: nothing. */
  read (key: string): Promise<Count | null>
  add (key: string, points: number): Promise<Count>
}

/** As much of rate-limiter-flexible as is used here. */
export interface RateLimiters {
  readonly RateLimiterMemory: new (options: LimiterOptions) => Limiter
  readonly RateLimiterRedis: new (options: LimiterOptions & { storeClient: unknown, rejectIfRedisNotReady: boolean }) => Limiter
}
interface LimiterOptions { readonly keyPrefix: string, readonly points: number, readonly duration: number }
interface Limiter {
  get (key: string): Promise<Consumed | null>
  penalty (key: string, points: number): Promise<Consumed>
  delete (key: string): Promise<unknown>
}
interface Consumed { readonly consumedPoints: number, readonly msBeforeNext: number }

/** What counters are made from. */
export interface CounterOptions {
  readonly limiters: RateLimiters
  /** What is counted: names the keys of Redis. */
  readonly name: string
  readonly timeWindow: Milliseconds
  readonly redis?: RedisClient | undefined
  /** Told when Redis does not answer, once until it does again. */
  readonly onTrouble: (cause: unknown) => void
  /** How many keys are kept in memory. Default 100000. */
  readonly most?: number
  readonly clock?: () => Milliseconds
}

/** How long Redis may take, and for how long it is then left alone. */
const PATIENCE: Milliseconds = 1000

/**
 * Loads the package that counts. It is an optional one.
 *
 * @throws {MissingPackage} It is not installed. The message names it.
 */
export async function loadRateLimiters (load: () => Promise<unknown> = () => import('rate-limiter-flexible')): Promise<RateLimiters> {
  try {
    return await load() as RateLimiters
  } catch (cause) {
    throw new MissingPackage('option attempts', 'rate-limiter-flexible', { cause })
  }
}

/** Makes a counter: in memory, or in Redis with one in memory for as long as Redis does not answer. */
export function createCounter (options: CounterOptions): Counter {
  const memory = new MemoryCounter(options)
  return options.redis === undefined ? memory : new SharedCounter(options, options.redis, memory)
}

function limiterOptions ({ name, timeWindow }: CounterOptions): LimiterOptions {
  return { keyPrefix: `fastify-proxy-auth:${name}`, points: 1, duration: Math.ceil(timeWindow / 1000) }
}

function countOf ({ consumedPoints: points, msBeforeNext: left }: Consumed): Count {
  return { points, left }
}

/** Bounded: the oldest keys go first, so that strangers with endless names and addresses cannot fill the memory. */
class MemoryCounter implements Counter {
  private readonly limiter: Limiter
  private readonly keys = new Set<string>()
  private readonly most: number

  constructor (options: CounterOptions) {
    this.limiter = new options.limiters.RateLimiterMemory(limiterOptions(options))
    this.most = options.most ?? 100_000
  }

  async read (key: string): Promise<Count | null> {
    const consumed = await this.limiter.get(key)
    return consumed === null || consumed.msBeforeNext <= 0 ? null : countOf(consumed)
  }

  async add (key: string, points: number): Promise<Count> {
    if (!this.keys.has(key)) {
      if (this.keys.size >= this.most) {
        const oldest = this.keys.values().next().value!
        this.keys.delete(oldest)
        await this.limiter.delete(oldest)
      }
      this.keys.add(key)
    }
    return countOf(await this.limiter.penalty(key, points))
  }
}

/**
 * In Redis. While that does not answer, this process counts for itself: nobody is let in unlimited, and nobody is locked
 * out for it.
 */
class SharedCounter implements Counter {
  private readonly limiter: Limiter
  private readonly clock: () => Milliseconds
  private readonly onTrouble: (cause: unknown) => void
  private troubledUntil = 0
  private told = false

  constructor (options: CounterOptions, redis: RedisClient, private readonly memory: Counter) {
    this.limiter = new options.limiters.RateLimiterRedis({ ...limiterOptions(options), storeClient: redis, rejectIfRedisNotReady: true })
    this.clock = options.clock ?? Date.now
    this.onTrouble = options.onTrouble
    if (redis.status === 'wait') redis.connect().catch(() => {}) // lazyConnect: nothing but a command would connect it
  }

  async read (key: string): Promise<Count | null> {
    return await this.ask(async limiter => {
      const consumed = await limiter.get(key)
      return consumed === null ? null : countOf(consumed)
    }, () => this.memory.read(key))
  }

  async add (key: string, points: number): Promise<Count> {
    return await this.ask(async limiter => countOf(await limiter.penalty(key, points)), () => this.memory.add(key, points))
  }

  private async ask<Answer> (question: (limiter: Limiter) => Promise<Answer>, instead: () => Promise<Answer>): Promise<Answer> {
    if (this.clock() < this.troubledUntil) return await instead()
    try {
      const answer = await withDeadline(question(this.limiter), PATIENCE, () => new Error('Redis did not answer in time'))
      this.told = false
      return answer
    } catch (cause) {
      this.troubledUntil = this.clock() + PATIENCE
      if (!this.told) this.onTrouble(cause)
      this.told = true
      return await instead()
    }
  }
}
