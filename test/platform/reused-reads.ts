import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { canReuseReads, reuseReads } from '../../lib/platform/reused-reads.js'
import { MeteredFlow } from '../../lib/proxy/exchange/metered-flow.js'
import { FickleMeter } from '../fixtures/meters.js'
import { mocked } from '../fixtures/mocked.js'
import { receiveAtRandom, sendAtRandom } from '../fixtures/random-transfer.js'
import { socketPair } from '../fixtures/socket-pair.js'
import { until } from '../fixtures/until.js'

const MIB = 2 ** 20
const noise = randomBytes(MIB)

/** What a socket says goes to another, `from.far` to `to.far`. */
async function joined (t: Test) {
  const [from, to] = [await socketPair(t), await socketPair(t)]
  for (const { socket } of [from.far, to.far]) socket.removeAllListeners('data')
  return { from: from.near, to: to.near, source: from.far.socket, sink: to.far.socket }
}

t.test('a plain connection: its reads can be reused; those of any other stream cannot', async t => {
  const { near } = await socketPair(t)
  t.equal(canReuseReads(near), true)
  t.equal(canReuseReads(new PassThrough()), false)
  t.equal(canReuseReads(new TLSSocket(near)), false, 'TLS keeps what is written to it')
  t.equal(canReuseReads(new Socket()), false, 'there is no connection')
})

t.test('a node that has other names for it: no connection can', async t => {
  class Other {}
  const { canReuseReads: can } = await mocked<typeof import('../../lib/platform/reused-reads.js')>(t, 'lib/platform/reused-reads.js', {
    'node:net': { Socket: Other }
  })
  const { near } = await socketPair(t)
  t.equal(can(near), false)
  t.equal(can(Object.assign(new Other(), { _handle: near }) as never), false)
})

t.test('a reader that stops at random: all octets arrive as they were, and then the end', async t => {
  const { from, to, source, sink } = await joined(t)
  once(from, 'end').then(() => to.end(), () => {})
  reuseReads(from, to)
  const [sent, received] = await Promise.all([sendAtRandom(source, 48 * MIB), receiveAtRandom(sink, 0.05)])
  t.equal(received, sent)
})

t.test('many connections at a time, more than there are buffers: none gets the octets of another', async t => {
  const hashes = await Promise.all(Array.from({ length: 300 }, async () => {
    const { from, to, source, sink } = await joined(t)
    once(from, 'end').then(() => to.end(), () => {})
    reuseReads(from, to)
    return await Promise.all([sendAtRandom(source, MIB), receiveAtRandom(sink, 0.05)])
  }))
  for (const [sent, received] of hashes) t.equal(received, sent)
})

t.test('connections whose readers stop at random, all at a time: none gets the octets of another', async t => {
  const hashes = await Promise.all(Array.from({ length: 24 }, async () => {
    const { from, to, source, sink } = await joined(t)
    once(from, 'end').then(() => to.end(), () => {})
    reuseReads(from, to)
    return await Promise.all([sendAtRandom(source, 8 * MIB), receiveAtRandom(sink, 0.05)])
  }))
  for (const [sent, received] of hashes) t.equal(received, sent)
})

t.test('a large read while the other side is full: its buffer is not handed to another connection', async t => {
  const [first, second] = [await joined(t), await joined(t)]
  first.to.write(Buffer.alloc(32 * MIB))
  first.sink.pause()
  reuseReads(first.from, first.to)
  first.source.write(Buffer.alloc(65_536))
  await until(() => first.from.bytesRead === 65_536)
  first.sink.resume()
  await until(() => first.to.writableLength === 0)

  let zeros = true
  second.sink.on('data', (chunk: string) => { zeros &&= /^\0*$/.test(chunk) })
  reuseReads(second.from, second.to)
  second.sink.pause()
  second.source.write(Buffer.alloc(64 * MIB))
  await until(() => second.to.writableLength > 0)
  first.source.write(Buffer.alloc(MIB, 'z'))
  await until(() => first.from.bytesRead === 65_536 + MIB)
  second.sink.resume()
  await until(() => second.sink.bytesRead === 64 * MIB)
  t.ok(zeros)
})

t.test('a reader that takes nothing: the sender is not read for longer than buffers take', async t => {
  const { from, to, source, sink } = await joined(t)
  sink.pause()
  reuseReads(from, to)
  source.write(Buffer.alloc(64 * MIB))
  await until(() => to.writableLength > 0)
  const { bytesRead } = from
  await new Promise(resolve => setImmediate(resolve))
  t.equal(from.bytesRead, bytesRead, 'nothing is read into what is on its way')
  t.ok(to.writableLength <= 65_536)
  sink.resume()
  await until(() => sink.bytesRead === 64 * MIB)
  source.end('last')
  await until(() => sink.bytesRead === 64 * MIB + 4)
})

t.test('the side that is written to is gone, or has ended: what still comes is thrown away', async t => {
  for (const leave of ['destroy', 'end'] as const) {
    const { from, to, source } = await joined(t)
    reuseReads(from, to)
    to[leave]()
    source.end(Buffer.alloc(MIB))
    await once(from, 'end')
    t.equal(from.bytesRead, MIB, leave)
  }
})

t.test('small pieces that are not taken at once: they arrive when they are, or the side that would take them is gone', async t => {
  for (const goes of [false, true]) {
    const { from, to, source, sink } = await joined(t)
    sink.pause()
    reuseReads(from, to)
    let sent = 0
    while (to.writableLength === 0) {
      sent += 4000
      source.write(noise.subarray(0, 4000))
      await until(() => from.bytesRead === sent || to.writableLength > 0)
    }
    if (goes) {
      to.destroy()
      source.end('last')
      await once(from, 'end')
      continue
    }
    sink.resume()
    await until(() => sink.bytesRead === sent)
    t.equal(from.bytesRead, sent)
  }
})

t.test('the application pauses and resumes the socket: the octets arrive as they were', async t => {
  const { from, to, source, sink } = await joined(t)
  once(from, 'end').then(() => to.end(), () => {})
  reuseReads(from, to)
  const meddling = setInterval(() => { from.pause().resume() }, 1)
  const [sent, received] = await Promise.all([sendAtRandom(source, 32 * MIB), receiveAtRandom(sink, 0.05)])
  clearInterval(meddling)
  t.equal(received, sent)
  t.ok(to.listenerCount('drain') <= 1)
})

t.test('a side closes with octets on their way: its buffer is not another connection\'s', async t => {
  for (const first of ['from', 'to'] as const) {
    const { from, to, source, sink } = await joined(t)
    sink.pause()
    reuseReads(from, to)
    source.on('error', () => {}).write(Buffer.alloc(64 * MIB))
    await until(() => to.writableLength > 0)
    const other = await joined(t)
    once(other.from, 'end').then(() => other.to.end(), () => {})
    reuseReads(other.from, other.to)
    const passing = Promise.all([sendAtRandom(other.source, 4 * MIB), receiveAtRandom(other.sink, 0.05)])
    if (first === 'from') from.destroy()
    else to.destroy()
    const [sent, received] = await passing
    t.equal(received, sent, first)
    if (first === 'to') continue
    let zeros = true
    sink.on('data', (chunk: string) => { zeros &&= /^\0*$/.test(chunk) }).resume()
    await until(() => to.writableLength === 0)
    t.ok(zeros, 'what was on its way is what was sent')
  }
})

t.test('a meter that gives leave at random: all octets arrive as they were, and no connection gets those of another', async t => {
  const hashes = await Promise.all(Array.from({ length: 12 }, async () => {
    const { from, to, source, sink } = await joined(t)
    const flow = new MeteredFlow(new FickleMeter(), 'up', { write: octets => to.write(octets), resume: () => resume() }, to)
    const resume = reuseReads(from, to, flow)
    once(from, 'end').then(() => flow.afterAll(() => to.end()), () => {})
    return await Promise.all([sendAtRandom(source, 8 * MIB), receiveAtRandom(sink, 0.05)])
  }))
  for (const [sent, received] of hashes) t.equal(received, sent)
})

t.test('the side that is written to is gone when the meter holds nothing any more: what comes is thrown away', async t => {
  const { from, to, source } = await joined(t)
  const resume = reuseReads(from, to, { take: () => 0, hold () {} })
  source.write(Buffer.alloc(MIB))
  await until(() => from.bytesRead > 0)
  to.destroy()
  resume()
  source.end()
  await once(from, 'end')
  t.equal(from.bytesRead, MIB)
})

t.test('the side that is written to is gone with octets that it had not taken: what comes is thrown away', async t => {
  const { from, to, source, sink } = await joined(t)
  const resume = reuseReads(from, to, { take: () => 0, hold () {} })
  sink.pause()
  to.write(Buffer.alloc(64 * MIB))
  source.write(Buffer.alloc(MIB))
  await until(() => from.bytesRead > 0)
  to.destroy()
  t.ok(to.writableLength > 0)
  resume()
  source.end()
  await once(from, 'end')
  t.equal(from.bytesRead, MIB)
})

t.test('the side that is written to has not sent all when the meter holds nothing any more: what comes waits for that', async t => {
  const { from, to, source, sink } = await joined(t)
  let isOpen = false
  const resume = reuseReads(from, to, { take: (octets) => isOpen ? octets : 0, hold () {} })
  sink.pause()
  to.write(Buffer.alloc(64 * MIB))
  source.write(Buffer.alloc(MIB))
  await until(() => from.bytesRead > 0)
  const { bytesRead } = from
  t.ok(to.writableLength > 0)
  isOpen = true
  resume()
  resume() // as often as it is told
  t.equal(from.bytesRead, bytesRead)
  sink.resume()
  source.end()
  await once(from, 'end')
  t.equal(from.bytesRead, MIB)
})
