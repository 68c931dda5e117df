import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { SharedPlaces } from '../../../lib/policy/limits/shared-places.js'
import { RedisHealth } from '../../../lib/store/redis-health.js'
import type { RedisClient } from '../../../lib/store/shared-redis.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'
import { redis, startRedis } from '../../fixtures/redis.js'

const PREFIX = '{test}:v1:limits'
/** How long a Redis that responds may take, in ms: the machine may do much else. */
const LATE = 20_000
const placesOf = (client: unknown, whenFailing: 'refuse' | 'allow' = 'refuse') => {
  const health = new RedisHealth(client as RedisClient, () => {}, undefined, LATE)
  return new SharedPlaces(client as RedisClient, PREFIX, health, whenFailing)
}
const count = (entered: readonly boolean[]) => entered.filter(each => each).length

t.test('two processes: they have as many places together as may be, at once and one after the other', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const [one, other] = [placesOf(await client()), placesOf(await client())]
  t.teardown(() => { one.close(); other.close() })
  t.equal(count(await Promise.all(Array.from({ length: 50 }, async (_, i) => await (i % 2 ? one : other).enter('a', 10)))), 10)
  t.same([await one.enter('b', 1), await other.enter('b', 1), await other.enter('c', 0)], [true, false, false])
  one.leave('b')
  t.same([await other.enter('b', 1), await one.enter('b', 1)], [true, false])
  const all = await client()
  const held = await all.hvals(`${PREFIX}:places:a`)
  t.equal(held.reduce((sum, each) => sum + Number(each), 0), 10)
  t.ok(await all.pttl(`${PREFIX}:places:a`) > 0)
})

const CHILD = `
import { Redis } from 'ioredis'
import { SharedPlaces } from './lib/policy/limits/shared-places.js'
import { RedisHealth } from './lib/store/redis-health.js'
const client = new Redis(Number(process.argv[1]))
await client.ping()
const places = new SharedPlaces(client, '${PREFIX}', new RedisHealth(client, () => {}, undefined, ${LATE}), 'refuse')
for (let i = 0; i < 3; i++) await places.enter('a', 5)
console.log('entered')
setInterval(() => {}, 1000)
`

t.test('a process that is killed: its places are free again within five seconds', { skip: redis.skip }, async t => {
  const { client, port } = await startRedis(t)
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', CHILD, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  const places = placesOf(await client())
  t.teardown(() => places.close())
  t.same([await places.enter('a', 5), await places.enter('a', 5), await places.enter('a', 5)], [true, true, false])
  const raw = await client()
  child.kill('SIGKILL')
  const [seconds, microseconds] = (await raw.time()).map(Number) as [number, number]
  const believed = (await raw.zrange(`${PREFIX}:processes`, '0', '-1', 'WITHSCORES')).filter((_, i) => i % 2 === 1).map(Number)
  t.equal(believed.length, 2)
  for (const until of believed) t.ok(until - (seconds * 1000 + microseconds / 1000) < 5000, 'by the clock of Redis')
  const killed = performance.now()
  while (!await places.enter('a', 5)) {
    if (performance.now() - killed > LATE) return t.fail('never')
    await wait(50)
  }
  t.equal(await raw.hlen(`${PREFIX}:places:a`), 1)
})

/** A Redis that does as it is told, and notes what it is asked. */
function told (t: Test) {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  t.teardown(() => mock.timers.reset())
  const asked: unknown[][] = []
  const answers: Record<string, () => unknown> = { Enter: () => 1, SetPlaces: () => null, Sign: () => 1 }
  const client = fakeRedis()
  const commands = Object.fromEntries(Object.keys(answers).map(name => [`proxyAuth${name}1`, async (...args: unknown[]) => {
    asked.push([name, ...args.filter(each => typeof each === 'number' && each < 1000)])
    return await answers[name]!()
  }]))
  const time = { now: 0 }
  const health = new RedisHealth(client, () => {}, () => time.now)
  const make = (whenFailing: 'refuse' | 'allow') => new SharedPlaces(Object.assign(client, commands), PREFIX, health, whenFailing)
  const settle = async () => { for (let i = 0; i < 10; i++) await setImmediate() }
  const second = async () => {
    await settle()
    time.now += 1000
    mock.timers.tick(1000)
    await settle()
    return asked.splice(0)
  }
  return { asked, answers, make, second }
}
const down = () => { throw new Error('down') }

t.test('a process with places: it says each second that it lives, and no more when it has none', async t => {
  const { asked, make, second } = told(t)
  const places = make('refuse')
  t.ok(await places.enter('a', 5))
  t.same(asked.splice(0), [['Enter', 1, 5]])
  t.same(await second(), [['Sign']])
  t.same(await second(), [['Sign']])
  places.leave('a')
  t.same(await second(), [['SetPlaces', 0]])
  t.same(await second(), [])
  t.ok(await places.enter('a', 5))
  t.same(await second(), [['Enter', 1, 5], ['Sign']])
  places.close()
  t.same(await second(), [])
})

t.test('a place that is held for days: its count is told again each hour, as Redis forgets it after a week', async t => {
  const { make, second } = told(t)
  const places = make('refuse')
  await places.enter('a', 5)
  const asked: unknown[][] = []
  for (let i = 0; i < 3600; i++) asked.push(...await second())
  t.same(asked.filter(([name]) => name !== 'Sign'), [['Enter', 1, 5], ['SetPlaces', 1]])
  places.close()
})

t.test('a place that is refused: what Redis has is set right', async t => {
  const { answers, make, second } = told(t)
  const places = make('refuse')
  answers['Enter'] = () => 0
  t.notOk(await places.enter('a', 5))
  t.same(await second(), [['Enter', 1, 5], ['Sign'], ['SetPlaces', 0]])
  t.same(await second(), [])
})

t.test('a Redis that has lost its data, or did not believe that the process lives: its places are told again', async t => {
  const { answers, make, second } = told(t)
  const places = make('refuse')
  for (const key of ['a', 'a', 'b']) await places.enter(key, 5)
  answers['Sign'] = () => 0
  t.same((await second()).slice(3), [['Sign'], ['SetPlaces', 2], ['SetPlaces', 1]])
  places.close()
})

t.test('a Redis that fails: requests are refused with 503, and what was asked for is taken back', async t => {
  const { answers, make, second } = told(t)
  const places = make('refuse')
  answers['Enter'] = answers['Sign'] = down
  await t.rejects(places.enter('a', 5), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  t.same(await second(), [['Enter', 1, 5], ['Sign']])
  answers['Sign'] = () => 1
  t.same(await second(), [['Sign'], ['SetPlaces', 0]])
  t.same(await second(), [])
})

t.test('a Redis that fails as a place is given back: it is told when it responds again', async t => {
  const { answers, make, second } = told(t)
  const places = make('refuse')
  await places.enter('a', 5)
  answers['SetPlaces'] = answers['Sign'] = down
  places.leave('a')
  await second()
  answers['SetPlaces'] = answers['Sign'] = () => 1
  await second()
  t.same(await second(), [])
})

t.test('a Redis that fails, where all may go on: the process counts its own places', async t => {
  const { answers, make, second } = told(t)
  const places = make('allow')
  answers['Enter'] = down
  t.same([await places.enter('a', 2), await places.enter('a', 2), await places.enter('a', 2)], [true, true, false])
  t.same(await second(), [['Enter', 1, 2], ['Sign'], ['SetPlaces', 2]])
  places.close()
})
