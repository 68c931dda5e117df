import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import type { Meter } from '../../../lib/policy/limits/meter.js'
import { LONG, MeteredPipe } from '../../../lib/proxy/exchange/metered-pipe.js'
import { FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { receiveAtRandom, sendAtRandom } from '../../fixtures/random-transfer.js'
import { socketPair } from '../../fixtures/socket-pair.js'
import { streamPair } from '../../fixtures/stream-pair.js'
import { until } from '../../fixtures/until.js'

const MIB = 2 ** 20
const EMPTY: Buffer = Buffer.alloc(0)

interface Piped {
  readonly pipe: MeteredPipe
  readonly from: Duplex
  readonly to: Duplex
  readonly source: Duplex
  readonly sink: Duplex
  active: number
}

/** What a socket says goes to another by a metered pipe, `source` to `sink`. */
async function piped (t: Test, meter: Meter, { head = EMPTY, kind = 'socket' }: { head?: Buffer, kind?: 'socket' | 'stream' } = {}): Promise<Piped> {
  const to = await socketPair(t)
  to.far.socket.removeAllListeners('data')
  const [source, from] = await (kind === 'socket' ? socketPair(t).then(({ far, near }) => [far.socket, near]) : streamPair(t).then(({ far, near }) => [far, near])) as [Duplex, Duplex]
  source.removeAllListeners('data')
  const self = { from, to: to.near, source, sink: to.far.socket, active: 0 }
  const pipe = new MeteredPipe(meter, 'up', from, to.near, () => { self.active += 1 })
  pipe.begin(head)
  once(from, 'end').then(() => pipe.afterAll(() => to.near.end()), () => {})
  return Object.assign(self, { pipe })
}

for (const kind of ['socket', 'stream'] as const) {
  t.test(`a ${kind} and a meter that gives leave at random: all octets arrive as they were, and then the end`, async t => {
    const meter = new FickleMeter()
    const { pipe, source, sink, from } = await piped(t, meter, { kind })
    const [sent, received] = await Promise.all([sendAtRandom(source, 24 * MIB), receiveAtRandom(sink, 0.1)])
    t.equal(received, sent)
    t.strictSame([pipe.moved, meter.moved.up, pipe.isHeld], [24 * MIB, 24 * MIB, false])
    t.equal(from.listenerCount('data'), kind === 'socket' ? 0 : 1, 'only plain connections have their reads reused')
  })
}

t.test('what may not go yet: no more is read, and it goes when it may', async t => {
  const meter = new GivenMeter()
  const self = await piped(t, meter)
  const { from, source, sink, pipe } = self
  source.write(Buffer.alloc(8 * MIB))
  await until(() => meter.waiting.up !== undefined)
  const { bytesRead } = from as Socket
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal((from as Socket).bytesRead, bytesRead)
  t.ok(bytesRead <= 4 * 65_536)
  t.strictSame([pipe.isHeld, self.active], [true, 0])
  meter.give('up', Infinity)
  sink.resume()
  await until(() => pipe.moved === 8 * MIB)
  t.equal(self.active, 1)
})

t.test('a long tunnel whose meter gives leave octet by octet: it holds one read', async t => {
  const meter = new GivenMeter(LONG)
  const { from, source, sink, pipe } = await piped(t, meter)
  sink.resume()
  source.write(Buffer.alloc(LONG))
  await until(() => pipe.moved === LONG && from.listenerCount('data') === 0)
  source.write(Buffer.alloc(MIB))
  await until(() => pipe.isHeld)
  const { bytesRead } = from as Socket
  for (let octets = 0; octets < 100; octets++) {
    meter.give('up', 1)
    await until(() => pipe.moved === LONG + octets + 1)
  }
  t.equal((from as Socket).bytesRead, bytesRead)
  t.ok(bytesRead <= LONG + 65_536)
  meter.give('up', Infinity)
  await until(() => pipe.moved === LONG + MIB)
})

t.test('what the client has said already: it goes first, and waits for leave as the rest does', async t => {
  for (const given of [Infinity, 2]) {
    const meter = new GivenMeter(given)
    const { source, sink, pipe } = await piped(t, meter, { head: Buffer.from('head') })
    let text = ''
    sink.on('data', (chunk: string) => { text += chunk })
    source.end('rest')
    if (given === 2) {
      await until(() => text === 'he')
      t.equal(pipe.isHeld, true)
      meter.give('up', Infinity)
    }
    await once(sink, 'end')
    t.equal(text, 'headrest')
  }
})

t.test('the other side is gone: what waits is dropped, and what comes is thrown away', async t => {
  for (const leave of ['destroy', 'end'] as const) {
    const meter = new GivenMeter()
    const { source, from, to, pipe } = await piped(t, meter)
    source.write('held')
    await until(() => pipe.isHeld)
    to[leave]()
    t.equal(pipe.isHeld, false)
    let last = false
    pipe.afterAll(() => { last = true })
    t.equal(last, true)
    meter.give('up', 4)
    source.end(Buffer.alloc(MIB))
    await once(from, 'end')
    t.equal(pipe.moved, 4, leave)
  }
})

t.test('a side that takes nothing: no more is read, however much may go', async t => {
  const { source, sink, from, to, pipe } = await piped(t, new GivenMeter(Infinity))
  sink.pause()
  source.write(Buffer.alloc(32 * MIB))
  await until(() => to.writableNeedDrain)
  const { moved } = pipe
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(pipe.moved, moved)
  from.resume() // as the application may
  await new Promise(resolve => setImmediate(resolve))
  t.ok(to.listenerCount('drain') <= 1)
  sink.resume()
  await until(() => pipe.moved === 32 * MIB)
})

t.test('a side that takes nothing while octets wait for leave: both are waited for', async t => {
  const meter = new GivenMeter(16 * MIB)
  const { source, sink, to, pipe } = await piped(t, meter)
  sink.pause()
  source.write(Buffer.alloc(32 * MIB))
  await until(() => to.writableNeedDrain)
  sink.resume()
  await until(() => pipe.isHeld)
  sink.pause()
  for (let turns = 0; turns < 400 && !to.writableNeedDrain; turns++) {
    meter.give('up', 65_536)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(to.writableLength < 2 * MIB)
  meter.give('up', Infinity)
  sink.resume()
  await until(() => pipe.moved === 32 * MIB)
})

t.test('a long tunnel that the application listens to, has paused, or that is closed: it stays as it is', async t => {
  for (const meddle of ['listen', 'pause', 'destroy', 'end'] as const) {
    const { source, sink, from, to, pipe } = await piped(t, new GivenMeter(Infinity))
    sink.resume()
    let at = 0
    from.on('data', ({ length }: Buffer) => {
      at += length
      if (at < LONG) return
      if (meddle === 'pause') from.pause()
      else if (meddle === 'destroy') from.destroy()
      else if (meddle === 'end') to.destroy()
    })
    source.on('error', () => {}).write(Buffer.alloc(meddle === 'listen' ? LONG : 4 * MIB))
    await until(() => at >= LONG)
    await new Promise(resolve => setTimeout(resolve, 10))
    t.equal(from.listenerCount('data'), 2, meddle)
    t.ok(pipe.moved >= LONG)
  }
})

t.test('sides that are no connections: their octets go through all the same', async () => {
  const [from, to] = [new PassThrough(), new PassThrough()]
  const pipe = new MeteredPipe(new GivenMeter(Infinity), 'down', from, to, () => {})
  pipe.begin(EMPTY)
  from.write(Buffer.alloc(LONG))
  to.resume()
  await until(() => pipe.moved === LONG)
})

t.test('a side that is full when what waited for leave is out: no more is read until it has room, whatever the application does', async t => {
  const [from, to, meter] = [new PassThrough(), new PassThrough({ highWaterMark: 4 }), new GivenMeter()]
  const pipe = new MeteredPipe(meter, 'up', from, to, () => {})
  pipe.begin(EMPTY)
  from.write('abcdefgh')
  await until(() => pipe.isHeld)
  meter.give('up', Infinity)
  await until(() => pipe.moved === 8)
  t.strictSame([from.isPaused(), to.listenerCount('drain')], [true, 1])
  from.resume()
  from.write('ijkl')
  await until(() => pipe.moved === 12)
  t.strictSame([from.isPaused(), to.listenerCount('drain')], [true, 1])
  to.resume()
  await until(() => !from.isPaused())
})
