import { setImmediate } from 'node:timers/promises'
import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import { SharedPacer, drawingFrom } from '../../../lib/policy/limits/shared-pacer.js'
import { RedisHealth } from '../../../lib/store/redis-health.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'
import { redis, startRedis } from '../../fixtures/redis.js'

t.test('a bucket in Redis: what is drawn is gone for all, and it fills by the clock of Redis up to its size', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const [one, other] = [drawingFrom(await client(), '{x}'), drawingFrom(await client(), '{x}')]
  const raw = await client()
  const rate = 0.001 // so slow that nothing comes while the test goes on
  t.equal(await one('a', rate, 1000, 600), 600, 'it is full at first')
  t.equal(await other('a', rate, 1000, 600), 400)
  t.equal(await one('a', rate, 1000, 600), 0)
  t.equal(await one('b', rate, 1000, 10), 10, 'another bucket')
  t.ok(await raw.pttl('{x}:bandwidth:a') > 0)
  await raw.hset('{x}:bandwidth:a', 'at', Date.now() - 500_000_000)
  t.equal(await one('a', rate, 1000, 600), 500)
  await raw.hset('{x}:bandwidth:a', 'at', Date.now() - 5_000_000_000)
  t.equal(await one('a', rate, 1000, 2000), 1000)
  await raw.hset('{x}:bandwidth:a', 'at', Date.now() + 500_000_000)
  t.equal(await one('a', rate, 1000, 1), 0, 'its clock went back')
  await raw.hset('{x}:bandwidth:a', 'at', Date.now() - 10_000_000)
  t.equal(await one('a', rate, 1000, 100), 10, 'and goes on from there')
})

t.test('a Redis that gives what was not asked for: it has failed', async t => {
  for (const given of [-1, 11, 'text']) {
    const client = Object.assign(fakeRedis(), { proxyAuthDraw1: async () => given })
    await t.rejects(drawingFrom(client, '{x}')('a', 1, 1000, 10), { message: 'Redis gives what was not asked for' })
  }
})

function paced (t: Test) {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  t.teardown(() => mock.timers.reset())
  const time = { now: 0 }
  const bucket = { asked: [] as number[], gives: Infinity, fails: false }
  const client = { ...fakeRedis() }
  const health = new RedisHealth(client, () => {}, () => time.now)
  const draw = async (_key: string, _rate: number, _size: number, wanted: number) => {
    bucket.asked.push(wanted)
    if (bucket.fails) throw new Error('down')
    return Math.min(wanted, bucket.gives)
  }
  const pacer = new SharedPacer('ci:alice:up', 100_000, health, draw, () => time.now)
  const pass = async (ms: number) => {
    for (let i = 0; i < ms; i++) {
      time.now += 1
      mock.timers.tick(1)
      await setImmediate()
    }
  }
  return { pacer, bucket, pass, health, client }
}

t.test('octets that processes share: they come from the bucket, ahead of time', async t => {
  const { pacer, bucket, pass } = paced(t)
  t.ok(pacer.idle)
  t.equal(pacer.ready(2000, false), 0)
  t.notOk(pacer.idle)
  t.same(bucket.asked, [5000], 'as many as go in a twentieth of a second')
  t.equal(pacer.ready(2000, false), 0, 'one question at a time')
  const moved: number[] = []
  pacer.queue({ octets: 2000, serve (most) { moved.push(most); pacer.spend(most) }, fail () {} })
  await pass(1)
  t.same(moved, [2000], 'those in line are served when the answer is there')
  t.same(bucket.asked, [5000])
  t.equal(pacer.ready(1000, false), 1000)
  pacer.spend(1000)
  t.equal(pacer.ready(1000, false), 1000)
  t.same(bucket.asked, [5000, 3000])
  await pass(1)
  t.ok(pacer.idle)
})

t.test('a bucket with little in it: it is asked again a while later', async t => {
  const { pacer, bucket, pass } = paced(t)
  bucket.gives = 500
  let moved = 0
  pacer.queue({ octets: 1024, serve (most) { moved += most; pacer.spend(most) }, fail () {} })
  await pass(10)
  t.same(bucket.asked, [])
  await pass(1)
  t.same(bucket.asked, [5000])
  await pass(9)
  t.same([bucket.asked, moved], [[5000], 0])
  await pass(30)
  t.same([bucket.asked.slice(0, 3), moved], [[5000, 4500, 4000], 1024])
})

t.test('a Redis that fails: the process goes by its own clock until it responds again', async t => {
  const { pacer, bucket, pass, health } = paced(t)
  bucket.fails = true
  t.equal(pacer.ready(1000, false), 0)
  await pass(1)
  t.ok(health.isFailing)
  await pass(20)
  t.ok(pacer.ready(1000, false) > 0)
  pacer.spend(1000)
  t.equal(bucket.asked.length, 1, 'it is left alone')
  bucket.fails = false
  await pass(1000)
  pacer.spend(pacer.ready(5000, false))
  pacer.ready(1000, false)
  await pass(1)
  t.notOk(health.isFailing)
  t.equal(bucket.asked.length, 2)
})
