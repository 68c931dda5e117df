import { createHmac, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { StoreUnavailable } from '../errors.js'
import { badOption, checkOptions, readInteger } from '../check-option.js'
import type { Milliseconds } from '../types.js'
import { RedisHealth } from './redis-health.js'
import { LEFT_ALONE } from './store-health.js'
import type { StoreListener } from './store-health.js'
import { defineScript } from './redis-script.js'
import type { RedisScript } from './redis-script.js'
import { keyFor, readRedis } from './shared-redis.js'
import type { SharedRedisOptions } from './shared-redis.js'
import type { Claim, ReplayStore } from './store.js'

/** Options of {@link RedisStore}, beside those of the Redis. */
export interface RedisStoreOptions extends SharedRedisOptions {
  /**
   * The secret that the names of users are hashed with: 32 octets or more, the same in all
   * processes.
   */
  readonly key: string | Uint8Array
  /**
   * How many windows there may be at a time, in all processes: as for `MemoryStore`. One takes
   * about 500 octets in Redis, and up to 250 more with many counts. From 1 to 16777216.
   *
   * @unit windows
   * @defaultValue `100000`
   */
  readonly maxWindows?: number
  /**
   * Told once when Redis does not do what it is asked to, with the error, and once when it does
   * again.
   *
   * @defaultValue none
   */
  readonly onStore?: StoreListener
}

/**
 * One claim. The windows are in one hash, their ends in a sorted set, and how many each owner has
 * in another hash, so that Redis gives up all windows or none when it evicts keys.
 *
 * The epoch is in the first hash, with the run of Redis that has seen all claims of it: one that
 * was started again may have an older state, and so may a replica in its place. A claim of another
 * epoch is refused, since its window may be lost.
 *
 * A window is the highest count and, from it downwards, a char for each count: 1 is used. The clock
 * of Redis or that of the gateway may be set to another time. So windows end when both say so.
 */
const CLAIM = `
local windows, ends, owners = KEYS[1], KEYS[2], KEYS[3]
local epoch, fresh, key, owner = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local n, ttl, most, gateway = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local SIZE, KEPT, SWEPT = 256, 86400000, 20

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HMGET', windows, 'epoch', 'run')
if known[2] ~= run or redis.call('HLEN', windows) ~= redis.call('ZCARD', ends) + 2 then
  redis.call('UNLINK', windows, ends, owners)
  redis.call('HSET', windows, 'epoch', fresh, 'run', run)
  redis.call('PEXPIRE', windows, KEPT)
  known[1] = fresh
end
if known[1] ~= epoch then return {'lost', known[1]} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local early, late = math.min(now, gateway), math.max(now, gateway)

local field = 'of ' .. key
local window = redis.call('HGET', windows, field)
if not window then
  for _, ended in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', early, 'LIMIT', 0, SWEPT)) do
    local whose = string.match(redis.call('HGET', windows, ended), '^%S* (%S*)')
    redis.call('HDEL', windows, ended)
    redis.call('ZREM', ends, ended)
    if whose ~= '' and redis.call('HINCRBY', owners, whose, -1) < 1 then redis.call('HDEL', owners, whose) end
  end
  local left = most - redis.call('ZCARD', ends)
  local owned = owner == '' and 0 or tonumber(redis.call('HGET', owners, owner) or 0)
  if owned >= left then
    local first = redis.call('ZRANGE', ends, 0, 0, 'WITHSCORES')[2]
    return {'full', math.max(first - early, 1)}
  end
  redis.call('HSET', windows, field, ARGV[5] .. ' ' .. owner .. ' 1')
  redis.call('ZADD', ends, late + ttl, field)
  if owner ~= '' then redis.call('HINCRBY', owners, owner, 1) end
  for _, kept in ipairs(KEYS) do redis.call('PEXPIRE', kept, ttl + KEPT) end
  return {'new'}
end

local highest, whose, used = string.match(window, '^(%d+) (%S*) (%d+)$')
local below = tonumber(highest) - n
if below >= SIZE then return {'below window'} end
if below >= 0 then
  if string.sub(used, below + 1, below + 1) == '1' then return {'seen'} end
  used = used .. string.rep('0', below - #used)
  used = string.sub(used, 1, below) .. '1' .. string.sub(used, below + 2)
else
  highest = ARGV[5]
  used = string.sub('1' .. string.rep('0', math.min(-below, SIZE) - 1) .. used, 1, SIZE)
end
redis.call('HSET', windows, field, highest .. ' ' .. whose .. ' ' .. used)
return {'new'}
`

const NEW: Claim = Object.freeze({ kind: 'new' })
const SEEN: Claim = Object.freeze({ kind: 'seen' })
const BELOW: Claim = Object.freeze({ kind: 'below window' })
const OPTIONS = new Set(['client', 'prefix', 'key', 'maxWindows', 'onStore'])

/**
 * A {@link ReplayStore} in Redis, for all processes that use the same one with the same prefix.
 * Each claim is one script, so a number is new in one process only. A window reaches 256 counts
 * down.
 *
 * **When Redis does not respond** within a second, or does not take the claim (it is full, or a
 * replica), the claim rejects with `FST_PROXY_AUTH_STORE_UNAVAILABLE`, and so do those of the next
 * second. No credentials are accepted then: the response is 503 with `Retry-After`.
 *
 * **When Redis may have lost windows**, which is at each start of it, at a failover, and when it
 * evicts keys, all that was issued before counts no longer: `id` is another one from then on, for
 * all processes, and the first claim in each is `below window`. Digest clients get `stale=true`
 * and repeat their request with another nonce. Signatures of AWS4 have no nonce, so one that was
 * used before such a loss can be used once more.
 *
 * @example
 * new DigestStrategy({ lookup, keys: [secret], store: new RedisStore({ client, key: secret }) })
 */
export class RedisStore implements ReplayStore {
  private epoch = randomUUID() as string // none that Redis knows: the first claim tells it
  private readonly prefix: string
  private readonly key: KeyObject
  private readonly maxWindows: number
  private readonly health: RedisHealth
  private readonly script: RedisScript
  private readonly keys: readonly string[]

  /**
   * @throws {BadOption} An option is wrong.
   */
  constructor (options: RedisStoreOptions) {
    const { maxWindows = 100_000, onStore = () => {}, ...redis } = checkOptions(options, OPTIONS)
    const { client, prefix, key } = readRedis(redis, '')
    if (key === undefined) throw badOption('key', 'given', key)
    if (typeof onStore !== 'function') throw badOption('onStore', 'a function', onStore)
    this.maxWindows = readInteger(maxWindows, 'maxWindows', 1, 2 ** 24)
    this.prefix = prefix
    this.key = keyFor(key, 'owners of nonces')
    this.health = new RedisHealth(client, onStore)
    this.script = defineScript(client, 'proxyAuthClaim1', 3, CLAIM)
    this.keys = ['', ':ends', ':owners'].map((part) => `${prefix}:nonces${part}`)
  }

  get id (): string {
    return `${this.prefix}:${this.epoch}`
  }

  /** Asks Redis for the `id` before the first claim does. It does not reject. */
  async prepare (): Promise<void> {
    await this.health.first(async () => await this.ask('', '', 0, 0)).catch(() => {})
  }

  async claim (key: string, n: number, ttl: Milliseconds, owner?: string): Promise<Claim> {
    const { epoch } = this // as the nonce was judged with
    try {
      return await this.health.ask(async () => await this.ask(epoch, key, n, ttl, owner))
    } catch (cause) {
      throw new StoreUnavailable(LEFT_ALONE, { cause })
    }
  }

  private async ask (epoch: string, key: string, n: number, ttl: Milliseconds, owner?: string): Promise<Claim> {
    const whose = owner === undefined ? '' : this.hash(owner)
    const args = [epoch, randomUUID(), key, whose, n, Math.ceil(ttl), this.maxWindows, Date.now()]
    const said = await this.script(this.keys, ...args)
    const [kind, value] = said as ['new' | 'seen' | 'below window'] | ['full', number] | ['lost', string]
    if (kind === 'new') return NEW
    if (kind === 'seen') return SEEN
    if (kind === 'full') return { kind, retryAfter: value }
    if (kind === 'lost') this.epoch = value
    return BELOW
  }

  /** Of 132 bits. */
  private hash (owner: string): string {
    return createHmac('sha256', this.key).update(owner).digest('base64url').slice(0, 22)
  }
}
