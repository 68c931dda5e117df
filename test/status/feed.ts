import { mock } from 'node:test'
import type { PassThrough } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { StatusFeed } from '../../lib/status/feed.js'
import { exchangeRow, snapshot } from '../fixtures/status.js'
import { messagesOf } from '../fixtures/event-source.js'

/** A feed of a tunnel that moves an octet each time it is looked at. Time stands still but for `mock.timers.tick`. */
function feeding (t: Test) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const counts = { collected: 0 }
  const feed = new StatusFeed(() => {
    counts.collected += 1
    return snapshot({ uptimeMs: counts.collected, exchanges: [exchangeRow({ bytesIn: counts.collected })] })
  })
  t.teardown(() => feed.close())
  return { feed, counts }
}

t.test('one that listens: it gets a snapshot at once, then what has changed once a second', async t => {
  const { feed } = feeding(t)
  const next = messagesOf(feed.open())
  t.match(await next(), { event: 'snapshot', data: { uptimeMs: 1, exchanges: [{ key: 1, bytesIn: 1 }] } })
  mock.timers.tick(1000)
  const change = await next()
  t.match(change, { event: 'change', data: { uptimeMs: 2, paces: [[1, 2, 2000, 10, 20]] } })
  t.equal(change!.data['exchanges'], undefined)
  mock.timers.tick(1000)
  t.match(await next(), { event: 'change', data: { uptimeMs: 3 } })
})

t.test('no one listens, or no one any more: nothing is collected', async t => {
  const { feed, counts } = feeding(t)
  mock.timers.tick(5000)
  t.equal(counts.collected, 0)
  const stream = feed.open()
  mock.timers.tick(1000)
  t.equal(counts.collected, 2)
  stream.destroy()
  await new Promise(resolve => stream.once('close', resolve))
  mock.timers.tick(5000)
  t.equal(counts.collected, 2)
  const next = messagesOf(feed.open())
  t.match(await next(), { event: 'snapshot', data: { uptimeMs: 3 } }, 'the next one gets what holds then')
})

t.test('one more that listens: it begins where the others are', async t => {
  const { feed, counts } = feeding(t)
  const first = messagesOf(feed.open())
  await first()
  mock.timers.tick(1000)
  await first()
  const second = messagesOf(feed.open())
  t.match(await second(), { event: 'snapshot', data: { uptimeMs: 2 } })
  mock.timers.tick(1000)
  t.match(await first(), { event: 'change', data: { uptimeMs: 3 } })
  t.match(await second(), { event: 'change', data: { uptimeMs: 3 } })
  t.equal(counts.collected, 3, 'collected once for all')
})

t.test('as many as may listen: the next is refused, and served when another has left', async t => {
  const { feed } = feeding(t)
  const streams = Array.from({ length: 32 }, () => feed.open())
  t.throws(() => feed.open(), { code: 'FST_PROXY_AUTH_STATUS_BUSY', statusCode: 503, headers: { 'retry-after': '10' } })
  streams[0]!.destroy()
  await new Promise(resolve => streams[0]!.once('close', resolve))
  t.doesNotThrow(() => feed.open())
})

t.test('one that does not read: no more waits for it than a message, and it is left after half a minute', async t => {
  const { feed } = feeding(t)
  const stream = feed.open() as PassThrough
  const waits = () => stream.readableLength + stream.writableLength
  const kept = waits()
  t.ok(kept > 0)
  for (let second = 0; second < 30; second++) {
    mock.timers.tick(1000)
    t.equal(waits(), kept)
  }
  t.equal(stream.destroyed, false)
  mock.timers.tick(1000)
  t.equal(stream.destroyed, true)
})

t.test('one that reads too slowly: it misses changes, and gets a snapshot then', async t => {
  const { feed } = feeding(t)
  const slow = feed.open()
  const other = messagesOf(feed.open())
  await other()
  for (let second = 0; second < 3; second++) {
    mock.timers.tick(1000)
    t.match(await other(), { event: 'change' })
  }
  const next = messagesOf(slow)
  t.match(await next(), { event: 'snapshot', data: { uptimeMs: 1 } })
  mock.timers.tick(1000)
  t.match(await next(), { event: 'snapshot', data: { uptimeMs: 5 } })
  mock.timers.tick(1000)
  t.match(await next(), { event: 'change', data: { uptimeMs: 6 } })
})

t.test('two that were too slow: one snapshot is made for both', async t => {
  const { feed } = feeding(t)
  const slow = [feed.open(), feed.open()]
  mock.timers.tick(1000)
  const next = slow.map(messagesOf)
  for (const each of next) t.match(await each(), { event: 'snapshot', data: { uptimeMs: 1 } })
  mock.timers.tick(1000)
  for (const each of next) t.match(await each(), { event: 'snapshot', data: { uptimeMs: 3 } })
})

t.test('a feed that is closed: its streams end, and no one is let in', async t => {
  const { feed, counts } = feeding(t)
  const next = messagesOf(feed.open())
  await next()
  feed.close()
  t.equal(await next(), undefined)
  t.throws(() => feed.open(), { code: 'FST_PROXY_AUTH_CLOSING', statusCode: 503 })
  mock.timers.tick(5000)
  t.equal(counts.collected, 1)
})
