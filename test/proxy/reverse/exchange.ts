import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import t from 'tap'
import { Revocations } from '../../../lib/policy/revocations.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { ReverseExchange } from '../../../lib/proxy/reverse/exchange.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'
import { message, reverse } from '../../fixtures/reverse.js'

/** An exchange over a reply that does nothing but remember. */
function exchange () {
  const raw: EventEmitter & Record<'destroyed' | 'headersSent' | 'writableEnded' | 'writableFinished', boolean> & { socket: object | null, destroy (): void } = Object.assign(new EventEmitter(), {
    statusCode: 200,
    req: {},
    socket: {},
    destroyed: false,
    headersSent: true,
    writableEnded: false,
    writableFinished: false,
    destroy () { raw.destroyed = true; raw.emit('close') }
  })
  const lines: unknown[] = []
  const codes: number[] = []
  const incoming = Object.assign(new EventEmitter(), { complete: true, destroyed: false, socket: Object.assign(new EventEmitter(), { destroyed: false, setMaxListeners () {} }), destroy () { incoming.destroyed = true } })
  const request = { method: 'GET', raw: incoming, proxyAuth: { name: 'alice', scheme: 'Test' }, log: { info: ({ proxy }: { proxy: unknown }) => { lines.push(proxy) } } }
  const revocations = new Revocations()
  const exchanges = new Exchanges(revocations)
  const self = new ReverseExchange(request as never, { raw, code: (status: number) => codes.push(status) } as never, {} as never, exchanges)
  self.upstream = 'https://user:secret@up.test:1/base'
  return { self, raw, incoming, lines, codes, exchanges, revocations }
}

t.test('one line in the log, at the end', async t => {
  const { self, raw, lines, exchanges } = exchange()
  self.begin('up.test:1')
  self.begin('up.test:1')
  t.equal(exchanges.size, 1)
  self.tally.bytesIn = 3
  self.bytesOut = 4
  raw.writableFinished = true
  raw.emit('close')
  t.match(lines, [{ user: 'alice', scheme: 'Test', method: 'GET', target: 'https://up.test:1', status: 200, bytesIn: 3, bytesOut: 4, reason: undefined }])
  t.equal(exchanges.size, 0)
})

t.test('a client that goes takes the answer with it', async t => {
  const { self, raw, lines } = exchange()
  const answer = new Readable()
  self.begin('up.test')
  self.take(answer)
  raw.emit('close')
  t.ok(answer.destroyed)
  t.match(lines, [{ reason: 'aborted' }])
})

t.test('an answer that comes after the client has gone is let go', async t => {
  const { self, raw } = exchange()
  const answer = new Readable()
  raw.destroyed = true
  self.take(answer)
  t.ok(answer.destroyed)
})

t.test('an answer makes room for the next', async t => {
  const { self } = exchange()
  const [first, second] = [new Readable(), new Readable()]
  self.take(first)
  self.take(first)
  t.notOk(first.destroyed)
  self.take(second)
  t.ok(first.destroyed)
  t.notOk(second.destroyed)
})

t.test('a failure is answered once, with its status', async t => {
  const { self, raw, codes } = exchange()
  raw.headersSent = false
  const answer = new Readable()
  let answers = 0
  self.take(answer)
  self.fail(Object.assign(new Error(), { code: 'E_FIRST', statusCode: 504 }), () => { answers += 1 })
  self.fail(new Error(), () => { answers += 1 })
  t.equal(answers, 1)
  t.same(codes, [504])
  t.equal(self.reason, 'E_FIRST')
  t.ok(answer.destroyed)
})

t.test('a failure that says nothing is 500', async t => {
  const { self, raw, codes } = exchange()
  raw.headersSent = false
  self.fail(new Error(), () => {})
  t.same(codes, [500])
  t.equal(self.reason, 'error')
})

t.test('behind the head a failure cuts the connection', async t => {
  const { self, raw } = exchange()
  self.fail(new Error(), () => t.fail('nothing can be answered'))
  t.ok(raw.destroyed)
})

t.test('when the client has gone, or has it all, there is nothing to do', async t => {
  for (const state of [{ destroyed: true }, { writableEnded: true }]) {
    const { self, raw, codes } = exchange()
    Object.assign(raw, state)
    self.fail(new Error(), () => t.fail('nobody reads it'))
    t.same(codes, [])
    t.equal(raw.destroyed, 'destroyed' in state)
  }
  const { self, incoming, codes } = exchange()
  incoming.socket.destroyed = true
  self.fail(new Error(), () => t.fail('nobody reads it'))
  t.same(codes, [])
})

t.test('cutting ends it with a reason, unless the client has it all', async t => {
  const { self, raw, lines } = exchange()
  self.begin('up.test')
  raw.writableEnded = true
  self.cut('late')
  t.notOk(raw.destroyed)
  raw.writableEnded = false
  self.cut('why')
  t.match(lines, [{ reason: 'why' }])
})

t.test('a closing server ends it, with the client that may still be sending', async t => {
  const { self, raw, incoming, lines, exchanges } = exchange()
  raw.headersSent = false
  self.begin('up.test')
  await exchanges.drain(0)
  t.match(lines, [{ status: 503, reason: 'closing' }])
  t.ok(incoming.destroyed)
})

t.test('so does a revocation of its user', async t => {
  const { self, raw, incoming, lines, revocations } = exchange()
  raw.headersSent = false
  self.begin('up.test')
  revocations.revoke('bob')
  t.equal(raw.destroyed, false)
  revocations.revoke('alice')
  t.match(lines, [{ status: 403, reason: 'revoked' }])
  t.ok(incoming.destroyed)
})

t.test('a client that left before the head got nothing', async t => {
  const { self, raw, lines } = exchange()
  raw.headersSent = false
  self.begin('up.test')
  raw.destroy()
  t.match(lines, [{ status: 499, reason: 'aborted' }])
  const gone = exchange()
  gone.raw.destroyed = true
  gone.raw.headersSent = false
  gone.self.begin('up.test')
  t.match(gone.lines, [{ status: 499 }], 'or before it began')
})

t.test('a stopping server waits for a request that outlasts its answer', async t => {
  const { self, raw, incoming, lines, exchanges } = exchange()
  incoming.complete = false
  self.begin('up.test')
  raw.writableFinished = true
  raw.emit('close')
  t.equal(lines.length, 1)
  t.equal(exchanges.size, 1)
  incoming.emit('close')
  t.equal(exchanges.size, 0)
})

t.test('an answer in the queue of a pipeline ends with its connection', async t => {
  const { self, raw, incoming, lines, exchanges } = exchange()
  raw.socket = null
  raw.headersSent = false
  self.begin('up.test')
  incoming.socket.emit('close')
  t.match(lines, [{ status: 499, reason: 'aborted' }])
  t.equal(exchanges.size, 0)

  const next = exchange()
  next.raw.socket = null
  next.self.begin('up.test')
  next.raw.emit('socket')
  t.equal(next.incoming.socket.listenerCount('close'), 0, 'when its turn has come it is like any other')

  const late = exchange()
  Object.assign(late.raw, { socket: null, headersSent: false })
  late.incoming.socket.destroyed = true
  late.self.begin('up.test')
  t.match(late.lines, [{ status: 499, reason: 'aborted' }], 'or has closed before')
})

t.test('behind a 101 it is over when both sides have ended, or when it is ended (R-UPG-3)', async t => {
  const target = await rawOrigin(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
    socket.on('end', () => socket.end())
  })
  const { port, exchanges, proxied } = await reverse(t, { upstream: target.url, websocket: true } as never)
  for (const end of ['client', 'closing'] as const) {
    const client = await RawClient.to(t, port)
    client.send(message('GET', '/api/ws', { Connection: 'Upgrade', Upgrade: 'websocket' }))
    t.match(await client.until(text => text.endsWith('hello')), /^HTTP\/1.1 101 /)
    t.equal(exchanges.size, 1)
    if (end === 'client') client.send('abc').socket.end()
    else await exchanges.drain(0)
    await client.end()
    const lines = await proxied(end === 'client' ? 1 : 2)
    t.match(lines.at(-1), { status: 101, bytesIn: end === 'client' ? 3 : 0, bytesOut: 5, reason: end === 'client' ? undefined : 'closing' })
    t.equal(exchanges.size, 0)
  }
})
