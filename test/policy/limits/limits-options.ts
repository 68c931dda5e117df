import t from 'tap'
import { readLimits } from '../../../lib/policy/limits/limits-options.js'
import type { LimitOptions, LimitStoreOptions } from '../../../lib/policy/limits/limits-options.js'

const read = (limit: unknown) => readLimits([limit as LimitOptions], undefined)!.limits[0]!
const store = (given: unknown) => readLimits([{ tunnels: 1 }], given as LimitStoreOptions)!.store

t.test('no limits: there are no settings', async t => {
  t.equal(readLimits(undefined, undefined), undefined)
  t.equal(readLimits([], { file: 'x' }), undefined)
  t.throws(() => readLimits(undefined, { timeout: 0 }), { message: /limitStore\.timeout/ }, 'a wrong store is none, all the same')
})

t.test('a limit with one member: all else is unlimited, and it holds everything', async t => {
  t.same(read({ tunnels: 5 }), {
    name: 'limits[0]', users: null, groups: null, rules: null, by: 'user', tunnels: 5, requests: Infinity, rate: null, bandwidth: { up: Infinity, down: Infinity }, quota: null
  })
  t.same(store(undefined), { file: undefined, whenFailing: 'refuse', timeout: 1000 })
})

t.test('a limit with all members: they are kept, frozen', async t => {
  const limit = read({
    name: 'ci',
    users: ['alice'],
    groups: ['ci', 'ci'],
    rules: ['builds'],
    by: 'group',
    tunnels: 0,
    requests: 1_000_000,
    rate: { requests: 10, per: 1000 },
    bandwidth: { down: 1 },
    quota: { octets: Number.MAX_SAFE_INTEGER, per: 'month', zone: 'Europe/Berlin', status: 403 }
  })
  t.same(limit, {
    name: 'ci',
    users: new Set(['alice']),
    groups: new Set(['ci']),
    rules: new Set(['builds']),
    by: 'group',
    tunnels: 0,
    requests: 1_000_000,
    rate: { requests: 10, per: 1000 },
    bandwidth: { up: Infinity, down: 1 },
    quota: { octets: 9007199254740991, per: 'month', zone: 'Europe/Berlin', status: 403 }
  })
  t.same(read({ quota: { octets: 0, per: 'day' } }).quota, { octets: 0, per: 'day', zone: 'UTC', status: 429 })
  for (const part of [limit, limit.rate, limit.bandwidth, limit.quota]) t.ok(Object.isFrozen(part))
  t.same(store({ file: 'quotas.db', whenFailing: 'allow', timeout: 1 }), { file: 'quotas.db', whenFailing: 'allow', timeout: 1 })
})

t.test('a wrong option: the boot fails, and the message names it and not its value', async t => {
  const secret = 'canary'
  for (const [limit, option] of [
    [secret, 'limits\\[0\\]'], [{}, 'limits\\[0\\] must be an object with one of'], [{ name: 'x' }, 'limits\\[0\\] must'], [{ tunnel: 1 }, 'did you mean "limits\\[0\\].tunnels"'],
    [{ tunnels: 1, name: '' }, 'name'], [{ tunnels: 1, name: 1 }, 'name'], [{ tunnels: 1, name: `${secret}\n` }, 'name'], [{ tunnels: 1, name: secret.repeat(20) }, 'name'],
    [{ tunnels: 1, users: secret }, 'users'], [{ tunnels: 1, users: [] }, 'users'], [{ tunnels: 1, groups: [1] }, 'groups\\[0\\]'], [{ tunnels: 1, rules: ['a', ''] }, 'rules\\[1\\]'],
    [{ tunnels: 1, by: secret }, 'by'], [{ tunnels: 1, by: 'group' }, 'groups must be given'],
    [{ tunnels: -1 }, 'tunnels'], [{ tunnels: 1.5 }, 'tunnels'], [{ tunnels: 1_000_001 }, 'tunnels'], [{ requests: secret }, 'requests'], [{ requests: NaN }, 'requests'],
    [{ rate: 5 }, 'rate'], [{ rate: { requests: 1 } }, 'rate.per'], [{ rate: { per: 1000 } }, 'rate.requests'], [{ rate: { requests: 1, per: 999 } }, 'rate.per'], [{ rate: { requests: 1, per: 86_400_001 } }, 'rate.per'],
    [{ bandwidth: 5 }, 'bandwidth'], [{ bandwidth: { up: 0 } }, 'bandwidth.up'], [{ bandwidth: { down: 1e13 } }, 'bandwidth.down'], [{ bandwidth: { both: 1 } }, 'bandwidth.both'],
    [{ quota: secret }, 'quota'], [{ quota: { octets: -1, per: 'day' } }, 'quota.octets'], [{ quota: { octets: 2 ** 53, per: 'day' } }, 'quota.octets'], [{ quota: { octets: 1, per: secret } }, 'quota.per'],
    [{ quota: { octets: 1, per: 'day', zone: secret } }, 'quota.zone'], [{ quota: { octets: 1, per: 'day', zone: 5 } }, 'quota.zone'], [{ quota: { octets: 1, per: 'day', zone: '' } }, 'quota.zone'],
    [{ quota: { octets: 1, per: 'day', status: 402 } }, 'quota.status']
  ] as const) {
    t.throws(() => read(limit), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(option) }, JSON.stringify(limit))
    try { read(limit) } catch (error) { t.notMatch((error as Error).message, secret) }
  }
  for (const [given, option] of [[secret, 'limitStore'], [{ file: '' }, 'file'], [{ file: 1 }, 'file'], [{ whenFailing: secret }, 'whenFailing'], [{ timeout: 0 }, 'timeout'], [{ path: 'x' }, 'path']] as const) {
    t.throws(() => store(given), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(option) }, JSON.stringify(given))
  }
  t.throws(() => readLimits({} as never, undefined), { message: /option limits must be a list/ })
})

t.test('two limits of one name: the boot fails, as their counts would be one', async t => {
  t.throws(() => readLimits([{ name: 'a', tunnels: 1 }, { tunnels: 1 }, { name: 'a', requests: 1 }], undefined), { message: /limits\[2\]\.name/ })
  t.throws(() => readLimits([{ name: 'limits[1]', tunnels: 1 }, { tunnels: 1 }], undefined), { message: /limits\[1\]\.name/ })
})
