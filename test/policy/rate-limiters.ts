import t from 'tap'
import { loadRateLimiters } from '../../lib/policy/rate-limiters.js'

t.test('the package that counts: it has what is used of it', async t => {
  const { RateLimiterMemory, RateLimiterRedis, RateLimiterSQLite } = await loadRateLimiters('option limits')
  for (const Class of [RateLimiterMemory, RateLimiterRedis, RateLimiterSQLite]) {
    for (const method of ['get', 'penalty', 'delete'] as const) t.type(Class.prototype[method], 'function')
  }
})
