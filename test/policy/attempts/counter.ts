import t from 'tap'
import { createCounter } from '../../../lib/policy/attempts/counter.js'
import type { CounterOptions } from '../../../lib/policy/attempts/counter.js'
import { loadRateLimiters } from '../../../lib/policy/rate-limiters.js'
import type { RateLimiters } from '../../../lib/policy/rate-limiters.js'
import { RedisHealth } from '../../../lib/store/redis-health.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'

const limiters = await loadRateLimiters('a test')
const inMemory = (options: Partial<CounterOptions> = {}) =>
  createCounter({ limiters, name: 'test', timeWindow: 60_000, ...options })

t.test('a counter in memory: points add up for each key, within the time window', async t => {
  const counter = inMemory()
  t.equal(await counter.read('a', ''), null)
  t.match(await counter.add('a', 3, ''), { points: 3, left: 60_000 })
  t.match(await counter.add('a', 2, ''), { points: 5 })
  const { points, left } = (await counter.read('a', ''))!
  t.equal(points, 5)
  t.ok(left > 0 && left <= 60_000)
  t.equal(await counter.read('b', ''), null)
})

t.test('the longest time window: what is counted stays counted', async t => {
  const counter = inMemory({ timeWindow: 2_147_483_647 })
  await counter.add('a', 3, '')
  await new Promise(resolve => setTimeout(resolve, 5))
  t.match(await counter.read('a', ''), { points: 3 })
})

t.test('a count whose time has run out but is still stored: it no longer counts', async t => {
  class Stopped { get = async () => ({ consumedPoints: 7, msBeforeNext: 0 }) }
  t.equal(await inMemory({ limiters: { RateLimiterMemory: Stopped } as never }).read('a', ''), null)
})

t.test('there is an end of keys: what is counted stays counted, and the others are counted together (R-SEC-3)', async t => {
  const time = { now: 0 }
  const counter = inMemory({ most: 2, share: 2, clock: () => time.now })
  for (const key of ['a', 'b', 'a']) await counter.add(key, 1, '')
  for (let i = 0; i < 10; i++) t.match(await counter.add(`xx${i}`, 1, ''), { points: i + 1 }, 'of one group')
  t.match(await counter.read('xx new', ''), { points: 10 })
  t.equal(await counter.read('yy', ''), null, 'another group')
  t.match(await counter.read('a', ''), { points: 2 })
  t.match(await counter.read('b', ''), { points: 1 })
  time.now = 60_000
  t.equal(await counter.read('yy', ''), null)
  t.match(await counter.add('xx0', 1, ''), { points: 1 }, 'when windows have ended there is room again')
})

t.test('one address brings more keys than its share: they are counted together, and none of another', async t => {
  const counter = inMemory({ most: 100, share: 3 })
  for (const key of ['a', 'b', 'c']) t.match(await counter.add(key, 1, '192.0.2.1'), { points: 1 })
  for (const [i, key] of ['d', 'e', 'f'].entries()) t.match(await counter.add(key, 1, '192.0.2.1'), { points: i + 1 })
  t.match(await counter.add('a', 1, '192.0.2.1'), { points: 2 }, 'what has room goes on')
  t.match(await counter.read('g', '192.0.2.1'), { points: 3 })
  t.equal(await counter.read('g', '198.51.100.1'), null)
  t.match(await counter.add('g', 1, '198.51.100.1'), { points: 1 })
  t.match(await counter.read('a', '198.51.100.1'), { points: 2 }, 'wherever it comes from')
})

t.test('a key there is no room for, where a repetition counts nothing: it is new each time', async t => {
  const counter = inMemory({ most: 1, beyond: 'apart' })
  t.match(await counter.add('a', 1, ''), { points: 1 })
  t.match(await counter.add('a', 1, ''), { points: 2 })
  for (let i = 0; i < 2; i++) t.same(await counter.add('b', 1, ''), { points: 1, left: 60_000 })
  t.equal(await counter.read('b', ''), null)
})

/** A Redis that answers as it is told. */
class Fake {
  static now = 0
  static answer: () => Promise<{ consumedPoints: number, msBeforeNext: number } | null>
  static asked = 0
  static options: Array<Record<string, unknown>> = []
  constructor (options: Record<string, unknown>) { Fake.options.push(options) }
  get = async () => { Fake.asked++; return await Fake.answer() }
  penalty = this.get
}
const client = fakeRedis()
const shared = (troubles: unknown[]) => inMemory({
  limiters: { ...limiters, RateLimiterRedis: Fake } as unknown as RateLimiters,
  redis: { client, health: new RedisHealth(client, (...told) => troubles.push(told), () => Fake.now) }
})

t.test('a counter in Redis: counts are read from and added to Redis', async t => {
  const troubles: unknown[] = []
  const counter = shared(troubles)
  t.match(Fake.options.at(-1), { keyPrefix: 'test', duration: 60, storeClient: client, rejectIfRedisNotReady: true })
  Fake.answer = async () => null
  t.equal(await counter.read('a', ''), null)
  Fake.answer = async () => ({ consumedPoints: 4, msBeforeNext: 500 })
  t.same(await counter.read('a', ''), { points: 4, left: 500 })
  t.same(await counter.add('a', 1, ''), { points: 4, left: 500 })
  t.same(troubles, [])
})

t.test('while Redis does not answer, memory counts: nobody is unlimited, nobody locked out (R-SEC-2)', async t => {
  const troubles: unknown[] = []
  const counter = shared(troubles)
  const down = new Error('down')
  Fake.answer = async () => { throw down }
  t.match(await counter.add('a', 2, ''), { points: 2 })
  const { asked } = Fake
  t.match(await counter.add('a', 2, ''), { points: 4 })
  t.match(await counter.read('a', ''), { points: 4 })
  t.equal(Fake.asked, asked, 'it is left alone for a while')
  Fake.now += 1000
  t.match(await counter.read('a', ''), { points: 4 })
  t.equal(Fake.asked, asked + 1)
  t.same(troubles, [['failed', down]], 'and told of once')
  Fake.now += 1000
  Fake.answer = async () => ({ consumedPoints: 9, msBeforeNext: 500 })
  t.match(await counter.read('a', ''), { points: 9 })
  Fake.answer = async () => { throw down }
  await counter.read('a', '')
  t.same(troubles, [['failed', down], ['recovered'], ['failed', down]], 'until it answers again')
})

t.test('a Redis that has something else than a number: memory counts', async t => {
  const troubles: unknown[] = []
  const counter = shared(troubles)
  Fake.now += 5000
  Fake.answer = async () => ({ consumedPoints: NaN, msBeforeNext: 500 })
  t.match(await counter.add('a', 2, ''), { points: 2 })
  Fake.now += 1000
  t.match(await counter.read('a', ''), { points: 2 })
  t.match(troubles, [['failed', { message: 'the store says no number' }]])
})

t.test('a Redis that never answers: it is given up in time, and the trouble is reported', async t => {
  const troubles: unknown[] = []
  Fake.now += 5000
  Fake.answer = () => new Promise(() => {})
  t.equal(await shared(troubles).read('a', ''), null)
  t.match(troubles, [['failed', { message: /in time/ }]])
})
