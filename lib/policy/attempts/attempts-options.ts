import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BadOption } from '../../errors.js'
import { MAX_TIMER, badOption, checkObject, readInteger } from '../../check-option.js'
import type { Milliseconds } from '../../types.js'

/** As much of an ioredis client, or of a cluster of it, as is used before it is handed over. */
export interface RedisClient {
  readonly status: string
  defineCommand (name: string, definition: { lua: string, numberOfKeys?: number }): unknown
  connect (): Promise<unknown>
}

/** How the guessing of secrets is slowed down. It needs the package rate-limiter-flexible. */
export interface AttemptsOptions {
  /**
   * How many wrong secrets may come from an address within the window. Of IPv6, a network of 64
   * bits counts as one address. From 0, which is no limit, to 1000000.
   *
   * @unit wrong secrets
   * @defaultValue `100`
   */
  readonly perAddress?: number
  /**
   * How many wrong secrets may come for a user within the window, from all addresses. From 0, which
   * is no limit, to 1000000.
   *
   * @unit wrong secrets
   * @defaultValue `10`
   */
  readonly perUser?: number
  /**
   * The window, which begins with the first wrong secret. Whole seconds are counted. From 1000 to
   * 2147483647.
   *
   * @defaultValue `900000` (15 minutes)
   */
  readonly timeWindow?: Milliseconds
  /**
   * An ioredis client. Its Redis has the counts of several processes.
   *
   * @defaultValue none: each process counts for itself
   */
  readonly redis?: RedisClient
  /**
   * The key that names and secrets are hashed with before they are counted: 32 octets or more. It
   * is needed with `redis`, and is the same in all processes that share it.
   *
   * @defaultValue a random one
   */
  readonly key?: string | Uint8Array
}

/** The options, checked, with defaults. Frozen. */
export interface AttemptsSettings {
  readonly perAddress: number
  readonly perUser: number
  readonly timeWindow: Milliseconds
  readonly redis: RedisClient | undefined
  readonly key: KeyObject
}

const OPTIONS = new Set(['perAddress', 'perUser', 'timeWindow', 'redis', 'key'])
const MAX_COUNT = 1_000_000
const MIN_KEY = 32

/**
 * Checks the option `attempts`.
 *
 * @throws {BadOption} It is wrong. The message names what is, and the type it got, never the value.
 */
export function readAttempts (options: AttemptsOptions): AttemptsSettings {
  const { perAddress = 100, perUser = 10, timeWindow = 900_000, redis, key } = checkObject(options, 'attempts', OPTIONS)
  if (redis !== undefined && !isRedis(redis)) throw badOption('attempts.redis', 'an ioredis client', redis)
  if (redis !== undefined && key === undefined) throw badOption('attempts.key', 'given where attempts.redis is', key)
  return Object.freeze({
    perAddress: readInteger(perAddress, 'attempts.perAddress', 0, MAX_COUNT),
    perUser: readInteger(perUser, 'attempts.perUser', 0, MAX_COUNT),
    timeWindow: readInteger(timeWindow, 'attempts.timeWindow', 1000, MAX_TIMER),
    redis,
    key: createSecretKey(key === undefined ? randomBytes(MIN_KEY) : octetsOf(key))
  })
}

function isRedis (value: unknown): boolean {
  const { status, defineCommand } = (value ?? {}) as Partial<RedisClient>
  return typeof status === 'string' && typeof defineCommand === 'function'
}

function octetsOf (key: unknown): Buffer {
  const octets = typeof key === 'string' ? Buffer.from(key) : key instanceof Uint8Array ? Buffer.from(key) : null
  if (octets === null) throw badOption('attempts.key', 'text or octets', key)
  if (octets.length < MIN_KEY) throw new BadOption('attempts.key', `${MIN_KEY} octets or more`, 'fewer')
  return octets
}
