import { randomUUID } from 'node:crypto'
import { LimitStoreFailed } from '../../errors.js'
import { guarded } from '../../platform/guarded.js'
import { defineScript } from '../../store/redis-script.js'
import type { RedisScript } from '../../store/redis-script.js'
import type { RedisClient } from '../../store/shared-redis.js'
import { LEFT_ALONE } from '../../store/store-health.js'
import type { StoreHealth } from '../../store/store-health.js'
import type { Milliseconds } from '../../types.js'
import { OwnPlaces } from './places.js'
import type { Places } from './places.js'

/** How often a process says that it lives, and how long it is believed. */
const SIGN_EVERY: Milliseconds = 1000
const BELIEVED: Milliseconds = 4000
/** How long a count is kept that no process tells any more. */
const KEPT: Milliseconds = 7 * 24 * 60 * 60 * 1000
/** After how many signs a process tells all of its counts again: about an hour. */
const TOLD_AGAIN = 3600

/*
 * The scripts have to do with two keys: the counts of the processes, by their ids, and until when
 * each process is believed to live. The clock is that of Redis. Counts are set and not added to, so
 * that one that is sent twice, or comes late, does no harm.
 */

/** ARGV: id, count, most in all, how long a process is believed, how long counts are kept. */
const ENTER = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others = 0
local counts = redis.call('HGETALL', KEYS[1])
for i = 1, #counts, 2 do
  if counts[i] ~= ARGV[1] then
    local believed = redis.call('ZSCORE', KEYS[2], counts[i])
    if believed and tonumber(believed) > now then others = others + tonumber(counts[i + 1])
    else redis.call('HDEL', KEYS[1], counts[i]) end
  end
end
if others + tonumber(ARGV[2]) > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`
/** ARGV: id, count, how long counts are kept. */
const SET = `
if tonumber(ARGV[2]) == 0 then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
`
/**
 * ARGV: id, how long a process is believed, how long counts are kept. Whether it was believed until
 * now: else its counts may have been taken away.
 */
const SIGN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local believed = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if believed and tonumber(believed) > now then return 1 end
return 0
`

/**
 * Places that processes share by Redis. A process that dies gives back its places by that: it says
 * each second that it lives, and its counts are not counted when it has not said so for a while.
 */
export class SharedPlaces implements Places {
  private readonly id = randomUUID()
  /** What this process has, with what it has asked for. */
  private readonly own = new OwnPlaces()
  /** What Redis may have otherwise. */
  private readonly wrong = new Set<string>()
  private readonly scripts: { readonly enter: RedisScript, readonly set: RedisScript, readonly sign: RedisScript }
  private timer: NodeJS.Timeout | undefined
  private signs = 0

  /**
   * @param prefix - What the names of all keys begin with. It has a hash tag.
   * @param whenFailing - `allow`: each process counts for itself while Redis does not respond.
   */
  constructor (
    client: RedisClient, private readonly prefix: string, private readonly health: StoreHealth,
    private readonly whenFailing: 'refuse' | 'allow'
  ) {
    this.scripts = {
      enter: defineScript(client, 'proxyAuthEnter1', 2, ENTER),
      set: defineScript(client, 'proxyAuthSetPlaces1', 1, SET),
      sign: defineScript(client, 'proxyAuthSign1', 1, SIGN)
    }
  }

  async enter (key: string, most: number): Promise<boolean> {
    if (!this.own.enter(key, most)) return false
    this.timer ??= this.nextSign()
    if (await this.isFree(key, most)) return true
    this.giveUp(key)
    return false
  }

  leave (key: string): void {
    this.own.leave(key)
    this.set(key)
  }

  close (): void {
    clearTimeout(this.timer)
  }

  private get lives (): string { return `${this.prefix}:processes` }

  private nameOf (key: string): string {
    return `${this.prefix}:places:${key}`
  }

  private async isFree (key: string, most: number): Promise<boolean> {
    const keys = [this.nameOf(key), this.lives]
    try {
      const count = this.own.of(key)
      return await this.health.ask(() => this.scripts.enter(keys, this.id, count, most, BELIEVED, KEPT)) === 1
    } catch {
      if (this.whenFailing === 'refuse') {
        this.giveUp(key)
        throw new LimitStoreFailed(LEFT_ALONE)
      }
      this.wrong.add(key)
      return true
    }
  }

  /** What has been asked for meanwhile may have counted it. */
  private giveUp (key: string): void {
    this.own.leave(key)
    this.wrong.add(key)
  }

  /** Says how many this process has. */
  private set (key: string): void {
    this.wrong.delete(key)
    const setting = this.health.ask(() => this.scripts.set([this.nameOf(key)], this.id, this.own.of(key), KEPT))
    setting.catch(() => { this.wrong.add(key) })
  }

  private nextSign (): NodeJS.Timeout {
    return setTimeout(guarded(() => this.sign()), SIGN_EVERY).unref()
  }

  /** Says that this process lives, and sets right what may be wrong. */
  private async sign (): Promise<void> {
    this.timer = this.own.size > 0 || this.wrong.size > 0 ? this.nextSign() : undefined
    if (this.timer === undefined) return
    let wasBelieved: unknown
    try {
      wasBelieved = await this.health.ask(() => this.scripts.sign([this.lives], this.id, BELIEVED, KEPT))
    } catch {
      return
    }
    const isTimeToTell = ++this.signs % TOLD_AGAIN === 0 // a tunnel may outlast what Redis keeps
    if (wasBelieved === 0 || isTimeToTell) for (const key of this.own.keys()) this.wrong.add(key)
    for (const key of this.wrong) this.set(key)
  }
}
