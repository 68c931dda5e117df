import { once } from 'node:events'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { Revocations } from '../../lib/policy/revocations.js'
import { SharedRevocations } from '../../lib/policy/shared-revocations.js'
import { readSharedRedis } from '../../lib/store/shared-redis.js'
import { atBest } from '../fixtures/at-best.js'
import { fakeRedis } from '../fixtures/fake-redis.js'
import { redis, startRedis } from '../fixtures/redis.js'
import { stallingProxy } from '../fixtures/stalling-proxy.js'
import { until } from '../fixtures/until.js'

const { skip } = redis
const STREAM = '{fastify-proxy-auth}:v1:revoked:Gateway'

/** What a process ends, in its order, and what it is told of Redis. */
async function shared (t: Test, client: Redis, realm = 'Gateway', onEnd = () => {}) {
  const ended: string[] = []
  const told: unknown[] = []
  const revocations = new Revocations()
  revocations.hold({
    end (name) {
      ended.push(name)
      onEnd()
    }
  })
  const shared = new SharedRevocations(readSharedRedis(client), realm, revocations, (...what) => told.push(what))
  await shared.start()
  t.teardown(() => shared.close())
  return { shared, ended, told }
}

/** A client that comes back at once. */
async function clientOf (t: Test, where: Pick<RedisOptions, 'path' | 'port'>, options: RedisOptions = {}): Promise<Redis> {
  const client = new Redis({ host: '127.0.0.1', retryStrategy: () => 20, ...where, ...options })
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  if (options.lazyConnect !== true) await once(client, 'ready')
  return client
}

t.test('users that are revoked, with Redis: other processes end what is theirs, too', { skip }, async t => {
  const server = await startRedis(t)
  const direct = await server.client()
  t.beforeEach(async () => { await direct.flushall() })

  t.test('a user that is revoked: here at once, in other processes within a second, and once in each', async t => {
    const one = await shared(t, await server.client())
    const [other, third] = [await shared(t, await server.client()), await shared(t, await server.client())]
    const names: string[] = []
    const took = await atBest(1000, async () => {
      const more = ['alice', 'böb', 'a\ud800b', '"; DROP', '']
      names.push(...more)
      for (const name of more) one.shared.revoke(name)
      t.same(one.ended, names)
      const start = performance.now()
      await until(() => other.ended.length === names.length && third.ended.length === names.length)
      return performance.now() - start
    })
    t.ok(took < 1000, `${took} ms`)
    other.shared.revoke('carol')
    await until(() => one.ended.length > names.length && third.ended.length > names.length)
    t.same(one.ended, [...names, 'carol'])
    t.same(other.ended, [...names, 'carol'])
    t.same(third.ended, [...names, 'carol'])
    t.ok(await direct.pttl(STREAM) > 3_500_000)
  })

  t.test('a user of the same name in another realm: another user', async t => {
    const [one, other, elsewhere] = [await shared(t, direct), await shared(t, direct), await shared(t, direct, 'Elsewhere')]
    one.shared.revoke('alice')
    elsewhere.shared.revoke('bob')
    await until(() => other.ended.length === 1)
    one.shared.revoke('carol')
    await until(() => other.ended.length === 2)
    t.same(other.ended, ['alice', 'carol'])
    t.same(elsewhere.ended, ['bob'])
  })

  t.test('a process that begins: what was before does not matter to it', async t => {
    const one = await shared(t, direct)
    one.shared.revoke('alice')
    await until(async () => await direct.exists(STREAM) === 1)
    const late = await shared(t, await server.client())
    one.shared.revoke('bob')
    await until(() => late.ended.length > 0)
    t.same(late.ended, ['bob'])
  })

  t.test('messages that do not come: the names do all the same, within a second', async t => {
    await direct.call('ACL', 'SETUSER', 'deaf', 'on', 'nopass', '~*', '+@all', 'resetchannels')
    const deaf = await clientOf(t, { path: server.path }, { username: 'deaf', password: 'x' })
    const [one, other] = [await shared(t, direct), await shared(t, deaf)]
    let tries = 0
    const took = await atBest(1500, async () => {
      tries += 1
      one.shared.revoke('alice')
      const start = performance.now()
      await until(() => other.ended.length === tries)
      return performance.now() - start
    })
    t.ok(took < 1500, `${took} ms`)
    other.shared.revoke('bob')
    t.same(other.ended, [...Array(tries).fill('alice'), 'bob'])
  })

  t.test('a message that comes: the names are read for it alone', async t => {
    const never = () => ({ unref () {} })
    const { restore } = t.capture(globalThis, 'setInterval', never as never)
    const [one, other] = [await shared(t, direct), await shared(t, direct)]
    restore()
    await until(async () => (await direct.pubsub('NUMSUB', STREAM))[1] === 2)
    one.shared.revoke('alice')
    await until(() => other.ended.length === 1)
    t.same(other.ended, ['alice'])
  })

  t.test('a process that is cut off from Redis: it catches up, and tells what it has revoked', async t => {
    const { port, stall, flow } = await stallingProxy(t, server.port)
    const cut = await shared(t, await clientOf(t, { port }))
    const one = await shared(t, direct)
    stall()
    await until(() => cut.told.length === 1)
    t.match(cut.told, [['failed', { message: 'Redis did not answer in time' }]])
    one.shared.revoke('alice')
    cut.shared.revoke('bob')
    t.same(cut.ended, ['bob'], 'here it is at once')
    flow()
    await until(() => cut.ended.length === 2 && one.ended.length === 2)
    t.same(cut.ended, ['bob', 'alice'])
    t.same(one.ended, ['alice', 'bob'])
    await until(() => cut.told.length === 2) // which the names need not wait for
    t.match(cut.told, [[], ['recovered']])
  })

  t.test('data that are lost while the clock is set back: what is revoked then is heard', async t => {
    const other = await shared(t, direct)
    await direct.xadd(STREAM, '9999999999999-1', 'name', '"before"', 'by', 'another')
    await until(() => other.ended.length === 1)
    await direct.multi().del(STREAM).xadd(STREAM, '5-1', 'name', '"after"', 'by', 'another').exec()
    await until(() => other.ended.length === 2)
    t.same(other.ended, ['before', 'after'])
  })

  t.test('far more names than are remembered: a thousand are read at a time, and those behind them count', async t => {
    const other = await shared(t, await server.client())
    const monitor = await (await server.client()).monitor()
    t.teardown(() => monitor.disconnect())
    const asked: string[][] = []
    monitor.on('monitor', (_time: string, command: string[]) => { if (command[0] === 'XRANGE') asked.push(command) })
    await direct.eval("for i = 1, 30000 do redis.call('XADD', KEYS[1], '*', 'name', '\"' .. i .. '\"', 'by', 'another') end", 1, STREAM)
    await direct.xadd(STREAM, '*', 'name', '"alice"', 'by', 'another')
    await until(() => other.ended.includes('alice'))
    t.equal(other.ended.length, 30_001)
    t.equal(other.ended.at(-1), 'alice')
    t.ok(asked.length > 30)
    t.ok(asked.every(command => command.at(-2) === 'COUNT' && command.at(-1) === '1000'))
    t.same(other.told, [])
  })

  t.test('what is no name in the stream, and what fails to end: the names behind it count', async t => {
    const other = await shared(t, direct)
    await direct.multi().xadd(STREAM, '*', 'name', 'no JSON', 'by', 'another').xadd(STREAM, '*', 'name', '"alice"', 'by', 'another').exec()
    await until(() => other.ended.length === 1)
    t.same(other.ended, ['alice'])
    t.same(other.told, [])
  })

  t.test('a Redis that takes no writes: what others have told is heard, and the trouble is told of once', async t => {
    const [full, one] = [await shared(t, direct), await shared(t, await server.client())]
    await direct.xadd(STREAM, '*', 'name', '"before"', 'by', 'another')
    await until(() => full.ended.length === 1)
    await direct.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1')
    full.shared.revoke('alice')
    await until(() => full.told.length === 1)
    t.match(full.told, [['failed', { message: /OOM/ }]])
    const calls = async () => Number(/calls=(\d+)/.exec((await direct.info('commandstats')).split('cmdstat_xrange')[1]!)![1])
    const before = await calls()
    await until(async () => await calls() > before + 4)
    t.equal(full.told.length, 1, 'to read does not make it well')
    t.same(one.ended, ['before'])
    await direct.config('SET', 'maxmemory', '0')
    await until(() => one.ended.length === 2)
    t.same(one.ended, ['before', 'alice'])
    await until(() => full.told.length === 2)
    t.match(full.told, [[], ['recovered']])
  })

  t.test('many users who are revoked while a process is cut off: other work has its turn among them', async t => {
    const turns: number[] = []
    const other = await shared(t, direct, 'Gateway', () => { if (other.ended.length === 1) setImmediate(() => turns.push(other.ended.length)) })
    const many = direct.multi()
    for (let i = 0; i < 250; i++) many.xadd(STREAM, '*', 'name', `"user ${i}"`, 'by', 'another')
    await many.exec()
    await until(() => other.ended.length === 250)
    t.same(turns, [100])
  })

  t.test('a process that ends: what it has revoked is told, and no connection stays', async t => {
    const [one, other] = [await shared(t, await server.client()), await shared(t, direct)]
    const listening = async () => (await direct.client('LIST', 'TYPE', 'PUBSUB') as string).split('\n').length - 1
    await until(async () => await listening() === 2)
    one.shared.revoke('alice')
    await one.shared.close()
    await until(() => other.ended.length === 1)
    await until(async () => await listening() === 1)
  })

  t.test('a client that connects with its first command: it hears of users that are revoked', async t => {
    const [lazy, one] = [await shared(t, await clientOf(t, { path: server.path }, { lazyConnect: true })), await shared(t, direct)]
    one.shared.revoke('alice')
    await until(() => lazy.ended.length === 1)
  })

  t.test('a client that keeps no command until it is connected: it hears of them, too', async t => {
    const [hasty, one] = [await shared(t, await clientOf(t, { path: server.path }, { enableOfflineQueue: false })), await shared(t, direct)]
    one.shared.revoke('alice')
    await until(() => hasty.ended.length === 1)
  })
})

t.test('a Redis that is away when a process begins, and has names when it comes: they are heard', { skip }, async t => {
  const server = await startRedis(t)
  const direct = await server.client()
  await direct.xadd(STREAM, '*', 'name', '"alice"', 'by', 'another')
  await direct.save()
  await server.stop()
  const begun = await shared(t, await clientOf(t, { path: server.path }, { lazyConnect: true, enableOfflineQueue: false }))
  t.match(begun.told, [['failed']])
  await server.start()
  await until(() => begun.ended.length === 1)
  t.match(begun.told, [['failed'], ['recovered']])
})

t.test('more names than are remembered, while Redis takes none: the first are given up', async t => {
  const told: string[] = []
  const client = Object.assign(fakeRedis(), {
    status: 'reconnecting',
    proxyAuthRevoke1: async (_key: string, name: string) => told.push(JSON.parse(name) as string),
    proxyAuthRevoked2: async () => ['0-0', [], 0]
  })
  const shared = new SharedRevocations(readSharedRedis(client), 'Gateway', new Revocations(), () => {})
  for (let i = 0; i < 10_001; i++) shared.revoke(`user ${i}`)
  client.status = 'ready'
  shared.revoke('alice')
  await until(() => told.includes('alice'))
  t.equal(told[0], 'user 2')
  t.equal(told.length, 10_000)
})

t.test('a Redis that answers the first question too late: the process hears of all names there are', async t => {
  const asked: string[] = []
  let late = () => {}
  const client = Object.assign(fakeRedis(), {
    proxyAuthLastRevoked1: async () => {
      await new Promise<void>(resolve => { late = resolve })
      return '9-9'
    },
    proxyAuthRevoked2: async (_key: string, last: string) => {
      asked.push(last)
      return ['0-0', [], 0]
    }
  })
  const shared = new SharedRevocations(readSharedRedis(client), 'Gateway', new Revocations(), () => {})
  await shared.start()
  late()
  await until(() => asked.length === 1)
  await shared.close()
  t.same(asked, ['0-0'])
})

t.test('a user who is revoked once more while that is being told: it is told once more', async t => {
  const told: string[] = []
  const answers: Array<() => void> = []
  const client = Object.assign(fakeRedis(), {
    proxyAuthRevoke1: async (_key: string, name: string) => {
      told.push(name)
      await new Promise<void>(resolve => answers.push(resolve))
    },
    proxyAuthRevoked2: async () => ['0-0', [], 0]
  })
  const shared = new SharedRevocations(readSharedRedis(client), 'Gateway', new Revocations(), () => {})
  shared.revoke('alice')
  await until(() => answers.length === 1)
  shared.revoke('alice')
  answers[0]!()
  await until(() => answers.length === 2)
  answers[1]!()
  await shared.close()
  t.same(told, ['"alice"', '"alice"'])
})

t.test('a Redis that is away: a user is revoked here, and the end does not wait for it', async t => {
  const ended: string[] = []
  const revocations = new Revocations()
  revocations.hold({ end: name => ended.push(name) })
  const shared = new SharedRevocations(readSharedRedis(fakeRedis({ status: 'reconnecting' })), 'Gateway', revocations, () => {})
  shared.revoke('alice')
  t.same(ended, ['alice'])
  const start = performance.now()
  await shared.close()
  t.ok(performance.now() - start < 1000)
})

t.test('a Redis that answers nothing: the end waits for it no longer than a second', async t => {
  const client = Object.assign(fakeRedis(), { proxyAuthRevoke1: () => new Promise(() => {}) })
  const took = await atBest(1900, async () => {
    const shared = new SharedRevocations(readSharedRedis(client), 'Gateway', new Revocations(), () => {})
    shared.revoke('alice')
    const start = performance.now()
    await shared.close()
    return performance.now() - start
  })
  t.ok(took < 1900, `${took} ms`)
})
