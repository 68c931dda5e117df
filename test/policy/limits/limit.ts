import t from 'tap'
import { HeldExchange } from '../../../lib/policy/limits/held-exchange.js'
import { TrafficLimit } from '../../../lib/policy/limits/limit.js'
import type { LimitBackends } from '../../../lib/policy/limits/limit.js'
import { readLimits } from '../../../lib/policy/limits/limits-options.js'
import type { LimitOptions } from '../../../lib/policy/limits/limits-options.js'
import type { Limited } from '../../../lib/policy/limits/meter.js'
import { OwnPlaces } from '../../../lib/policy/limits/places.js'
import { MemoryQuotas } from '../../../lib/policy/limits/quota-store.js'
import { loadRateLimiters } from '../../../lib/policy/rate-limiters.js'
import { StoreHealth } from '../../../lib/store/store-health.js'

const limiters = await loadRateLimiters('a test')
const health = new StoreHealth({ name: 'the store', timeout: 1000, tell: () => {} })
const backends = (more: Partial<LimitBackends> = {}): LimitBackends => ({
  places: new OwnPlaces(),
  rates: { health, counts: new limiters.RateLimiterMemory({ keyPrefix: '', points: 1, duration: 1 }) },
  quotas: { health, store: new MemoryQuotas(limiters) },
  bandwidth: undefined,
  whenFailing: 'refuse',
  clock: Date.now,
  ...more
})
const limitOf = (options: LimitOptions, more: Partial<LimitBackends> = {}, most?: number) =>
  new TrafficLimit(readLimits([options], undefined)!.limits[0]!, backends(more), most)
const alice: Limited = { user: 'alice', groups: ['ci', 'staff'], rule: 'builds', kind: 'tunnel' }

/** Lets an exchange into all accounts of a limit. */
async function enter (limit: TrafficLimit, who = alice): Promise<HeldExchange> {
  const exchange = new HeldExchange(() => {})
  const accounts = limit.accountsOf(who)
  for (const account of accounts) account.use(exchange)
  try {
    for (const account of accounts) await account.enter(who.kind, exchange)
    return exchange
  } catch (failure) {
    exchange.release()
    throw failure
  }
}

t.test('whom a limit holds: every list that it has must fit', async t => {
  for (const [options, holds] of [
    [{}, true], [{ users: ['alice'] }, true], [{ users: ['bob'] }, false], [{ groups: ['x', 'staff'] }, true], [{ groups: ['x'] }, false],
    [{ rules: ['builds'] }, true], [{ rules: ['x'] }, false], [{ users: ['alice'], groups: ['x'] }, false], [{ users: ['alice'], groups: ['ci'], rules: ['builds'] }, true]
  ] as const) t.equal(limitOf({ tunnels: 1, ...options }).holds(alice), holds, JSON.stringify(options))
  t.notOk(limitOf({ tunnels: 1, rules: ['builds'] }).holds({ ...alice, rule: null }))
})

t.test('what is counted together: a user, each of the groups, a rule, or all', async t => {
  const bob: Limited = { user: 'bob', groups: ['ci', 'ci'], rule: null, kind: 'tunnel' }
  for (const [options, accounts, same] of [
    [{}, 1, false], [{ by: 'group', groups: ['ci', 'staff', 'other'] }, 2, true], [{ by: 'rule' }, 1, false], [{ by: 'all' }, 1, true]
  ] as const) {
    const limit = limitOf({ tunnels: 1, ...options })
    const [first, ...rest] = limit.accountsOf(alice)
    t.equal(rest.length + 1, accounts, JSON.stringify(options))
    t.equal(limit.accountsOf(alice)[0], first)
    t.equal(limit.accountsOf(bob)[0] === first, same, JSON.stringify(options))
    t.equal(limit.accountsOf(bob).length, 1)
  }
})

t.test('tunnels and requests at a time: each kind has its places, which are given back', async t => {
  const limit = limitOf({ name: 'ci', tunnels: 1, requests: 2 })
  const tunnel = await enter(limit)
  t.equal(tunnel.meter, undefined)
  await t.rejects(enter(limit), {
    code: 'FST_PROXY_AUTH_LIMIT_REACHED', statusCode: 429, limit: 'ci', kind: 'tunnels', retryAfterMs: null, headers: { 'retry-after': '1' }, message: 'limit reached: no more than 1 tunnels at a time (ci)'
  })
  const request: Limited = { ...alice, kind: 'request' }
  const requests = [await enter(limit, request), await enter(limit, request)]
  await t.rejects(enter(limit, request), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'requests' })
  await enter(limit, { ...request, user: 'bob' })
  tunnel.release()
  requests[0]!.release()
  await enter(limit)
  await enter(limit, request)
  const free = limitOf({ requests: 0 })
  await enter(free)
  await t.rejects(enter(free, request), { code: 'FST_PROXY_AUTH_LIMIT_REACHED' })
})

t.test('a rate: what is beyond is told how long to wait', async t => {
  const limit = limitOf({ name: 'ci', rate: { requests: 1, per: 60_000 } })
  await enter(limit)
  const failure = await enter(limit).catch(error => error)
  t.match(failure, { code: 'FST_PROXY_AUTH_LIMIT_REACHED', limit: 'ci', kind: 'rate', message: 'limit reached: no more than 1 requests in 60 seconds (ci)' })
  t.ok(failure.retryAfterMs > 59_000)
})

t.test('a quota: octets of both directions count, and it is left with the exchange', async t => {
  const limit = limitOf({ name: 'ci', quota: { octets: 1000, per: 'month', zone: 'Europe/Berlin', status: 403 } })
  const exchange = await enter(limit)
  const [account] = limit.accountsOf(alice)
  t.equal(exchange.meter!.take('up', 4), 4)
  t.equal(exchange.meter!.take('down', 5), 5)
  t.match(account!.quota!.left(), { limit: 'ci', octets: 1000, left: 991 })
  t.notOk(account!.idle)
  exchange.release()
  t.ok(account!.idle)
  t.match(account!.quota!.left(), { left: 991 })
  await t.rejects(enter(limitOf({ quota: { octets: 0, per: 'day', status: 403 } })), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', statusCode: 403 })
})

t.test('a bandwidth: each direction has its own, and one without is free', async t => {
  const limit = limitOf({ bandwidth: { up: 20_000 } })
  const exchange = await enter(limit)
  t.equal(exchange.meter!.take('up', 5000), 1000)
  t.equal(exchange.meter!.take('down', 5000), 5000)
  const [account] = limit.accountsOf(alice)
  exchange.release()
  t.notOk(account!.idle, 'or a new connection had a new burst')
  const other = await enter(limit)
  t.equal(other.meter!.take('up', 5000), 0)
  const downwards = limitOf({ bandwidth: { down: 20_000 } })
  const download = await enter(downwards)
  download.meter!.take('down', 5000)
  download.release()
  t.notOk(downwards.accountsOf(alice)[0]!.idle)
  const both = await enter(limitOf({ bandwidth: { up: 20_000, down: 40_000 } }))
  t.same([both.meter!.take('up', 5000), both.meter!.take('down', 5000)], [1000, 2000])
})

t.test('a bandwidth that processes share: its octets come from their bucket', async t => {
  const keys: string[] = []
  const draw = async (key: string, _rate: number, _size: number, wanted: number) => { keys.push(key); return wanted }
  const exchange = await enter(limitOf({ name: 'a:b{c} ', bandwidth: { down: 20_000 } }, { bandwidth: { draw, health } }), { ...alice, user: 'ü\ud800:' })
  t.equal(exchange.meter!.take('down', 500), 0)
  t.same(keys, ['a%3Ab%7Bc%7D%20:%C3%BC%EF%BF%BD%3A:down'], 'no name gets out of its part of the key')
  exchange.release()
})

t.test('there is an end of accounts: those that nothing uses go, the oldest first, and none that is used', async t => {
  const limit = limitOf({ tunnels: 1 }, {}, 2)
  const of = (user: string): Limited => ({ ...alice, user })
  const used = await enter(limit, of('used'))
  const [account] = limit.accountsOf(of('used'))
  const [idle] = limit.accountsOf(of('idle'))
  for (const user of ['a', 'b', 'c']) limit.accountsOf(of(user))
  t.equal(limit.accountsOf(of('used'))[0], account)
  t.not(limit.accountsOf(of('idle'))[0], idle)
  used.release()
  const busy = limitOf({ tunnels: 1 }, {}, 2)
  for (let i = 0; i < 30; i++) await enter(busy, of(`user ${i}`))
  t.equal(busy.size, 30)
})
