import t from 'tap'
import { Rate } from '../../../lib/policy/limits/rate.js'
import { loadRateLimiters } from '../../../lib/policy/rate-limiters.js'
import type { RateLimiter } from '../../../lib/policy/rate-limiters.js'
import { StoreHealth } from '../../../lib/store/store-health.js'

const { RateLimiterMemory } = await loadRateLimiters('a test')
const health = () => new StoreHealth({ name: 'the store', timeout: 1000, tell: () => {} })
const memory = () => new RateLimiterMemory({ keyPrefix: '', points: 1, duration: 1 })
const broken = { penalty: async () => { throw new Error('down') } } as unknown as RateLimiter

t.test('as many as may begin within the time: they go, and further ones are told how long to wait', async t => {
  const rate = new Rate({ requests: 2, per: 59_500 }, memory(), health(), 'refuse')
  t.same([await rate.count('a'), await rate.count('a')], [0, 0])
  const wait = await rate.count('a')
  t.ok(wait > 59_000 && wait <= 60_000, 'whole seconds are counted')
  t.equal(await rate.count('b'), 0)
})

t.test('a rate of none: each waits', async t => {
  t.ok(await new Rate({ requests: 0, per: 1000 }, memory(), health(), 'refuse').count('a') > 0)
})

t.test('a time that is just over, as the store has it: there is still a wait', async t => {
  const counts = { penalty: async () => ({ consumedPoints: 3, msBeforeNext: 0 }) } as unknown as RateLimiter
  t.equal(await new Rate({ requests: 2, per: 1000 }, counts, health(), 'refuse').count('a'), 1)
})

t.test('a store that fails: the request is refused with 503, or goes on uncounted', async t => {
  await t.rejects(new Rate({ requests: 2, per: 1000 }, broken, health(), 'refuse').count('a'), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  t.equal(await new Rate({ requests: 0, per: 1000 }, broken, health(), 'allow').count('a'), 0)
})

t.test('a store that says no number: it has failed', async t => {
  const counts = { penalty: async () => ({ consumedPoints: NaN, msBeforeNext: 1 }) } as unknown as RateLimiter
  await t.rejects(new Rate({ requests: 2, per: 1000 }, counts, health(), 'refuse').count('a'), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
})
