import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { FileQuotas, MemoryQuotas, RedisQuotas } from '../../../lib/policy/limits/quota-store.js'
import { loadRateLimiters } from '../../../lib/policy/rate-limiters.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'
import { redis, startRedis } from '../../fixtures/redis.js'
import { newFile, sqlite } from '../../fixtures/sqlite.js'

const limiters = await loadRateLimiters('a test')
const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR
const soon = () => Date.now() + 40 * DAY

t.test('counts in memory: they add up by key, for longer than a timer of node could wait', async t => {
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.removeListener('warning', warn))
  const store = new MemoryQuotas(limiters)
  t.equal(await store.add('a', 5, soon()), 5)
  t.equal(await store.add('b', 7, soon()), 7)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.equal(await store.add('a', 5, soon()), 10)
  t.equal(await store.add('a', -3, soon()), 7)
  t.equal(await store.add('c', Number.MAX_SAFE_INTEGER, soon()), Number.MAX_SAFE_INTEGER)
  t.same(warnings, [])
  await store.close()
})

t.test('counts in memory that are over: they are taken away', async t => {
  const time = { now: 0 }
  const store = new MemoryQuotas(limiters, () => time.now)
  await store.add('a', 5, HOUR)
  await store.add('b', 5, 3 * HOUR)
  time.now = HOUR
  await store.add('c', 5, 3 * HOUR)
  t.equal(await store.add('b', 5, 3 * HOUR), 10)
  t.equal(await store.add('a', 5, 3 * HOUR), 5)
})

t.test('there is an end of counts in memory: what is counted stays counted, and a further one fails until others are over', async t => {
  const time = { now: 0 }
  const store = new MemoryQuotas(limiters, () => time.now, 2)
  await store.add('a', 5, 10)
  await store.add('b', 5, 20)
  await t.rejects(store.add('c', 5, 20), { message: 'there is no room for another count' })
  t.equal(await store.add('a', 5, 10), 10)
  time.now = 10
  t.equal(await store.add('c', 5, 20), 5)
})

t.test('counts in a file: they outlast the process, and those that are over are taken away', { skip: sqlite.skip }, async t => {
  const path = newFile(t)
  const time = { now: Date.now() }
  const first = await FileQuotas.open(limiters, path, 1000, () => time.now)
  t.equal(await first.add('a', 5, soon()), 5)
  t.equal(await first.add('a', 5, soon()), 10)
  t.equal(await first.add('b', Number.MAX_SAFE_INTEGER, soon()), Number.MAX_SAFE_INTEGER)
  t.equal(await first.add('over', 5, Date.now() - DAY), 5, 'it is kept for a second')
  const late = first.add('a', -3, soon())
  await first.close()
  t.equal(await late, 7, 'what has been asked for is done before the end')
  const second = await FileQuotas.open(limiters, path, 1000, () => time.now)
  t.equal(await second.add('a', 1, soon()), 8)
  time.now += HOUR
  t.equal(await second.add('a', 1, soon()), 9)
  await second.close()
  const third = await FileQuotas.open(limiters, path, 5)
  t.equal(await third.add('b', -1, soon()), Number.MAX_SAFE_INTEGER - 1)
  await third.close()
})

t.test('two processes with one file: they count together', { skip: sqlite.skip }, async t => {
  const path = newFile(t)
  const [one, other] = [await FileQuotas.open(limiters, path, 1000), await FileQuotas.open(limiters, path, 1000)]
  await Promise.all(Array.from({ length: 100 }, async (_, i) => await (i % 2 ? one : other).add('a', 1, soon())))
  t.equal(await one.add('a', 0, soon()), 100)
  await Promise.all([one.close(), other.close()])
})

t.test('a file that fails: the addition rejects, and the end does not', { skip: sqlite.skip }, async t => {
  const store = await FileQuotas.open(limiters, newFile(t), 1000)
  await store.add('a', 1, soon())
  await store.close()
  await t.rejects(store.add('a', 1, soon()), { message: /not open/ })
  await store.close()
})

t.test('a file that cannot be opened: the boot fails, and the message has neither path nor content', { skip: sqlite.skip }, async t => {
  const wrong = newFile(t, 'canary.db')
  writeFileSync(wrong, 'this is a canary and no file of SQLite'.repeat(100))
  const folder = newFile(t, 'canary')
  mkdirSync(folder)
  for (const path of [wrong, folder, `${dirname(wrong)}/none/canary.db`]) {
    const failure = await FileQuotas.open(limiters, path, 1000).catch(error => error)
    t.match(failure, { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /limitStore\.file must be a file of SQLite that can be written, got / })
    t.notMatch(failure.message, 'canary')
  }
})

t.test('a table that cannot be made: the boot fails', { skip: sqlite.skip }, async t => {
  class Broken { constructor (_options: object, ready: (failure: unknown) => void) { ready({ code: 'SQLITE_FULL' }) } }
  await t.rejects(FileQuotas.open({ ...limiters, RateLimiterSQLite: Broken as never }, newFile(t), 1000), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /SQLITE_FULL/ })
})

t.test('counts in Redis: processes share them, each for as long as it is said', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const stores = [new RedisQuotas(limiters, await client(), '{x}:quota'), new RedisQuotas(limiters, await client(), '{x}:quota')]
  const counts = await Promise.all(Array.from({ length: 50 }, async (_, i) => await stores[i % 2]!.add('a', 2, soon())))
  t.same(counts.sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => 2 * i + 2))
  t.equal(await stores[0]!.add('a', -10, soon()), 90)
  await stores[0]!.add('b', Number.MAX_SAFE_INTEGER, soon())
  const other = await client()
  t.equal(await stores[0]!.add('over', 1, Date.now() - DAY), 1)
  t.ok(await other.pttl('{x}:quota:over') > 0)
  t.equal(await other.get('{x}:quota:b'), String(Number.MAX_SAFE_INTEGER))
  const left = await other.pttl('{x}:quota:a')
  t.ok(left > 39 * DAY && left <= 40 * DAY + 1000)
  const late = stores[0]!.add('a', 5, soon())
  await stores[0]!.close()
  t.equal(await other.get('{x}:quota:a'), '95', 'what has been asked for is done before the end')
  await late
})

t.test('a Redis that never answers: the end does not wait for it', async t => {
  class Silent { penalty = () => new Promise(() => {}) }
  const store = new RedisQuotas({ ...limiters, RateLimiterRedis: Silent as never }, fakeRedis(), '{x}')
  store.add('a', 5, soon()).catch(() => {})
  await t.resolves(store.close())
})

t.test('a Redis that says no number: the octets are not counted, and none may go', async t => {
  const penalty = async () => ({ consumedPoints: NaN })
  const store = new RedisQuotas({ ...limiters, RateLimiterRedis: class { penalty = penalty } as never }, {} as never, 'x')
  await t.rejects(store.add('a', 1, soon()), { message: 'Redis says no number' })
})
