import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { MAX_TIMER, badOption, checkObject, readInteger } from '../../check-option.js'
import { MIN_KEY, insistOnKey, isRedisClient, keyFor, readSharedKey } from '../../store/shared-redis.js'
import type { RedisClient, SharedRedis } from '../../store/shared-redis.js'
import type { Milliseconds } from '../../types.js'

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
   * @defaultValue the client of the option `redis`, else none: each process counts for itself
   */
  readonly redis?: RedisClient
  /**
   * The key that names and secrets are hashed with before they are counted: 32 octets or more. It
   * is needed with a Redis, and is the same in all processes that share it.
   *
   * @defaultValue made from the key of the option `redis`; a random one without a Redis
   */
  readonly key?: string | Uint8Array
}

/** The options, checked, with defaults. Frozen. */
export interface AttemptsSettings {
  readonly perAddress: number
  readonly perUser: number
  readonly timeWindow: Milliseconds
  readonly redis: RedisClient | undefined
  /** What the keys in Redis begin with. */
  readonly prefix: string
  readonly key: KeyObject
}

const OPTIONS = new Set(['perAddress', 'perUser', 'timeWindow', 'redis', 'key'])
const MAX_COUNT = 1_000_000

/**
 * Checks the option `attempts`.
 *
 * @param shared - The Redis of the option `redis`.
 * @throws {BadOption} It is wrong. The message names what is, and the type it got, never the value.
 */
export function readAttempts (options: AttemptsOptions, shared?: SharedRedis): AttemptsSettings {
  const { perAddress = 100, perUser = 10, timeWindow = 900_000, redis, key } = checkObject(options, 'attempts', OPTIONS)
  if (redis !== undefined && !isRedisClient(redis)) throw badOption('attempts.redis', 'an ioredis client', redis)
  if (redis !== undefined && key === undefined && shared?.key === undefined) throw badOption('attempts.key', 'given where attempts.redis is', key)
  return Object.freeze({
    perAddress: readInteger(perAddress, 'attempts.perAddress', 0, MAX_COUNT),
    perUser: readInteger(perUser, 'attempts.perUser', 0, MAX_COUNT),
    timeWindow: readInteger(timeWindow, 'attempts.timeWindow', 1000, MAX_TIMER),
    redis: redis ?? shared?.client,
    prefix: redis === undefined && shared !== undefined ? `${shared.prefix}:attempts` : 'fastify-proxy-auth',
    key: key === undefined ? ownKey(shared) : readSharedKey(key, 'attempts.key')
  })
}

function ownKey (shared: SharedRedis | undefined): KeyObject {
  return shared === undefined ? createSecretKey(randomBytes(MIN_KEY)) : keyFor(insistOnKey(shared, 'attempts'), 'attempts')
}
