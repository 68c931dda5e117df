import { withDeadline } from '../../deadline.js'
import { BadOption } from '../../errors.js'
import { loadPackage } from '../../load-package.js'
import type { RedisClient } from '../../store/shared-redis.js'
import type { Milliseconds } from '../../types.js'
import { pointsOf } from '../rate-limiters.js'
import type { RateLimiter, RateLimiters } from '../rate-limiters.js'

/** Counts octets by key. */
export interface QuotaStore {
  /**
   * Adds octets to a count, or takes some away.
   *
   * @param until - When the count may be forgotten.
   * @returns What it is then.
   */
  add (key: string, octets: number, until: Milliseconds): Promise<number>
  /** Ends it, when all that has been asked for is done. */
  close (): Promise<void>
}

/** As much of better-sqlite3 as is used here. */
interface SqliteFile {
  pragma (text: string): unknown
  close (): void
}
interface SqlitePackage {
  readonly default: new (path: string, options: { readonly timeout: Milliseconds }) => SqliteFile
}

/** How many counts there may be in memory. */
const MOST = 1_000_000
/** Counts that may be forgotten are looked for so often. */
const SWEPT_EVERY: Milliseconds = 60 * 60 * 1000
/** The process does nothing else while it waits for another that writes to the file. */
const LONGEST_LOCK: Milliseconds = 200
/** How long the end waits for Redis. */
const LAST_WORDS: Milliseconds = 1000
const TABLE = 'fastify_proxy_auth_quotas_v1'

/**
 * In the memory of this process.
 *
 * rate-limiter-flexible forgets a count by a timer, which cannot wait for more than 24.8 days and
 * else fires at once. So it is told to keep all, and what is over is taken away here.
 *
 * @quirk rate-limiter-timers
 */
export class MemoryQuotas implements QuotaStore {
  private readonly counts: RateLimiter
  /** Until when each is kept. */
  private readonly ends = new Map<string, Milliseconds>()
  private swept: Milliseconds

  /** @param most - How many counts there may be. Default 1000000. */
  constructor (
    { RateLimiterMemory }: RateLimiters, private readonly clock: () => Milliseconds = Date.now,
    private readonly most = MOST
  ) {
    this.counts = new RateLimiterMemory({ keyPrefix: '', points: 1, duration: 0 })
    this.swept = clock()
  }

  async add (key: string, octets: number, until: Milliseconds): Promise<number> {
    if (!this.ends.has(key)) {
      this.sweep()
      if (this.ends.size >= this.most) throw new Error('there is no room for another count')
      this.ends.set(key, until)
    }
    return (await this.counts.penalty(key, octets)).consumedPoints
  }

  async close (): Promise<void> {}

  private sweep (): void {
    const now = this.clock()
    if (this.ends.size < this.most && now - this.swept < SWEPT_EVERY) return
    this.swept = now
    for (const [key, until] of this.ends) {
      if (until > now) continue
      this.ends.delete(key)
      this.counts.delete(key)
    }
  }
}

/** In a file, which outlasts the process, and which processes of one machine may share. */
export class FileQuotas implements QuotaStore {
  private latest: Promise<unknown> = Promise.resolve()
  private swept: Milliseconds = -Infinity

  private constructor (
    private readonly file: SqliteFile,
    private readonly counts: RateLimiter & { clearExpired (before: Milliseconds): Promise<void> },
    private readonly clock: () => Milliseconds
  ) {}

  /**
   * Opens the file.
   *
   * @param timeout - How long to wait for another process that writes to it.
   * @throws {MissingPackage} better-sqlite3 is not installed.
   * @throws {BadOption} The file cannot be opened.
   */
  static async open (
    { RateLimiterSQLite }: RateLimiters, path: string, timeout: Milliseconds, clock: () => Milliseconds = Date.now
  ): Promise<FileQuotas> {
    const { default: Database } = await loadPackage<SqlitePackage>('better-sqlite3', 'option limitStore.file')
    try {
      const file = new Database(path, { timeout: Math.min(timeout, LONGEST_LOCK) })
      file.pragma('journal_mode = WAL')
      file.pragma('synchronous = NORMAL') // a process that is killed loses nothing
      const store = { storeClient: file, storeType: 'better-sqlite3', tableName: TABLE } as const
      const options = { keyPrefix: '', points: 1, duration: 0, ...store }
      const counts = await new Promise<FileQuotas['counts']>((resolve, reject) => {
        const made = new RateLimiterSQLite(options, (failure) => {
          if (failure === undefined) resolve(made)
          else reject(failure)
        })
      })
      return new FileQuotas(file, counts, clock)
    } catch (cause) {
      throw new BadOption('limitStore.file', 'a file of SQLite that can be written', String((cause as { code?: unknown }).code))
    }
  }

  async add (key: string, octets: number, until: Milliseconds): Promise<number> {
    const now = this.clock()
    if (Math.abs(now - this.swept) >= SWEPT_EVERY) {
      this.swept = now
      await this.counts.clearExpired(now)
    }
    const adding = this.counts.penalty(key, octets, { customDuration: secondsUntil(until, now) })
    this.latest = adding.catch(() => {})
    return (await adding).consumedPoints
  }

  async close (): Promise<void> {
    await this.latest
    this.file.close()
  }
}

/** In Redis, for processes that share it. */
export class RedisQuotas implements QuotaStore {
  private readonly counts: RateLimiter
  private latest: Promise<unknown> = Promise.resolve()

  /** @param keyPrefix - What the names of the counts begin with. */
  constructor (
    { RateLimiterRedis }: RateLimiters, storeClient: RedisClient, keyPrefix: string,
    private readonly clock: () => Milliseconds = Date.now
  ) {
    this.counts = new RateLimiterRedis({ keyPrefix, points: 1, duration: 1, storeClient, rejectIfRedisNotReady: true })
  }

  async add (key: string, octets: number, until: Milliseconds): Promise<number> {
    const options = { customDuration: secondsUntil(until, this.clock()) }
    const adding = this.counts.penalty(key, octets, options)
    this.latest = adding.catch(() => {})
    return pointsOf(await adding, 'Redis')
  }

  async close (): Promise<void> {
    await withDeadline(this.latest, LAST_WORDS, () => new Error('Redis did not answer in time')).catch(() => {})
  }
}

/** At least one: 0 would be for ever. */
function secondsUntil (until: Milliseconds, now: Milliseconds): number {
  return Math.max(1, Math.ceil((until - now) / 1000))
}
