import t from 'tap'
import { readCacheOptions } from '../../lib/strategies/cache-options.js'

t.test('an option that is left out or false: the cache is off', async t => {
  t.equal(readCacheOptions(undefined), null)
  t.equal(readCacheOptions(false), null)
})

t.test('settings that are left out: have their defaults', async t => {
  const { clock, ...settings } = readCacheOptions(true)!
  t.strictSame(settings, { ttl: 300_000, refresh: 30_000, negativeTtl: 5000, max: 10_000, maxNegative: 10_000 })
  t.type(clock(), 'number')
  t.equal(readCacheOptions({ ttl: 1001 })!.refresh, 500, 'a short life is renewed in its second half')
  t.equal(readCacheOptions({ refresh: 0, negativeTtl: 0 })!.refresh, 0)
  t.ok(Object.isFrozen(readCacheOptions({})))
})

const clock = () => 7
t.strictSame(readCacheOptions({ ttl: 1, refresh: 1, negativeTtl: 2, max: 3, maxNegative: 4, clock }), {
  ttl: 1, refresh: 1, negativeTtl: 2, max: 3, maxNegative: 4, clock
})

t.test('a wrong option: is named, and its value is never shown', async t => {
  for (const [cache, message] of [
    [7, /option cache must be true, false or an object, got number/],
    [null, /option cache must be/],
    [[], /option cache must be/],
    [{ tll: 1 }, /unknown option "cache.tll"; did you mean "cache.ttl"/],
    [{ ttl: 0 }, /option cache.ttl must be an integer from 1 to 86400000, got another number/],
    [{ ttl: '1 hour' }, /cache.ttl must be .* got string/],
    [{ ttl: 86_400_001 }, /cache.ttl/],
    [{ ttl: 100, refresh: 101 }, /cache.refresh must be an integer from 0 to 100/],
    [{ negativeTtl: 60_001 }, /cache.negativeTtl/],
    [{ max: 0 }, /cache.max /],
    [{ maxNegative: 0 }, /cache.maxNegative /],
    [{ clock: 7 }, /cache.clock must be a function/]
  ] as const) t.throws(() => readCacheOptions(cache as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message }, String(message))
  t.throws(() => readCacheOptions(7 as never, 'strategies[].cache'), { message: /option strategies\[\]\.cache must/ })
})
