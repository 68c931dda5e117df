import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import { BadOption } from '../errors.js'
import { badOption, checkObject, isObject } from '../check-option.js'

/** As much of an ioredis client, or of a cluster of it, as is used. */
export interface RedisClient {
  readonly status: string
  defineCommand (name: string, definition: { lua: string, numberOfKeys?: number }): unknown
  connect (): Promise<unknown>
  /** Makes a client of its own with the same options. */
  duplicate (): RedisSubscriber
}

/** As much of the client that {@link RedisClient.duplicate} gives. */
export interface RedisSubscriber extends Pick<EventEmitter, 'on' | 'prependListener' | 'removeListener'> {
  readonly status: string
  connect (): Promise<unknown>
  subscribe (channel: string): Promise<unknown>
  disconnect (): void
}

/** A Redis, and what is needed to use it together with other processes. */
export interface SharedRedisOptions {
  /**
   * An ioredis client, or a cluster of it. It stays yours: its `error` events and its end are up to
   * you. Redis 6.2 or later, or Valkey.
   */
  readonly client: RedisClient
  /**
   * What the names of all keys begin with. Processes with one prefix and one Redis work together.
   * 1 to 64 chars of `A-Z a-z 0-9 . : _ -`.
   *
   * @defaultValue `'fastify-proxy-auth'`
   */
  readonly prefix?: string
  /**
   * A secret of 32 octets or more, the same in all processes, and not in Redis. Nonces are signed
   * with it, and names and secrets hashed. Digest and `attempts` need it unless they have keys of
   * their own.
   *
   * @defaultValue none
   */
  readonly key?: string | Uint8Array
}

/** The options, checked. Frozen. */
export interface SharedRedis {
  readonly client: RedisClient
  /** The option `prefix`. */
  readonly name: string
  /**
   * What all keys begin with. It has the version of what is stored, and a hash tag: a cluster keeps
   * all of them on one node, so a script may use several.
   */
  readonly prefix: string
  /** Only to make keys of: see {@link keyFor}. */
  readonly key: KeyObject | undefined
}

/** How long a key is at least. In octets. */
export const MIN_KEY = 32
/** Changed when it is stored in another way: old and new processes then share nothing. */
const VERSION = 'v1'
const PREFIX = /^[\w.:-]{1,64}$/
const OPTIONS = new Set(['client', 'prefix', 'key'])

/**
 * Checks the option `redis`.
 *
 * @throws {BadOption} It is wrong. The message names what is, and the type it got, never the value.
 */
export function readSharedRedis (given: RedisClient | SharedRedisOptions): SharedRedis {
  if (isRedisClient(given)) return readRedis({ client: given }, 'redis.')
  return readRedis(checkObject(given, 'redis', OPTIONS, 'an ioredis client, or an object'), 'redis.')
}

/**
 * Checks the members of the option `redis`, where they are the options of something else.
 *
 * @param path - What the message puts before their names.
 * @throws {BadOption} One is wrong.
 */
export function readRedis ({ client, prefix: name = 'fastify-proxy-auth', key }: SharedRedisOptions, path: string): SharedRedis {
  if (!isRedisClient(client)) throw badOption(`${path}client`, 'an ioredis client', client)
  if (typeof client.duplicate !== 'function') throw new BadOption(`${path}client`, 'an ioredis client', 'one without duplicate()')
  if (typeof name !== 'string' || !PREFIX.test(name)) throw badOption(`${path}prefix`, '1 to 64 chars of A-Z a-z 0-9 . : _ -', name)
  return Object.freeze({
    client,
    name,
    prefix: `{${name}}:${VERSION}`,
    key: key === undefined ? undefined : readSharedKey(key, `${path}key`)
  })
}

/** Whether a value looks like a client of ioredis. */
export function isRedisClient (value: unknown): value is RedisClient {
  const { status, defineCommand } = (isObject(value) ? value : {}) as Partial<RedisClient>
  return typeof status === 'string' && typeof defineCommand === 'function'
}

/**
 * Reads a key that processes share. A KeyObject shows nothing of itself when it is logged.
 *
 * @throws {BadOption} It is none, or too short.
 */
export function readSharedKey (key: unknown, option: string): KeyObject {
  const octets = typeof key === 'string' || key instanceof Uint8Array ? Buffer.from(key) : null
  if (octets === null) throw badOption(option, 'text or octets', key)
  if (octets.length < MIN_KEY) throw new BadOption(option, `${MIN_KEY} octets or more`, 'fewer')
  return createSecretKey(octets)
}

/**
 * Makes the key for one use of the shared one: what is learnt of one use helps with no other.
 *
 * @param use - Names it.
 */
export function keyFor (key: KeyObject, use: string): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(use).digest())
}

/**
 * Insists on the key of the option `redis`.
 *
 * @param user - What needs it, for the message.
 * @throws {BadOption} There is none.
 */
export function insistOnKey ({ key }: SharedRedis, user: string): KeyObject {
  if (key === undefined) throw badOption('redis.key', `given, as ${user} needs it`, key)
  return key
}
