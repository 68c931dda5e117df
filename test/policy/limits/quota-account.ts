import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { HeldExchange } from '../../../lib/policy/limits/held-exchange.js'
import type { LimitFailure } from '../../../lib/policy/limits/meter.js'
import { Periods } from '../../../lib/policy/limits/period.js'
import { QuotaAccount } from '../../../lib/policy/limits/quota-account.js'
import type { QuotaStore } from '../../../lib/policy/limits/quota-store.js'
import { StoreHealth } from '../../../lib/store/store-health.js'

const START = Date.parse('2026-11-30T12:00:00Z')
const MIDNIGHT = Date.parse('2026-12-01T00:00:00Z')
const DAY = 24 * 60 * 60 * 1000
const REACHED = { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'quota' }

/** A store that several processes may share. */
class Shared implements QuotaStore {
  readonly counts = new Map<string, number>()
  asked: number[] = []
  until = 0
  /** What happens before each addition. */
  before: () => Promise<void> | undefined = () => undefined
  async add (key: string, octets: number, until: number) {
    this.asked.push(octets)
    this.until = until
    await this.before()
    const count = (this.counts.get(key) ?? 0) + octets
    this.counts.set(key, count)
    return count
  }

  async close () {}
  get all () { return Object.fromEntries(this.counts) }
}

interface Given { octets: number, status?: 403 | 429, whenFailing?: 'refuse' | 'allow', store?: Shared, timeout?: number }

/** A process with an account of the quota. */
function started ({ octets, status = 429, whenFailing = 'refuse', store = new Shared(), timeout = 1000 }: Given, now = START) {
  const time = { now, even: 0 }
  const health = new StoreHealth({ name: 'the store', timeout, tell: () => {}, clock: () => time.even })
  const account = new QuotaAccount({ limit: 'day', octets, status, periods: new Periods('day', 'UTC'), store, health, whenFailing, clock: () => time.now }, 'day:alice')
  const enter = async () => {
    const failures: LimitFailure[] = []
    await account.enter()
    const exchange = new HeldExchange(failure => failures.push(failure))
    exchange.ask('down', account)
    exchange.hold(() => account.exit())
    return { exchange, failures, meter: exchange.meter! }
  }
  return { time, health, account, enter, store }
}

/** Moves octets for as long as it may, in chunks. */
async function moveAll ({ meter, failures }: { meter: NonNullable<HeldExchange['meter']>, failures: readonly unknown[] }, chunk: number, most = Infinity): Promise<number> {
  let moved = 0
  while (moved < most) {
    const wanted = Math.min(chunk, most - moved)
    const taken = meter.take('down', wanted)
    moved += taken
    if (taken === wanted) {
      if (moved % 65_536 === 0) await setImmediate()
      continue
    }
    const waited: number[] = []
    meter.wait('down', wanted - taken, octets => waited.push(octets))
    while (waited.length === 0 && failures.length === 0) await setImmediate()
    if (waited.length === 0) break
    moved += waited[0]!
  }
  return moved
}

for (const [octets, chunk] of [[10_000_000, 65_536], [1000, 300], [1, 1], [7, 65_536]] as const) {
  t.test(`50 tunnels in two processes with ${octets} octets: exactly as many move, and all are ended with the time when it begins anew`, async t => {
    const store = new Shared()
    const processes = [started({ octets, store }), started({ octets, store })]
    const entered = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => processes[i % 2]!.enter()))
    const tunnels = entered.filter(each => each.status === 'fulfilled').map(({ value }) => value)
    const moved = await Promise.all(tunnels.map(tunnel => moveAll(tunnel, chunk)))
    t.equal(moved.reduce((sum, each) => sum + each, 0), octets)
    for (const { failures } of tunnels) {
      t.match(failures, [{ code: 'FST_PROXY_AUTH_LIMIT_REACHED', statusCode: 429, kind: 'quota', limit: 'day', reason: 'quota used up until 2026-12-01T00:00:00Z (day)', headers: { 'retry-after': '43200' } }])
    }
    for (const { exchange } of tunnels) exchange.release()
    await setImmediate()
    t.same(store.all, { 'day:alice:2026-11-30': octets }, 'what was asked for beyond is given back')
    t.equal(store.until, MIDNIGHT + 7 * DAY)
    for (const { account } of processes) await t.rejects(account.enter(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED' })
  })
}

t.test('a quota of nothing: each request is refused, with 403 where that is said', async t => {
  const { account, store } = started({ octets: 0, status: 403 })
  await t.rejects(account.enter(), { ...REACHED, statusCode: 403, headers: { 'retry-after': undefined } })
  await t.rejects(account.enter(), { ...REACHED, statusCode: 403 })
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': 0 })
  t.same(account.left(), { limit: 'day', octets: 0, left: 0, renews: new Date(MIDNIGHT) })
})

t.test('the largest quota: it is counted to the octet', async t => {
  const octets = Number.MAX_SAFE_INTEGER
  const { enter, store, account } = started({ octets })
  store.counts.set('day:alice:2026-11-30', octets - 3)
  const tunnel = await enter()
  t.equal(await moveAll(tunnel, 65_536), 3)
  t.match(tunnel.failures, [{ kind: 'quota' }])
  tunnel.exchange.release()
  await setImmediate()
  t.equal(store.counts.get('day:alice:2026-11-30'), octets)
  t.equal(account.left().left, 0)
})

t.test('octets that move: they are set aside ahead of time, a hundredth and a mebioctet at most; the rest is given back with the last exchange', async t => {
  const { enter, store, account } = started({ octets: 100_000 })
  const [one, other] = [await enter(), await enter()]
  t.same(store.asked, [1000])
  t.equal(one.meter.take('down', 400), 400)
  t.same(store.asked, [1000])
  t.equal(other.meter.take('down', 200), 200)
  one.meter.take('down', 0)
  await setImmediate()
  t.same(store.asked, [1000, 600], 'never more than a thousand are set aside')
  t.same(account.left(), { limit: 'day', octets: 100_000, left: 99_400, renews: new Date(MIDNIGHT) })
  one.exchange.release()
  await setImmediate()
  t.same(store.asked, [1000, 600])
  t.notOk(account.idle)
  other.exchange.release()
  await setImmediate()
  t.same(store.asked, [1000, 600, -1000])
  t.ok(account.idle)
  t.equal(account.left().left, 99_400)
  const large = started({ octets: 1e12 })
  await large.enter()
  t.same(large.store.asked, [1024 * 1024])
})

t.test('a period that ends: a tunnel goes on with the count of the next, and what was set aside goes back', async t => {
  const { enter, store, time, account } = started({ octets: 100_000 })
  const tunnel = await enter()
  t.equal(tunnel.meter.take('down', 300), 300)
  time.now = MIDNIGHT
  t.equal(tunnel.meter.take('down', 300), 0)
  t.equal(await moveAll(tunnel, 500, 2000), 2000)
  t.same(account.left().renews, new Date(MIDNIGHT + DAY))
  time.now = START // the clock goes back
  t.equal(await moveAll(tunnel, 500, 500), 500)
  tunnel.exchange.release()
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': 800, 'day:alice:2026-12-01': 2000 })
})

t.test('a period that ends while the store is asked: the octets are taken of the next', async t => {
  const { enter, store, time } = started({ octets: 1000 })
  store.before = () => { time.now = MIDNIGHT; return undefined }
  const tunnel = await enter()
  t.equal(await moveAll(tunnel, 5, 5), 5)
  tunnel.exchange.release()
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': 0, 'day:alice:2026-12-01': 5 })
})

t.test('a quota that is spent: it is looked up again a second later, as another process may have given back', async t => {
  const { enter, store, time } = started({ octets: 100 })
  store.counts.set('day:alice:2026-11-30', 100)
  await t.rejects(enter(), REACHED)
  const { length } = store.asked
  store.counts.set('day:alice:2026-11-30', 90)
  await t.rejects(enter(), REACHED)
  t.equal(store.asked.length, length)
  time.now += 1000
  const tunnel = await enter()
  t.equal(await moveAll(tunnel, 100), 10)
  tunnel.exchange.release()
  await setImmediate()
  const { length: before } = store.asked
  time.now -= 100_000
  await t.rejects(enter(), REACHED)
  t.ok(store.asked.length > before, 'a clock that went back is no reason to wait')
})

t.test('a quota that is known to be spent while a tunnel runs: it is ended as it asks for more', async t => {
  const { enter } = started({ octets: 10 })
  const [one, other] = [await enter(), await enter()]
  t.equal(await moveAll(one, 100), 10)
  t.same([one.failures.length, other.failures.length], [1, 0])
  t.equal(await moveAll(other, 100), 0)
  t.match(other.failures, [{ kind: 'quota' }])
})

t.test('an exchange that ends while octets are set aside for it: they are given back', async t => {
  const { enter, store } = started({ octets: 100_000 })
  const tunnel = await enter()
  tunnel.meter.take('down', 600)
  tunnel.meter.take('down', 1)
  tunnel.exchange.release()
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': 601 })
})

t.test('an exchange that waits and ends: it is not served', async t => {
  const { enter } = started({ octets: 1000 })
  const tunnel = await enter()
  t.equal(tunnel.meter.take('down', 100), 10)
  tunnel.meter.wait('down', 90, () => t.fail('never'))
  tunnel.exchange.release()
  await setImmediate()
})

const down = () => Promise.reject(new Error('down'))

t.test('a store that fails: requests are refused with 503, and what runs is ended when its octets are used up', async t => {
  const { enter, store, time, health } = started({ octets: 100_000 })
  const tunnel = await enter()
  store.before = down
  t.equal(await moveAll(tunnel, 100), 1000)
  t.match(tunnel.failures, [{ code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED', statusCode: 503 }])
  const other = await enter().catch(error => error)
  t.match(other, { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED', statusCode: 503, headers: { 'retry-after': '1' } })
  tunnel.exchange.release()
  store.before = () => undefined
  time.even += 1000
  const again = await enter()
  t.notOk(health.isFailing)
  t.equal(await moveAll(again, 100, 5000), 5000)
})

t.test('a store that fails while a stream waits: the exchange is ended', async t => {
  const { enter, store } = started({ octets: 100_000 })
  const tunnel = await enter()
  let fail!: () => void
  store.before = () => new Promise((_resolve, reject) => { fail = () => reject(new Error('down')) })
  t.equal(tunnel.meter.take('down', 2000), 1000)
  tunnel.meter.wait('down', 1000, () => t.fail('never'))
  await setImmediate()
  fail()
  await setImmediate()
  t.match(tunnel.failures, [{ code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' }])
  const other = started({ octets: 100_000, store })
  store.before = down
  await t.rejects(other.enter(), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
})

t.test('a store that fails, where all may go on: nothing is counted until it responds again', async t => {
  const { enter, store, time, health } = started({ octets: 100_000, whenFailing: 'allow' })
  const tunnel = await enter()
  store.before = down
  t.equal(await moveAll(tunnel, 1500, 9000), 9000)
  t.ok(health.isFailing)
  const other = await enter()
  t.equal(await moveAll(other, 500, 100_000), 100_000)
  store.before = () => undefined
  time.even += 1000
  t.equal(await moveAll(tunnel, 500, 500), 500, 'it is asked beside that')
  await setImmediate()
  t.notOk(health.isFailing)
  t.equal(await moveAll(tunnel, 500, 2000), 2000)
  for (const { exchange } of [tunnel, other]) exchange.release()
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': 3000 })
})

t.test('a store that responds too late: what it has counted by then is given back', async t => {
  const { enter, store } = started({ octets: 100_000, timeout: 20 })
  let respond!: () => void
  store.before = () => new Promise(resolve => { respond = resolve })
  await t.rejects(enter(), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  store.before = () => undefined
  respond()
  await setImmediate()
  t.same(store.asked, [1000], 'it is left alone by now, so they are lost')
  const other = started({ octets: 100_000, timeout: 20 })
  other.store.before = () => new Promise(resolve => { respond = resolve })
  await t.rejects(other.enter(), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  other.time.even += 1000
  other.store.before = () => undefined
  respond()
  await setImmediate()
  t.same(other.store.all, { 'day:alice:2026-11-30': 0 })
})

t.test('a store that has lost its data: the quota begins anew, and what is given back adds nothing to it', async t => {
  const { enter, store } = started({ octets: 1000 })
  const tunnel = await enter()
  store.counts.clear()
  tunnel.exchange.release()
  await setImmediate()
  t.same(store.all, { 'day:alice:2026-11-30': -10 })
  const again = await enter()
  t.ok(await moveAll(again, 100) <= 1010)
})
