import t from 'tap'
import { RedisHealth } from '../../lib/store/redis-health.js'
import { atBest } from '../fixtures/at-best.js'
import { fakeRedis } from '../fixtures/fake-redis.js'

const DOWN = new Error('down')
const fails = async () => { throw DOWN }

/** The health of a Redis, with all that is told of it. */
function watched (client = fakeRedis()) {
  const told: unknown[][] = []
  const time = { now: 0 }
  const health = new RedisHealth(client, (...args) => told.push(args), () => time.now)
  return { health, told, time }
}

t.test('a Redis that answers: nothing is told', async t => {
  const { health, told } = watched()
  t.equal(await health.ask(async () => 7), 7)
  t.same(told, [])
})

t.test('a Redis that fails: it is told of once, left alone for a second, and told of again when it is well', async t => {
  const { health, told, time } = watched()
  let asked = 0
  const count = async () => ++asked
  await t.rejects(health.ask(fails), DOWN)
  time.now = 999
  await t.rejects(health.ask(count), { message: 'Redis failed a moment ago' })
  t.equal(asked, 0)
  time.now = 1000
  await t.rejects(health.ask(fails), DOWN)
  t.same(told, [['failed', DOWN]])
  time.now = 2000
  t.equal(await health.ask(count), 1)
  t.equal(await health.ask(count), 2)
  t.same(told, [['failed', DOWN], ['recovered']])
})

t.test('a Redis that is silent: the wait ends after a second', async t => {
  const took = await atBest(2000, async () => {
    const { health, told } = watched()
    const start = performance.now()
    await t.rejects(health.ask(() => new Promise(() => {})), { message: 'Redis did not answer in time' })
    t.equal(told.length, 1)
    return performance.now() - start
  })
  t.ok(took < 2000, `${took} ms`)
})

t.test('a client that is not connected: it is asked nothing, and at once when it is', async t => {
  const client = { ...fakeRedis(), status: 'reconnecting' }
  const { health, told } = watched(client)
  let asked = 0
  await t.rejects(health.ask(async () => ++asked), { message: 'Redis is not connected' })
  t.equal(asked, 0)
  client.status = 'ready'
  t.equal(await health.ask(async () => ++asked), 1)
  t.match(told, [['failed', { message: 'Redis is not connected' }], ['recovered']])
})

t.test('the first question: it is asked of a client that has yet to connect, and its failure does not put off the next', async t => {
  const client = { ...fakeRedis(), status: 'connecting' }
  const { health, told } = watched(client)
  t.equal(await health.first(async () => 7), 7)
  await t.rejects(health.first(fails), DOWN)
  client.status = 'ready'
  t.equal(await health.ask(async () => 7), 7)
  t.same(told, [['failed', DOWN], ['recovered']])
})

t.test('a client that connects with its first command: it is connected at once, and a failure of that is not thrown', async t => {
  let connected = 0
  const connect = async () => {
    connected++
    throw DOWN
  }
  watched(fakeRedis({ status: 'wait', connect }))
  watched(fakeRedis({ connect }))
  t.equal(connected, 1)
})

t.test('no clock is given: a time that is set back holds up nothing', async t => {
  t.teardown(t.capture(Date, 'now', () => 0).restore)
  const health = new RedisHealth(fakeRedis(), () => {})
  await t.rejects(health.ask(fails), DOWN)
  await t.rejects(health.ask(async () => 7), { message: 'Redis failed a moment ago' })
})
