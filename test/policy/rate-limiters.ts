import t from 'tap'
import { loadRateLimiters, pointsOf } from '../../lib/policy/rate-limiters.js'

t.test('the package that counts: it has what is used of it', async t => {
  const { RateLimiterMemory, RateLimiterRedis, RateLimiterSQLite } = await loadRateLimiters('option limits')
  for (const Class of [RateLimiterMemory, RateLimiterRedis, RateLimiterSQLite]) {
    for (const method of ['get', 'penalty', 'delete'] as const) t.type(Class.prototype[method], 'function')
  }
})

t.test('a count that is no number: an error that names the store, for no limit is below it', async t => {
  t.equal(pointsOf({ consumedPoints: 3, msBeforeNext: 1 }), 3)
  t.throws(() => pointsOf({ consumedPoints: NaN, msBeforeNext: 1 }), new Error('the store says no number'))
  t.throws(() => pointsOf({ consumedPoints: NaN, msBeforeNext: 1 }, 'Redis'), new Error('Redis says no number'))
})
