import { defineScript } from '../../store/redis-script.js'
import type { RedisScript } from '../../store/redis-script.js'
import type { RedisClient } from '../../store/shared-redis.js'
import type { StoreHealth } from '../../store/store-health.js'
import type { Milliseconds } from '../../types.js'
import { Pacer } from './pacer.js'

/** A bucket with nothing in it is asked again so soon. */
const ASKED_AGAIN: Milliseconds = 10
/** A bucket that is not used for so long is full, so it need not be kept. */
const KEPT: Milliseconds = 2000

/** KEYS: the bucket. ARGV: rate a second, size, how much is wanted, how long it is kept. */
const DRAW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local rate, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or size
local since = math.max(0, now - (tonumber(bucket[2]) or now))
tokens = math.min(size, tokens + since * rate / 1000)
local drawn = math.floor(math.min(tokens, tonumber(ARGV[3])))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - drawn), 'at', string.format('%.3f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return drawn
`

/** The bucket that processes share, of one account and direction. */
export type DrawTokens = (key: string, rate: number, size: number, wanted: number) => Promise<number>

/** Makes the function that draws tokens from buckets in Redis. */
export function drawingFrom (client: RedisClient, prefix: string): DrawTokens {
  const draw: RedisScript = defineScript(client, 'proxyAuthDraw1', 1, DRAW)
  return async (key, rate, size, wanted) => {
    const drawn = await draw([`${prefix}:bandwidth:${key}`], rate, size, wanted, KEPT) as number
    // Anything else would hold up its account for good, or free it.
    if (!(drawn >= 0 && drawn <= wanted)) throw new Error('Redis gives what was not asked for')
    return drawn
  }
}

/**
 * Lets octets go at a rate that processes share: tokens come from one bucket in Redis, as many at a
 * time as go in a tenth of a second. While Redis does not respond, each process goes by its own
 * clock, at the whole rate.
 */
export class SharedPacer extends Pacer {
  private isAsking = false
  private notBefore: Milliseconds = -Infinity

  constructor (
    private readonly key: string, rate: number,
    private readonly health: StoreHealth, private readonly draw: DrawTokens, clock?: () => Milliseconds
  ) {
    super(rate, clock)
    this.tokens = 0
  }

  /** A new one has nothing, so it does not matter what this one has. */
  override get idle (): boolean { return !this.isAsking && this.waiting === 0 }

  protected override fill (): void {
    if (this.health.isFailing) super.fill()
    if (this.isAsking || this.tokens > this.burst / 2) return
    if (this.health.isLeftAlone || this.clock() < this.notBefore) return
    this.isAsking = true
    this.ask()
  }

  private async ask (): Promise<void> {
    try {
      const wanted = Math.max(1, Math.floor(this.burst - this.tokens))
      const drawn = await this.health.ask(() => this.draw(this.key, this.rate, Math.ceil(this.burst), wanted))
      this.tokens += drawn
      if (drawn < wanted) this.notBefore = this.clock() + ASKED_AGAIN
    } catch {} // it goes by the clock of this process from now on
    this.isAsking = false
    this.serve()
  }
}
