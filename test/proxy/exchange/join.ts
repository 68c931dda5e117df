import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { LimitReached } from '../../../lib/errors.js'
import { join } from '../../../lib/proxy/exchange/join.js'
import type { JoinOptions, JoinStart, Joined } from '../../../lib/proxy/exchange/join.js'
import type { RawClient } from '../../fixtures/raw-client.js'
import { socketPair } from '../../fixtures/socket-pair.js'
import { until } from '../../fixtures/until.js'
import { FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { socketPath } from '../../fixtures/socket-path.js'

const MIB = 2 ** 20
const FOREVER: JoinOptions = { idleTimeout: 0, maxDuration: 0 }

interface Pair {
  readonly client: RawClient
  readonly target: RawClient
  readonly exchange: Joined
  /** What `ended` was called with, once it was; `none` for no reason. */
  readonly reason: Promise<string>
  readonly endings: string[]
  /** The ends in the middle. */
  readonly near: readonly Socket[]
}

/** A client and a target, joined in the middle. */
async function joined (t: Test, options: Partial<JoinOptions> = {}, client = socketPair(t), start?: JoinStart): Promise<Pair> {
  const [left, right] = [await client, await socketPair(t)]
  const endings: string[] = []
  let settle: (reason: string) => void
  const reason = new Promise<string>(resolve => { settle = resolve })
  const exchange = join(left.near, right.near, { ...FOREVER, ...options }, (why = 'none') => {
    endings.push(why)
    t.ok(left.near.destroyed && right.near.destroyed, 'both are closed by then')
    settle(why)
  }, start)
  return { client: left.far, target: right.far, exchange, reason, endings, near: [left.near, right.near] }
}

/** The same, when it has moved so much each way that its reads are reused. */
async function long (t: Test, options: Partial<JoinOptions> = {}, start?: JoinStart): Promise<Pair> {
  const tunnel = await joined(t, options, undefined, start)
  for (const [from, to] of [[tunnel.client, tunnel.target], [tunnel.target, tunnel.client]] as const) {
    from.send('x'.repeat(MIB))
    await to.until(text => text.length === MIB)
    const near = tunnel.near[from === tunnel.client ? 0 : 1]!
    const most = start === undefined ? MIB : Infinity // not all reads are let through at once
    for (let sent = MIB; sent < most && near.listenerCount('data') > 0; sent += 100) {
      from.send('x'.repeat(100))
      await to.until(text => text.length === sent + 100)
    }
    to.text = ''
  }
  t.strictSame(tunnel.near.map(side => side.listenerCount('data')), [0, 0], 'nothing is a pipe any more')
  return tunnel
}

/** A client that takes what is written when it is told to. */
class SlowClient extends Duplex {
  readonly taken: string[] = []
  idle: { timeout: number, expire: () => void } | undefined
  private pending: Array<() => void> | null = []
  override _read (): void {}
  override _write (chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(String(chunk))
    if (this.pending === null) done()
    else this.pending.push(done)
  }

  takeAll (): void {
    const pending = this.pending ?? []
    this.pending = null
    for (const done of pending) done()
  }

  setTimeout (timeout: number, expire: () => void): this {
    this.idle = { timeout, expire }
    return this
  }
}

t.test('a tunnel that has become long: it ends as any other (R-CONNECT-7, R-CONNECT-17)', async t => {
  for (const [first, second] of [['client', 'target'], ['target', 'client']] as const) {
    t.test(`the ${first} ends first: what the ${second} sends still arrives`, async t => {
      const tunnel = await long(t)
      tunnel[first].send('question').socket.end()
      t.equal(await tunnel[second].end(), 'question')
      tunnel[second].send('y'.repeat(MIB)).socket.end()
      t.equal((await tunnel[first].end()).length, MIB)
      t.equal(await tunnel.reason, 'none')
    })
    t.test(`the ${first} is reset: so is the ${second}`, async t => {
      const tunnel = await long(t)
      const error = once(tunnel[second].socket, 'error')
      tunnel[first].socket.resetAndDestroy()
      t.match(await error, [{ code: 'ECONNRESET' }])
      t.equal(await tunnel.reason, 'ECONNRESET')
    })
    t.test(`the ${first} is reset while the ${second} takes nothing: both are closed when it does`, async t => {
      const tunnel = await long(t)
      tunnel[second].socket.pause()
      tunnel[first].send('z'.repeat(16 * MIB))
      await until(() => tunnel.near.some(side => side.writableLength > 0))
      tunnel[first].socket.resetAndDestroy()
      tunnel[second].socket.resume()
      t.match(await tunnel.reason, /ECONNRESET|EPIPE/)
    })
  }
  t.test('a reset with the last octets: they arrive', async t => {
    const tunnel = await long(t)
    tunnel.client.send('last').socket.resetAndDestroy()
    t.match(await tunnel.target.end(), /^(?:last)?$/)
    t.equal(await tunnel.reason, 'ECONNRESET')
  })
  t.test('silence: it is ended as idle, and octets put that off', async t => {
    const tunnel = await long(t, { idleTimeout: 1_000 })
    tunnel.client.send('still here')
    await tunnel.target.until(text => text === 'still here')
    t.equal(await tunnel.reason, 'idle')
  })
  t.test('it is ended from outside: both sides close', async t => {
    const tunnel = await long(t)
    tunnel.exchange.end('revoked')
    t.equal(await tunnel.reason, 'revoked')
    await Promise.all([tunnel.client.end(), tunnel.target.end()])
  })
})

t.test('a long tunnel whose octets the application listens to: it stays a pipe', async t => {
  const [left, right] = [await socketPair(t), await socketPair(t)]
  let heard = 0
  left.near.on('data', (chunk: Buffer) => { heard += chunk.length })
  join(left.near, right.near, FOREVER, () => {})
  left.far.send('x'.repeat(2 * MIB))
  await right.far.until(text => text.length === 2 * MIB)
  t.equal(heard, 2 * MIB)
})

t.test('a long tunnel to what is no plain connection: it stays a pipe', async t => {
  const { near, far } = await socketPair(t)
  const client = new SlowClient()
  client.takeAll()
  join(client, near, FOREVER, () => {})
  far.send('x'.repeat(2 * MIB))
  await until(() => near.bytesRead === 2 * MIB)
  t.equal(near.listenerCount('data'), 1)
  client.destroy()
})

t.test('a stream that was reset: it has ended by that, and the other side is reset', async t => {
  const client = Object.assign(new SlowClient({ autoDestroy: false }), { aborted: true, rstCode: 8, close () {} })
  const { near, far } = await socketPair(t)
  const failed = once(far.socket, 'error')
  join(client, near, FOREVER, () => {})
  client.push(null)
  t.match(await failed, [{ code: 'ECONNRESET' }])
  client.destroy()
})

t.test('one side that ends: its end is passed on, and what the other sends still arrives (R-CONNECT-7)', async t => {
  for (const [first, second] of [['client', 'target'], ['target', 'client']] as const) {
    t.test(`${first} first`, async t => {
      const tunnel = await joined(t)
      tunnel[first].send('question').socket.end()
      t.equal(await tunnel[second].end(), 'question')
      tunnel[second].send('answer').socket.end()
      t.equal(await tunnel[first].end(), 'answer')
      t.equal(await tunnel.reason, 'none')
      t.strictSame(tunnel.endings, ['none'])
    })
  }
})

t.test('a side that has ended before they are joined: its end is passed on (R-CONNECT-7)', async t => {
  for (const first of ['client', 'target'] as const) {
    const pair = await socketPair(t)
    pair.far.socket.end()
    await once(pair.near.resume(), 'end')
    const other = await socketPair(t)
    const [client, upstream] = first === 'client' ? [pair.near, other.near] : [other.near, pair.near]
    const reason = new Promise(resolve => { join(client, upstream, FOREVER, resolve) })
    t.equal(await other.far.end(), '', first)
    other.far.send('and back').socket.end()
    t.equal(await pair.far.end(), 'and back')
    t.equal(await reason, undefined)
  }
})

t.test('one side that is reset: the reset is passed on as a reset (R-CONNECT-7)', async t => {
  for (const [first, second] of [['client', 'target'], ['target', 'client']] as const) {
    t.test(`of the ${first}`, async t => {
      const tunnel = await joined(t)
      const error = once(tunnel[second].socket, 'error')
      tunnel[first].socket.resetAndDestroy()
      t.match(await error, [{ code: 'ECONNRESET' }])
      t.equal(await tunnel.reason, 'ECONNRESET')
    })
  }
})

t.test('a reset that comes with the last octets, which node takes for an end: they arrive, and nothing waits for the other side', async t => {
  const tunnel = await joined(t)
  tunnel.client.send('last').socket.resetAndDestroy()
  t.equal(await tunnel.target.end(), 'last')
  t.equal(await tunnel.reason, 'ECONNRESET')
})

t.test('a reset towards a side that cannot be reset: it is passed on as the end', async t => {
  const path = socketPath(t)
  const tunnel = await joined(t, {}, socketPair(t, { path }))
  tunnel.target.socket.resetAndDestroy()
  t.equal(await tunnel.reason, 'ECONNRESET')
  t.equal(await tunnel.client.end(), '')
})

t.test('a side that is destroyed: the other is closed with it', async t => {
  const { near, far } = await socketPair(t)
  const client = new SlowClient()
  const reason = new Promise(resolve => { join(client, near, FOREVER, resolve) })
  client.destroy()
  t.equal(await reason, 'aborted')
  t.equal(await far.end(), '')
})

t.test('a failure without a code: it counts as a failure all the same', async t => {
  const { near } = await socketPair(t)
  const client = new SlowClient()
  const reason = new Promise(resolve => { join(client, near, FOREVER, resolve) })
  client.destroy(new Error('no code'))
  t.equal(await reason, 'error')
})

t.test('a reset renamed for undici, as on an upgraded connection: it has the name that node gave it', async t => {
  const { near } = await socketPair(t)
  const client = new SlowClient()
  const reason = new Promise(resolve => { join(client, near, FOREVER, resolve) })
  client.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'UND_ERR_SOCKET' }))
  t.equal(await reason, 'ECONNRESET')
})

t.test('a side that fails after its end: what it sent before arrives (R-CONNECT-7)', async t => {
  const { near, far } = await socketPair(t)
  const client = new SlowClient()
  const reason = new Promise(resolve => { join(client, near, FOREVER, resolve) })
  far.send('answer').socket.end()
  await once(near, 'end')
  far.socket.resetAndDestroy()
  client.push('more, and this fails')
  await new Promise(resolve => near.once('close', resolve))
  t.equal(client.destroyed, false)
  const finished = once(client, 'finish')
  client.takeAll()
  await finished
  t.strictSame(client.taken, ['answer'])
  client.push(null)
  t.match(await reason, /^(?:EPIPE|ECONNRESET)$/)
})

t.test('a tunnel that is idle or too old: it is ended (R-CONNECT-17)', async t => {
  t.test('no byte either way', async t => {
    const tunnel = await joined(t, { idleTimeout: 30 })
    t.equal(await tunnel.reason, 'idle')
    t.strictSame([await tunnel.client.end(), await tunnel.target.end()], ['', ''])
  })
  t.test('not while bytes go one way', async t => {
    for (const way of ['client', 'target'] as const) {
      const tunnel = await joined(t, { idleTimeout: 600 })
      const timer = setInterval(() => tunnel[way].send('x'), 20)
      await tunnel[way === 'client' ? 'target' : 'client'].until(text => text.length === 45)
      clearInterval(timer)
      t.strictSame(tunnel.endings, [])
      t.equal(await tunnel.reason, 'idle')
    }
  })
  t.test('its whole life', async t => {
    const tunnel = await joined(t, { maxDuration: 30 })
    const timer = setInterval(() => tunnel.client.send('x'), 5)
    t.equal(await tunnel.reason, 'expired')
    clearInterval(timer)
  })
  t.test('and when only one side is left', async t => {
    const { near, far } = await socketPair(t)
    const client = new SlowClient()
    const reason = new Promise(resolve => { join(client, near, { idleTimeout: 1234, maxDuration: 0 }, resolve) })
    client.push(null)
    await far.end()
    far.send('answer').socket.end()
    await once(near, 'close')
    t.equal(client.destroyed, false, 'it has yet to take its last bytes')
    t.equal(client.idle?.timeout, 1234)
    client.idle?.expire()
    t.equal(await reason, 'idle')
  })
})

t.test('a client that has ended and is closed without an error while the target still sends: the target is closed soon, whatever it sends', async t => {
  const { client, target, near: [clientSide], reason } = await joined(t, { idleTimeout: 60_000 })
  client.socket.pause()
  const flood = () => { while (target.socket.write(Buffer.alloc(65_536))); }
  target.socket.on('drain', flood).on('error', () => {})
  flood()
  await until(() => clientSide!.writableNeedDrain)
  client.socket.end('last words')
  await target.until(text => text === 'last words')
  await until(() => clientSide!.readableEnded)
  clientSide!.destroy() // as TLS is, where its peer goes
  t.equal(await reason, 'none')
})

t.test('an exchange that is ended from outside: both sides close, and the first reason counts', async t => {
  const tunnel = await joined(t, { maxDuration: 60_000 })
  tunnel.exchange.end('closing')
  tunnel.exchange.end('revoked')
  t.equal(await tunnel.reason, 'closing')
  t.strictSame([await tunnel.client.end(), await tunnel.target.end()], ['', ''])
  t.strictSame(tunnel.endings, ['closing'])
})

t.test('the target resets together with octets: it is no end of what it had to say, for 20 of 20', async t => {
  const reasons = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const { target, reason } = await joined(t)
    target.socket.write('x'.repeat(128_000))
    target.socket.resetAndDestroy()
    reasons.add(await reason)
  }
  t.strictSame([...reasons], ['ECONNRESET'])
})

t.test('a target that has said all and closes as it should: an end', async t => {
  const { client, target, reason } = await joined(t)
  client.socket.end()
  await target.end()
  target.send('all').socket.end()
  t.equal(await client.end(), 'all')
  t.equal(await reason, 'none')
})

for (const [kind, open] of [['short', joined], ['long', long]] as const) {
  t.test(`a ${kind} tunnel whose octets are metered: it ends as any other`, async t => {
    const metered = (meter: GivenMeter | FickleMeter, options: Partial<JoinOptions> = {}) => open === long ? long(t, options, { meter }) : joined(t, options, undefined, { meter })
    const base = open === long ? MIB : 0
    for (const [first, second] of [['client', 'target'], ['target', 'client']] as const) {
      t.test(`the ${first} ends first: what both have said last arrives`, async t => {
        const tunnel = await metered(new FickleMeter())
        const { bytesIn, bytesOut } = tunnel.exchange.octets!()
        tunnel[first].send('question'.repeat(10_000)).socket.end()
        t.equal(await tunnel[second].end(), 'question'.repeat(10_000))
        tunnel[second].send('y'.repeat(MIB)).socket.end()
        t.equal((await tunnel[first].end()).length, MIB)
        t.equal(await tunnel.reason, 'none')
        const [up, down] = first === 'client' ? [80_000, MIB] : [MIB, 80_000]
        t.strictSame(tunnel.exchange.octets!(), { bytesIn: bytesIn + up, bytesOut: bytesOut + down })
      })
      t.test(`the ${first} is reset while its octets wait for leave: so is the ${second}`, async t => {
        const meter = new GivenMeter(base)
        const tunnel = await metered(meter)
        tunnel[first].send('waits')
        await until(() => Object.keys(meter.waiting).length === 1)
        const error = once(tunnel[second].socket, 'error')
        tunnel[first].socket.resetAndDestroy()
        if (open === long) meter.give(first === 'client' ? 'up' : 'down', 5) // what is not read does not tell
        t.match(await error, [{ code: 'ECONNRESET' }])
        t.equal(await tunnel.reason, 'ECONNRESET')
      })
    }
    t.test('octets that wait for leave: it is not idle until they are out, and then it is', async t => {
      const meter = new GivenMeter(base)
      const tunnel = await metered(meter, { idleTimeout: 600 })
      tunnel.target.send('waits')
      await until(() => meter.waiting.down !== undefined)
      await new Promise(resolve => setTimeout(resolve, 1_000))
      t.strictSame(tunnel.endings, [])
      meter.give('down', 5)
      await tunnel.client.until(text => text === 'waits')
      t.equal(await tunnel.reason, 'idle')
    })
    t.test('octets that wait for leave while it becomes too old, or is ended from outside: it ends', async t => {
      const meter = new GivenMeter(base)
      const tunnel = await metered(meter, { maxDuration: open === long ? 60_000 : 1_000 })
      tunnel.client.send('waits')
      await until(() => meter.waiting.up !== undefined)
      if (open === long) tunnel.exchange.end(new LimitReached(1))
      t.equal(await tunnel.reason, open === long ? 'FST_PROXY_AUTH_LIMIT_REACHED' : 'expired')
      meter.give('up', 5)
      await new Promise(resolve => setImmediate(resolve))
      t.equal(await tunnel.target.end(), '')
    })
  })
}

t.test('what the client has said before they are joined: it goes first', async t => {
  for (const meter of [undefined, new GivenMeter(Infinity)]) {
    const tunnel = await joined(t, {}, undefined, { head: Buffer.from('head'), meter })
    tunnel.client.send('rest').socket.end()
    t.equal(await tunnel.target.end(), 'headrest')
    tunnel.target.socket.end()
    await tunnel.reason
  }
})

t.test('a client that has said all and is gone while that waits for leave: it arrives', async t => {
  const [client, target] = [await socketPair(t), await socketPair(t)]
  client.far.socket.end()
  await once(client.near.resume(), 'end')
  const meter = new GivenMeter()
  const reason = new Promise(resolve => { join(client.near, target.near, FOREVER, resolve, { head: Buffer.from('all of it'), meter }) })
  target.far.socket.end()
  await once(client.near, 'close')
  meter.give('up', 9)
  t.equal(await target.far.end(), 'all of it')
  t.equal(await reason, undefined)
})
