import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { withDeadline } from '../deadline.js'
import { guarded, on } from '../platform/guarded.js'
import { REDIS_TIMEOUT, RedisHealth } from '../store/redis-health.js'
import type { StoreListener } from '../store/store-health.js'
import { defineScript } from '../store/redis-script.js'
import type { RedisScript } from '../store/redis-script.js'
import type { RedisSubscriber, SharedRedis } from '../store/shared-redis.js'
import type { Milliseconds } from '../types.js'
import type { Revocations } from './revocations.js'

/** How many names Redis remembers, and how many are kept here while it takes none. */
const REMEMBERED = 10_000
/** How long Redis remembers them after the last one. */
const KEPT: Milliseconds = 60 * 60 * 1000
/** How often it is asked, whether a message came or not. */
const INTERVAL: Milliseconds = 500

/** How many entries are read at a time: Redis does nothing else meanwhile. */
const READ_AT_ONCE = 1000
/** How many users are revoked before others have their turn: each may end much. */
const AT_ONCE = 100

/** A stream has ids that only grow, whatever the clock does: so none is missed. */
const REVOKE = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'name', ARGV[1], 'by', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[5], '')
`
/** The id of the last one. */
const LAST = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return last and last[1] or '0-0'
`
/**
 * The names behind the id that is given, the id of the last entry that was read, and how many were.
 * Where all ids are lower, the stream is another one: its data were lost, and the clock was set
 * back.
 */
const READ = `
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[3])
if #entries == 0 then entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3]) end
local names = {}
for _, entry in ipairs(entries) do
  if entry[1] ~= ARGV[1] and entry[2][4] ~= ARGV[2] then table.insert(names, entry[2][2]) end
end
local last = entries[#entries]
return {last and last[1] or '0-0', names, #entries}
`

/**
 * Tells other processes which users are revoked, and hears it from them, over Redis.
 *
 * The names are in a stream, from which each process reads on where it was. A message over pub/sub
 * says that there is something to read, so it is read at once; and it is read twice a second in any
 * case, as a message can be lost. So a process that was cut off from Redis catches up, as long as
 * Redis remembers the names. Names that Redis does not take now are kept until it does.
 *
 * @example
 * const shared = new SharedRevocations(redis, 'Corporate Proxy', revocations, () => {})
 * await shared.start()
 * shared.revoke('alice')
 */
export class SharedRevocations {
  private readonly me = randomUUID()
  private readonly place: string
  /** Two, as one that takes no writes can still be read. */
  private readonly telling: RedisHealth
  private readonly hearing: RedisHealth
  private readonly add: RedisScript
  private readonly latest: RedisScript
  private readonly list: RedisScript
  /** Up to where the stream was read. */
  private last = '0-0'
  /**
   * Not told to the others yet, each with its number among all that were revoked here. In JSON,
   * which has a form for each text.
   */
  private readonly untold = new Map<string, number>()
  private count = 0
  private subscriber: RedisSubscriber | undefined
  private timer: NodeJS.Timeout | undefined
  private working: Promise<void> | undefined
  private again = false

  /**
   * @param realm - Whose users they are: the same name may be of another user in another realm.
   * @param tell - Told when Redis does not answer, and when it does again.
   */
  constructor (
    private readonly redis: SharedRedis, realm: string, private readonly revocations: Revocations, tell: StoreListener
  ) {
    this.place = `${redis.prefix}:revoked:${realm}`
    const listener = together(tell)
    this.telling = new RedisHealth(redis.client, listener)
    this.hearing = new RedisHealth(redis.client, listener)
    this.add = defineScript(redis.client, 'proxyAuthRevoke1', 1, REVOKE)
    this.latest = defineScript(redis.client, 'proxyAuthLastRevoked1', 1, LAST)
    this.list = defineScript(redis.client, 'proxyAuthRevoked2', 1, READ)
  }

  /**
   * Begins to listen. What was revoked before does not matter to a process that has let in no user
   * yet; unless Redis does not answer now, and users may be let in before it does.
   */
  async start (): Promise<void> {
    const last = await this.hearing.first(async () => await this.latest([this.place])).catch(() => null)
    if (last !== null) this.last = last as string
    this.timer = setInterval(guarded(() => { this.work() }), INTERVAL).unref()
    this.subscribe()
  }

  /** Ends what goes on in the name of a user: here at once, and in all other processes. */
  revoke (name: string): void {
    this.revocations.revoke(name)
    this.untold.set(JSON.stringify(name), ++this.count)
    if (this.untold.size > REMEMBERED) this.untold.delete(this.untold.keys().next().value!)
    this.work()
  }

  /** Ends. What was begun to be told is waited for, but not for long. */
  async close (): Promise<void> {
    clearInterval(this.timer)
    this.subscriber?.disconnect()
    if (this.working !== undefined) await withDeadline(this.working, REDIS_TIMEOUT, () => new Error('late')).catch(() => {})
  }

  /** One connection, which does nothing else: that of the application may not be used for it. */
  private subscribe (): void {
    const subscriber = this.subscriber = this.redis.client.duplicate()
    on(subscriber, 'error', () => {}) // the connection of the application has the same trouble, and that is told
    on(subscriber, 'ready', () => { subscriber.subscribe(this.place).catch(() => {}) }) // the timer reads without it
    on(subscriber, 'message', () => { this.work() })
    if (subscriber.status === 'wait') subscriber.connect().catch(() => {})
  }

  /** Tells and reads: once at a time, and once more if there is something new meanwhile. */
  private work (): void {
    this.again = true
    this.working ??= this.workOff().finally(() => { this.working = undefined })
  }

  private async workOff (): Promise<void> {
    while (this.again) {
      this.again = false
      // What fails is told by its health, and the timer tries again.
      await Promise.all([this.tellAll().catch(() => {}), this.hear().catch(() => {})])
    }
  }

  private async tellAll (): Promise<void> {
    for (const [name, number] of this.untold) {
      await this.telling.ask(async () => await this.add([this.place], name, this.me, REMEMBERED, KEPT, this.place))
      if (this.untold.get(name) === number) this.untold.delete(name) // else it was revoked once more meanwhile
    }
  }

  private async hear (): Promise<void> {
    const [last, names, entries] = await this.hearing.ask(async () => await this.listed())
    this.last = last
    if (entries === READ_AT_ONCE) this.again = true // there may be more
    for (const [index, name] of names.entries()) {
      guarded(() => { this.revocations.revoke(JSON.parse(name) as string) })()
      if (index % AT_ONCE === AT_ONCE - 1) await setImmediate()
    }
  }

  private async listed (): Promise<readonly [last: string, names: readonly string[], entries: number]> {
    return await this.list([this.place], this.last, this.me, READ_AT_ONCE) as [string, string[], number]
  }
}

/** Makes one listener for several: it is told when the first fails, and when none does any more. */
function together (tell: StoreListener): StoreListener {
  let failing = 0
  return (state, cause) => {
    failing += state === 'failed' ? 1 : -1
    if (failing === (state === 'failed' ? 1 : 0)) tell(state, cause)
  }
}
