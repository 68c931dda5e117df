import t from 'tap'
import { readMetricsOptions } from '../../lib/metrics/metrics-options.js'
import { CANARY, refusesOption } from '../fixtures/bad-option.js'
import { Registry } from '../fixtures/metrics.js'

const register = new Registry()

t.test('a registry alone: there are defaults for the others', async t => {
  t.strictSame(readMetricsOptions({ register }), { register, users: 0, prefix: 'proxy_auth_' })
})

t.test('users: so many have a place as is said', async t => {
  t.strictSame([false, true, {}, { max: 1 }, { max: 10_000 }].map(users => readMetricsOptions({ register, users }).users), [0, 100, 100, 1, 10_000])
})

t.test('a prefix: it begins the names', async t => {
  t.equal(readMetricsOptions({ register, prefix: 'gw_1_' }).prefix, 'gw_1_')
})

t.test('wrong options: the error names them, and not their values', async t => {
  const rows: Array<[options: object, option: string, got: string]> = [
    [{}, 'register', 'undefined'],
    [{ register: CANARY }, 'register', 'string'],
    [{ register: {} }, 'register', 'object'],
    [{ register: { registerMetric () {} } }, 'register', 'object'],
    [{ register, users: CANARY }, 'users', 'string'],
    [{ register, users: null }, 'users', 'null'],
    [{ register, users: { max: 0 } }, 'users.max', 'another number'],
    [{ register, users: { max: 10_001 } }, 'users.max', 'another number'],
    [{ register, users: { most: 1 } }, 'users.most', 'it'],
    [{ register, prefix: 1 }, 'prefix', 'number'],
    [{ register, prefix: '' }, 'prefix', 'string'],
    [{ register, prefix: `${CANARY}:` }, 'prefix', 'string'],
    [{ register, prefix: '1_' }, 'prefix', 'string'],
    [{ register, registry: 1 }, 'registry', 'it']
  ]
  for (const [options, option, got] of rows) refusesOption(t, () => readMetricsOptions(options as never), option, got)
  t.throws(() => readMetricsOptions(undefined as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option options must be an object/ })
})
