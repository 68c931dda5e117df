import t from 'tap'
import { readAttempts } from '../../../lib/policy/attempts/attempts-options.js'
import type { AttemptsOptions } from '../../../lib/policy/attempts/attempts-options.js'
import { readSharedRedis } from '../../../lib/store/shared-redis.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'

const redis = fakeRedis()
const key = 'k'.repeat(32)
const BAD = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('no options: the defaults hold, with a new key each time', async t => {
  const { key, ...rest } = readAttempts({})
  t.same(rest, { perAddress: 100, perUser: 10, timeWindow: 900_000, redis: undefined, prefix: 'fastify-proxy-auth' })
  t.equal(key.symmetricKeySize, 32)
  t.notOk(key.equals(readAttempts({}).key), 'another one each time')
})

t.test('valid options: they are taken over', async t => {
  const given = { perAddress: 0, perUser: 1, timeWindow: 1000, redis }
  t.match(readAttempts({ ...given, key }), given)
  t.ok(readAttempts({ key }).key.equals(readAttempts({ key: Buffer.from(key) }).key))
})

t.test('a Redis that all uses share: it is taken with a key made from its own, unless there are others', async t => {
  const shared = readSharedRedis({ client: redis, prefix: 'edge', key })
  const read = readAttempts({}, shared)
  t.match(read, { redis, prefix: '{edge}:v1:attempts' })
  t.ok(read.key.equals(readAttempts({}, shared).key))
  t.notOk(read.key.equals(shared.key!))
  t.ok(readAttempts({ key }, shared).key.equals(readAttempts({ key }).key))
  t.ok(readAttempts({ key }, readSharedRedis(redis)).key.equals(readAttempts({ key }).key))
  const own = fakeRedis()
  const other = readAttempts({ redis: own }, shared)
  t.equal(other.redis, own)
  t.equal(other.prefix, 'fastify-proxy-auth')
  t.ok(other.key.equals(read.key))
  t.throws(() => readAttempts({}, readSharedRedis(redis)), { ...BAD, message: /^option redis.key must be given, as attempts needs it/ })
  t.throws(() => readAttempts({ redis: own }, readSharedRedis(redis)), { ...BAD, message: /^option attempts.key must be given/ })
})

t.test('invalid options: they are refused by name, and their values never shown', async t => {
  const wrong: Array<[string, unknown]> = [
    ['attempts', null], ['attempts', []], ['attempts', 'x'], ['attempts.perUsers', { perUsers: 1 }], ['attempts.perAddress', { perAddress: -1 }],
    ['attempts.perAddress', { perAddress: 1.5 }], ['attempts.perUser', { perUser: '10' }], ['attempts.timeWindow', { timeWindow: 999 }],
    ['attempts.timeWindow', { timeWindow: 2 ** 31 }], ['attempts.redis', { redis: {}, key }], ['attempts.redis', { redis: { status: 'ready' }, key }],
    ['attempts.redis', { redis: { defineCommand: () => {} }, key }], ['attempts.redis', { redis: null, key }],
    ['attempts.key', { redis }], ['attempts.key', { key: 7 }], ['attempts.key', { key: 'hunter2' }]
  ]
  for (const [option, value] of wrong) {
    t.throws(() => readAttempts(value as AttemptsOptions), { ...BAD, message: new RegExp(`option (${option} must|"${option}"; did you mean)`) }, option)
  }
  t.throws(() => readAttempts({ key: 'hunter2' }), { message: /^(?!.*hunter2)/ })
})
