import { loadPackage } from '../load-package.js'

/** As much of the package rate-limiter-flexible as is used. */
export interface RateLimiters {
  readonly RateLimiterMemory: new (options: RateLimiterOptions) => RateLimiter
  readonly RateLimiterRedis: new (
    options: RateLimiterOptions & { storeClient: unknown, rejectIfRedisNotReady: boolean }
  ) => RateLimiter
  readonly RateLimiterSQLite: new (
    options: RateLimiterOptions & { storeClient: unknown, storeType: 'better-sqlite3', tableName: string },
    ready: (failure?: unknown) => void
  ) => RateLimiter & { clearExpired (before: number): Promise<void> }
}

/** `duration` is in seconds; 0 is without an end. */
export interface RateLimiterOptions {
  readonly keyPrefix: string
  readonly points: number
  readonly duration: number
}

/** A counter of points by key. */
export interface RateLimiter {
  get (key: string): Promise<CountedPoints | null>
  /** Adds points, however many there are then. */
  penalty (key: string, points: number, options?: { readonly customDuration: number }): Promise<CountedPoints>
  delete (key: string): Promise<boolean>
}

/** What there is of a key. */
export interface CountedPoints {
  readonly consumedPoints: number
  readonly msBeforeNext: number
}

/**
 * How many points a key has. A store whose value at the key is no number, since something else
 * wrote it, gives `NaN`, which is above no limit.
 *
 * @param store - What gave it, for the error.
 * @throws {Error} It is no number.
 */
export function pointsOf ({ consumedPoints }: CountedPoints, store = 'the store'): number {
  if (Number.isNaN(consumedPoints)) throw new Error(`${store} says no number`)
  return consumedPoints
}

/**
 * Loads the package that counts. It is an optional one.
 *
 * @param user - What needs it, for the error.
 * @throws {MissingPackage} It is not installed. The message names it.
 */
export async function loadRateLimiters (user: string): Promise<RateLimiters> {
  return await loadPackage<RateLimiters>('rate-limiter-flexible', user)
}
