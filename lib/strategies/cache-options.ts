import { badOption, checkObject, readInteger } from '../check-option.js'
import type { Milliseconds } from '../types.js'

/**
 * How long verdicts on credentials are remembered. A strategy may have this option where its
 * verdict depends on the credentials alone: Basic, Bearer, a key. The credentials are not kept,
 * only a keyed hash of them.
 */
export interface CacheOptions {
  /**
   * How long an acceptance counts from the moment of the verdict; use does not prolong it. A
   * password that was changed or taken away is accepted for so long, unless `app.proxyAuthRevoke`
   * or `app.proxyAuthReload` ends it, or the `htpasswd` file that it is in is read again. From 1 to
   * 86400000 (1 day).
   *
   * @defaultValue `300000` (5 minutes)
   */
  readonly ttl?: Milliseconds
  /**
   * How long before its end an acceptance in use is checked again, in the background, so that no
   * client has to wait. A rejection ends it then. From 0, which is not at all, to `ttl`.
   *
   * @defaultValue `30000` (30 seconds), or half of `ttl` where that is less
   */
  readonly refresh?: Milliseconds
  /**
   * How long a rejection counts, so that a client that repeats wrong credentials costs nothing.
   * From 0, which is not at all, to 60000 (1 minute).
   *
   * @defaultValue `5000` (5 seconds)
   */
  readonly negativeTtl?: Milliseconds
  /**
   * How many acceptances are kept; the least recently used gives way. From 1 to 16777216.
   *
   * @unit verdicts
   * @defaultValue `10000`
   */
  readonly max?: number
  /**
   * How many rejections are kept; the oldest gives way. They have room of their own, so wrong
   * passwords, however many, push out no acceptance. From 1 to 16777216.
   *
   * @unit verdicts
   * @defaultValue `10000`
   */
  readonly maxNegative?: number
  /**
   * The time, for tests.
   *
   * @defaultValue `performance.now`
   */
  readonly clock?: () => Milliseconds
}

/** The same, checked, with defaults. Frozen. */
export type CacheSettings = Readonly<Required<CacheOptions>>

const NAMES = new Set(['ttl', 'refresh', 'negativeTtl', 'max', 'maxNegative', 'clock'])
const DAY = 86_400_000

/**
 * Reads the option `cache` of a strategy.
 *
 * @param option - What errors call it.
 * @returns `null`: nothing is remembered.
 * @throws {BadOption} It is wrong.
 * @example
 * readCacheOptions({ ttl: 60_000 })?.refresh // 30000
 */
export function readCacheOptions (cache: boolean | CacheOptions | undefined, option = 'cache'): CacheSettings | null {
  if (cache === undefined || cache === false) return null
  const given = checkObject<CacheOptions>(cache === true ? {} : cache, option, NAMES, 'true, false or an object')
  const between = (name: keyof CacheOptions, value: unknown, least: number, most: number): number =>
    readInteger(value, `${option}.${name}`, least, most)
  const ttl = between('ttl', given.ttl ?? 300_000, 1, DAY)
  const { clock = () => performance.now() } = given
  if (typeof clock !== 'function') throw badOption(`${option}.clock`, 'a function', clock)
  return Object.freeze({
    ttl,
    refresh: between('refresh', given.refresh ?? Math.min(30_000, Math.floor(ttl / 2)), 0, ttl),
    negativeTtl: between('negativeTtl', given.negativeTtl ?? 5000, 0, 60_000),
    max: between('max', given.max ?? 10_000, 1, 2 ** 24),
    maxNegative: between('maxNegative', given.maxNegative ?? 10_000, 1, 2 ** 24),
    clock
  })
}
