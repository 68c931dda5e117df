import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { Cluster, Redis } from 'ioredis'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { lookupStatic, verifyStatic } from '../../lib/users/static.js'
import { atBest } from '../fixtures/at-best.js'
import { basic as pair } from '../fixtures/attempt.js'
import { closedPort } from '../fixtures/closed-port.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Surroundings } from '../fixtures/forms.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { redis, startRedis } from '../fixtures/redis.js'
import type { StartedRedis } from '../fixtures/redis.js'
import { stallingProxy } from '../fixtures/stalling-proxy.js'
import { until } from '../fixtures/until.js'

const { skip } = redis
const key = 'a key for tests, of 32 octets and more'
const lookup = lookupStatic({ alice: 'alice-secret' }).lookup
const digest = () => new DigestStrategy({ lookup })
const basic = () => new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret', bob: 'bob-secret' }), cache: true })

/** Gateways that share a Redis, each with a client of its own, in front of one origin. */
async function sharing (t: Test, { client }: Pick<StartedRedis, 'client'>, options: () => GatewayOptions): Promise<[Surroundings, Surroundings]> {
  const around = async () => await surroundings(t, { redis: { client: await client(), key }, ...options() })
  const [one, other] = [await around(), await around()]
  return [one, { ...other, origin: one.origin }]
}

/** The same client at another gateway. */
async function continued (t: Test, session: DigestSession, other: Surroundings): Promise<DigestSession> {
  const moved = await DigestSession.start(t, other, session.form)
  moved.challenges = session.challenges
  moved.nc = session.nc
  return moved
}

/** A tunnel in the name of a user. */
async function tunnel (t: Test, { port, origin }: Surroundings, credentials: string): Promise<RawClient> {
  const client = await RawClient.to(t, port)
  await client.send(message('CONNECT', origin.authority, [`Proxy-Authorization: ${credentials}`])).until(text => text.includes('\r\n\r\n'))
  return client
}

/** The status of one request with Basic. */
async function ask (t: Test, { port, origin }: Surroundings, credentials: string): Promise<number> {
  const client = await RawClient.to(t, port)
  const text = await client.send(message('absolute-form', origin.authority, [`Proxy-Authorization: ${credentials}`])).until(text => text.includes('\r\n\r\n'))
  client.socket.destroy()
  return readAnswer(text).status
}

for (const form of FORMS) {
  t.test(`${form}: a nonce of one gateway is good at another, and each count of it once in both (R-DIG-8, R-DIG-34)`, { skip }, async t => {
    const [one, other] = await sharing(t, await startRedis(t), () => ({ strategies: [digest()] }))
    const session = await DigestSession.start(t, one, form)
    const moved = await continued(t, session, other)
    t.equal((await session.send()).status, 200)
    const repeated = await moved.send()
    t.equal(repeated.status, 407, 'count 1 was used at the other one')
    t.match(repeated.headers['proxy-authenticate'] ?? '', /stale=true/)
    t.equal((await moved.send()).status, 200)
    session.nc = 2
    t.equal((await session.send()).status, 200)
  })
}

t.test('Redis is away, stalls, or comes back without its data: Digest is 503, and then each client needs another nonce (S5)', { skip }, async t => {
  t.test('stopped and started: nothing is accepted meanwhile, nothing twice, and it recovers by itself', async t => {
    const server = await startRedis(t)
    const [one, other] = await sharing(t, server, () => ({ strategies: [digest()] }))
    const session = await DigestSession.start(t, one)
    t.equal((await session.send()).status, 200)
    await server.stop()
    const away = await session.send()
    t.equal(away.status, 503)
    t.equal(away.headers['retry-after'], '1')
    t.notOk('proxy-authenticate' in away.headers)
    t.ok(one.log.some(({ msg, level }) => msg === 'Redis does not answer: Digest credentials get 503' && level === 40))
    await server.start()
    for (const gate of [one, other]) {
      const replay = await continued(t, session, gate)
      replay.nc = 0
      let answer = await replay.send()
      await until(async () => {
        if (answer.status !== 503) return true
        replay.nc = 0
        answer = await replay.send()
        return false
      })
      t.equal(answer.status, 407, 'the same count, of a nonce from before')
      t.ok(replay.follow(answer))
      t.equal((await replay.send()).status, 200)
    }
    await one.logged(({ msg, store }) => msg === 'Redis answers again' && store === 'nonces')
  })

  t.test('data that are lost: a recorded request is refused by each gateway', async t => {
    const server = await startRedis(t)
    const [one, other] = await sharing(t, server, () => ({ strategies: [digest()] }))
    const session = await DigestSession.start(t, one)
    t.equal((await session.send()).status, 200)
    await (await server.client()).flushall()
    for (const gate of [other, one]) {
      const replay = await continued(t, session, gate)
      replay.nc = 0
      t.equal((await replay.send()).status, 407)
    }
  })

  t.test('full, and evicts nothing: Digest is 503, guesses are counted, a user is revoked here, and all of it is told', async t => {
    const server = await startRedis(t)
    const [one] = await sharing(t, server, () => ({ strategies: [digest(), basic()], attempts: { perUser: 1 } }))
    const direct = await server.client()
    const session = await DigestSession.start(t, one)
    t.equal((await session.send()).status, 200)
    const alice = await tunnel(t, one, ALICE)
    await direct.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1')
    const other = await DigestSession.start(t, one)
    t.equal((await other.send()).status, 503)
    t.equal(await ask(t, one, pair('bob', 'wrong')), 407)
    t.equal(await ask(t, one, pair('bob', 'wrong, too')), 429)
    one.app.proxyAuthRevoke('alice')
    await alice.end()
    const told = () => new Set(one.log.filter(({ msg }) => /^Redis does not answer/.test(String(msg))).map(({ msg }) => msg))
    await until(() => told().size === 3)
    await direct.config('SET', 'maxmemory', '0')
    await until(() => one.log.filter(({ msg }) => msg === 'Redis answers again').length >= 1)
    await until(async () => {
      const answer = await other.send()
      return answer.status === 200
    })
  })

  t.test('stalled: the response comes within a second and a half', async t => {
    const server = await startRedis(t)
    const { port, stall, flow } = await stallingProxy(t, server.port)
    const client = async () => {
      const slow = new Redis({ port, host: '127.0.0.1' })
      t.teardown(() => slow.disconnect())
      await once(slow, 'ready')
      return slow
    }
    const [one] = await sharing(t, { client }, () => ({ strategies: [digest()] }))
    const session = await DigestSession.start(t, one)
    const took = await atBest(1500, async () => {
      stall()
      const start = performance.now()
      t.equal((await session.send()).status, 503)
      const end = performance.now()
      flow()
      await until(async () => (await session.send()).status === 200)
      return end - start
    })
    t.ok(took < 1500, `${took} ms`)
  })
})

t.test('a user that is revoked at one gateway: tunnels and remembered verdicts end at the other, too, within a second', { skip }, async t => {
  let asked = 0
  const counting = () => new BasicStrategy({
    cache: true,
    verify: given => {
      asked++
      return verifyStatic({ alice: 'alice-secret', bob: 'bob-secret' })(given)
    }
  })
  const [one, other] = await sharing(t, await startRedis(t), () => ({ strategies: [counting()] }))
  const bob = await tunnel(t, other, BOB)
  const took = await atBest(1000, async () => {
    const alice = await tunnel(t, other, ALICE)
    t.equal(await ask(t, other, ALICE), 200)
    const start = performance.now()
    one.app.proxyAuthRevoke('alice')
    await alice.end()
    return performance.now() - start
  })
  t.ok(took < 1000, `${took} ms`)
  const before = asked
  await other.logged(({ proxy }) => (proxy as { reason?: string } | undefined)?.reason === 'revoked')
  t.notOk(bob.closed)
  t.equal(await ask(t, other, ALICE), 200)
  t.equal(asked, before + 1, 'the verdict was not remembered')
  t.equal(await ask(t, other, BOB), 200)
  t.equal(asked, before + 1)
})

t.test('wrong secrets: they are counted by all gateways together, with the one option', { skip }, async t => {
  const server = await startRedis(t)
  const [one, other] = await sharing(t, server, () => ({ strategies: [basic()], attempts: { perUser: 2 } }))
  t.equal(await ask(t, one, pair('alice', '1')), 407)
  t.equal(await ask(t, other, pair('alice', '2')), 407)
  for (const gate of [one, other]) t.equal(await ask(t, gate, pair('alice', '3')), 429)
  const names = await (await server.client()).keys('*:attempts:*')
  for (const name of names) t.match(name, /^\{fastify-proxy-auth\}:v1:attempts:(address|user|guess):Gateway:[\w-]{43}$/, 'without names and secrets')
})

t.test('no Redis at the start: the gateway starts, says so, and goes on when it is there', { skip }, async t => {
  const server = await startRedis(t)
  await server.stop()
  const client = new Redis({ path: server.path, retryStrategy: () => 20 })
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const around = await surroundings(t, { redis: { client, key }, strategies: [digest()] })
  const lines = around.log.filter(({ level }) => level === 40).map(({ msg }) => msg)
  t.ok(lines.includes('Redis does not answer: Digest credentials get 503'))
  t.ok(lines.includes('Redis does not answer: a user is revoked in this process alone'))
  const session = await DigestSession.start(t, around)
  t.equal((await session.send()).status, 503)
  await server.start()
  await until(async () => {
    const answer = await session.send()
    session.follow(answer)
    return answer.status === 200
  })
})

t.test('a client without a key: strategies that need none can do without, and Digest fails the boot', async t => {
  const client = new Redis({ port: 1, host: '127.0.0.1', retryStrategy: () => null, lazyConnect: true })
  client.on('error', () => {})
  const { app } = await gateway(t, { redis: client })
  app.proxyAuthRevoke('alice')
  await t.rejects(gateway(t, { redis: client, strategies: [digest()] }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option redis.key must be given/ })
})

t.test('a gateway that closes: no connection of its own to Redis stays', { skip }, async t => {
  const server = await startRedis(t)
  const client = await server.client()
  const { app } = await gateway(t, { redis: { client, key } })
  const listening = async () => (await client.client('LIST', 'TYPE', 'PUBSUB') as string).split('\n').length - 1
  await until(async () => await listening() === 1)
  await app.close()
  await until(async () => await listening() === 0)
  t.equal(client.status, 'ready', 'the connection of the application is left alone')
})

t.test('a cluster of Redis: nonces and revocations are shared over it', { skip }, async t => {
  const server = await startRedis(t, ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-port', String(await closedPort())])
  const direct = await server.client()
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until(async () => (await direct.call('CLUSTER', 'INFO') as string).includes('cluster_state:ok'))
  const client = async () => {
    const cluster = new Cluster([{ port: server.port, host: '127.0.0.1' }])
    t.teardown(() => cluster.disconnect())
    await once(cluster, 'ready')
    return cluster as never
  }
  const [one, other] = await sharing(t, { client }, () => ({ strategies: [digest(), basic()] }))
  const session = await DigestSession.start(t, one)
  const moved = await continued(t, session, other)
  t.equal((await session.send()).status, 200)
  t.equal((await moved.send()).status, 407)
  t.equal((await moved.send()).status, 200)
  const alice = await tunnel(t, other, ALICE)
  one.app.proxyAuthRevoke('alice')
  await alice.end()
})
