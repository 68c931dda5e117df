import { inspect } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { insistOnKey, isRedisClient, keyFor, readRedis, readSharedKey, readSharedRedis } from '../../lib/store/shared-redis.js'
import type { SharedRedisOptions } from '../../lib/store/shared-redis.js'
import { fakeRedis } from '../fixtures/fake-redis.js'

const client = fakeRedis()
const key = 'hunter2'.repeat(5)
const BAD = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('a client alone: the usual prefix, with a hash tag and the version, and no key', async t => {
  t.same(readSharedRedis(client), { client, name: 'fastify-proxy-auth', prefix: '{fastify-proxy-auth}:v1', key: undefined })
})

t.test('a client with prefix and key: they are taken over, and no log shows the key', async t => {
  const shared = readSharedRedis({ client, prefix: 'edge:eu-1', key })
  t.match(shared, { client, prefix: '{edge:eu-1}:v1' })
  t.ok(shared.key!.equals(readSharedRedis({ client, key: Buffer.from(key) }).key!), 'octets are as good as text')
  t.notMatch(inspect(shared, { depth: 9 }), /hunter2/)
  t.notMatch(JSON.stringify(shared), /hunter2/)
})

t.test('invalid options: they are refused by name, and their values never shown', async t => {
  const wrong: Array<[string, unknown]> = [
    ['redis', null], ['redis', []], ['redis', 'redis://:hunter2@redis.test'], ['redis.client', {}], ['redis.client', { client: { status: 'ready' } }],
    ['redis.client', { client: { ...client, duplicate: undefined } }], ['redis.client', { ...client, duplicate: undefined }], ['redis.prefx', { client, prefx: 'x' }],
    ['redis.prefix', { client, prefix: '' }], ['redis.prefix', { client, prefix: '{hunter2}' }], ['redis.prefix', { client, prefix: 'x'.repeat(65) }],
    ['redis.prefix', { client, prefix: 7 }], ['redis.key', { client, key: 'hunter2' }], ['redis.key', { client, key: null }], ['redis.key', { client, key: 7 }]
  ]
  for (const [option, value] of wrong) {
    t.throws(() => readSharedRedis(value as SharedRedisOptions), { ...BAD, message: new RegExp(`^(?!.*hunter2).*option (${option} must|"${option}"; did you mean)`) }, option)
  }
  t.throws(() => readRedis({} as SharedRedisOptions, ''), { message: /^option client must/ })
})

t.test('clients of ioredis, alone and of a cluster: they are clients', async t => {
  const made = [new Redis({ lazyConnect: true }), new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })]
  for (const each of made) t.match(readSharedRedis(each), { prefix: '{fastify-proxy-auth}:v1' })
  for (const each of [undefined, null, 7, {}, { status: 'ready' }, { defineCommand () {} }]) t.notOk(isRedisClient(each))
})

t.test('the keys for two uses of one key: they differ from it and from each other, and are the same in each process', async t => {
  const { key: shared } = readSharedRedis({ client, key })
  const one = keyFor(shared!, 'one')
  t.ok(one.equals(keyFor(readSharedRedis({ client, key }).key!, 'one')))
  t.notOk(one.equals(keyFor(shared!, 'other')))
  t.notOk(one.equals(readSharedKey(key, 'key')))
})

t.test('a use that needs the key: the option has to have it', async t => {
  const shared = readSharedRedis({ client, key })
  t.equal(insistOnKey(shared, 'DigestStrategy'), shared.key)
  t.throws(() => insistOnKey(readSharedRedis(client), 'DigestStrategy'), { ...BAD, message: 'option redis.key must be given, as DigestStrategy needs it, got undefined' })
})
