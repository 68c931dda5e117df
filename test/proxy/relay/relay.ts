import type { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { catchSocketErrors } from '../../../lib/platform/http1/detached-socket.js'
import { LimitReached, ParentRefused } from '../../../lib/errors.js'
import type { Permit } from '../../../lib/policy/permission/permit.js'
import { Relay } from '../../../lib/proxy/relay/relay.js'
import type { AdaptResponse, RelayOptions } from '../../../lib/proxy/relay/relay.js'
import { tellOfSession } from '../../../lib/proxy/forward/forward.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { routeUpgrade } from '../../../lib/proxy/upgrade/upgrade.js'
import { FakeLimiter, FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { socketPair } from '../../fixtures/socket-pair.js'
import { until } from '../../fixtures/until.js'

const options = (bodyTimeout = 0): RelayOptions => ({ exchanges: new Exchanges(), via: '1.1 gw', bodyTimeout, idleTimeout: 0, maxDuration: 0 })

/** What undici would hand to a relay, and what the relay does with it. */
class Controller implements Dispatcher.DispatchController {
  rawHeaders: Buffer[] = []
  rawTrailers: Buffer[] = []
  aborted = false
  paused = false
  reason: Error | null = null
  constructor (private readonly relay: Relay) {}
  abort (reason: Error): void {
    this.aborted = true
    this.reason = reason
    this.relay.onResponseError(this, reason)
  }

  pause (): void { this.paused = true }
  resume (): void { this.paused = false }

  /** A head from the origin. */
  head (status: number, fields: string[] = [], reason = 'Fine'): this {
    this.rawHeaders = fields.map(text => Buffer.from(text, 'latin1'))
    this.relay.onResponseStart(this, status, {}, reason)
    return this
  }

  data (text: string): this {
    this.relay.onResponseData(this, Buffer.from(text))
    return this
  }

  /** Sends as an origin does that has more than the client takes. */
  flood (): void {
    this.resume = () => {
      this.paused = false
      while (!this.paused && !this.aborted) this.data('x'.repeat(65_536))
    }
    this.resume()
  }

  end (...trailers: string[]): void {
    this.rawTrailers = trailers.map(text => Buffer.from(text, 'latin1'))
    this.relay.onResponseEnd(this)
  }
}

/** A relay, and how it ends: `settled`, or with the code of an error. */
interface Relayed {
  readonly relay: Relay
  readonly outcome: Promise<string>
  /** What the log says. */
  readonly record: { proxy?: Record<string, unknown> }
}
interface Exchange extends Relayed { client: RawClient, controller: Controller }

function relayed (reply: FastifyReply, relayOptions = options(), adapt?: AdaptResponse): Relayed {
  let end!: (outcome: string) => void
  const outcome = new Promise<string>(resolve => { end = resolve })
  let failure: { code?: string } | undefined
  const record: Relayed['record'] = {}
  reply.request.log = { info: (line: object) => setImmediate(() => Object.assign(record, line)) && setImmediate(() => end(failure === undefined ? 'settled' : String(failure.code))) } as never
  const respond = (error: Error) => {
    failure = error as { code?: string }
    if (!reply.raw.destroyed) reply.send(error)
  }
  return { relay: new Relay(reply, { form: 'http', target: 'http://a.test' }, relayOptions, adapt, undefined, respond), outcome, record }
}

/** A client's request, waiting to be answered. */
async function exchange (t: Test, head = 'GET / HTTP/1.1\r\nConnection: close', bodyTimeout = 0, relayOptions = options(bodyTimeout)): Promise<Exchange> {
  const app = Fastify()
  let take!: (exchange: Omit<Exchange, 'client'>) => void
  const taken = new Promise<Omit<Exchange, 'client'>>(resolve => { take = resolve })
  app.all('/', (_request, reply) => {
    const { relay, outcome, record } = relayed(reply, relayOptions, tellOfSession)
    const controller = new Controller(relay)
    relay.onRequestStart(controller)
    take({ relay, controller, outcome, record })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  client.send(`${head}\r\nHost: a.test\r\n\r\n`)
  return { client, ...await taken }
}
/** Waits until a number has stopped to grow, for what fills the buffers of two sockets. */
async function still (number: () => number): Promise<void> {
  for (let before = -1, turns = 0; turns < 20; turns++) {
    await new Promise(resolve => setTimeout(resolve, 5))
    if (number() !== before) [before, turns] = [number(), 0]
  }
}
const withoutDate = (text: string) => text.replace(/^Date: .*\r\n/m, '')

t.test('a response of the origin: head, content and trailers go on as they came, with our Via (R-VIA-1, R-HOP-4, R-FWD-4)', async t => {
  const { client, relay, controller, outcome } = await exchange(t)
  controller.head(200, ['X-A', '\xe9', 'TRAILER', 'X-T', 'Set-Cookie', 'a', 'Transfer-Encoding', 'Chunked', 'set-cookie', 'b', 'Connection', 'x-hop', 'X-Hop', '1', 'Proxy-Support', 'x'])
  controller.data('abc').end('X-T', '\xe9', 'X-Hop', '1', 'Proxy-Authenticate', 'Basic')
  const text = await client.end()
  t.match(text, /^Date: .*GMT\r$/m)
  t.equal(withoutDate(text), 'HTTP/1.1 200 Fine\r\nX-A: \xe9\r\nTRAILER: X-T\r\nSet-Cookie: a\r\nset-cookie: b\r\nVia: 1.1 gw\r\n' +
    'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: \xe9\r\n\r\n')
  t.equal(await outcome, 'settled')
  t.match({ ...relay.octets(), reason: relay.reason }, { bytesOut: 3, reason: undefined })
})

t.test('a request that goes by a parent: the record names it, and that of a failure where it is another', async t => {
  const passed = await exchange(t)
  passed.relay.record.parent = 'up-1'
  passed.controller.head(200).end()
  await passed.outcome
  t.match(passed.record.proxy, { status: 200, parent: 'up-1' })
  for (const [parent, named] of [[undefined, 'up-1'], ['up-2', 'up-2']]) {
    const { relay, controller, outcome, record } = await exchange(t)
    relay.record.parent = 'up-1'
    controller.abort(Object.assign(new ParentRefused(), { account: 'gw#1', ...(parent !== undefined && { parent }) }))
    t.equal(await outcome, 'FST_PROXY_AUTH_PARENT_REFUSED')
    t.match(record.proxy, { status: 502, reason: 'FST_PROXY_AUTH_PARENT_REFUSED', parent: named, account: 'gw#1' })
  }
})

t.test('a client that leaves: what was begun for it is abandoned, once, and not behind a response', async t => {
  let abandoned = 0
  const left = await exchange(t)
  left.relay.abandon = () => { abandoned += 1 }
  left.client.socket.destroy()
  t.equal(await left.outcome, 'FST_PROXY_AUTH_CLIENT_LEFT')
  t.equal(abandoned, 1)
  const { client, relay, controller, outcome } = await exchange(t)
  relay.abandon = () => { abandoned += 1 }
  controller.head(200).end()
  await client.end()
  await outcome
  t.equal(abandoned, 1)
})

t.test('an origin that asks for the connection: clients are told that theirs will do, and it ends where it would end (R-PSUP-1)', async t => {
  for (const [head, connection] of [['GET / HTTP/1.1', 'Proxy-Support'], ['GET / HTTP/1.1\r\nConnection: close', 'Proxy-Support, close']] as const) {
    const { client, controller } = await exchange(t, head)
    controller.head(401, ['WWW-Authenticate', 'NTLM', 'Content-Length', '0'])
    controller.end()
    const answer = await (connection.endsWith('close') ? client.end() : client.answer())
    t.equal(/^Proxy-Support: Session-Based-Authentication\r\nConnection: (.*)\r$/m.exec(answer)?.[1], connection)
  }
})

t.test('fields that are text already, and missing trailers: both are accepted', async t => {
  const { client, relay, controller } = await exchange(t)
  relay.onResponseStart({ ...controller, rawHeaders: ['X-A', '1', 'Content-Length', '0'] } as never, 200, {})
  relay.onResponseEnd({ ...controller, rawTrailers: undefined } as never)
  t.match(await client.end(), /^HTTP\/1\.1 200 OK\r\nX-A: 1\r\n/)
})

t.test('a response without chunked coding: neither trailers nor Trailer are sent (R-TRL-5, R-TRL-8)', async t => {
  const rows: Array<[head: string, status: number, fields: string[]]> = [
    ['GET / HTTP/1.0', 200, []], ['GET / HTTP/1.1\r\nConnection: close', 200, ['Content-Length', '0']],
    ['HEAD / HTTP/1.1\r\nConnection: close', 200, []], ['GET / HTTP/1.1\r\nConnection: close', 304, []], ['GET / HTTP/1.1\r\nConnection: close', 204, []]
  ]
  for (const [head, status, fields] of rows) {
    const { client, controller, outcome } = await exchange(t, head)
    controller.head(status, ['Trailer', 'X-T', ...fields]).end('X-T', '1')
    t.notMatch(await client.end(), /trailer|x-t|chunked/i, `${head} ${status}`)
    t.equal(await outcome, 'settled')
  }
})

t.test('Content-Length of a response without content: it stays in a 304, and is removed from a 204', async t => {
  for (const [status, expected] of [[304, true], [204, false]] as const) {
    const { client, controller, outcome } = await exchange(t)
    controller.head(status, ['Content-Length', '123'])
    controller.abort(new Error('undici misses 123 octets'))
    t.equal((await client.end()).includes('Content-Length: 123'), expected)
    t.equal(await outcome, 'settled')
  }
})

t.test('interim responses: they go on, and do not end the exchange (R-FWD-5)', async t => {
  const { client, controller } = await exchange(t)
  controller.head(103, ['Link', '</a>', 'Keep-Alive', 'x'], 'Early Hints').head(200, ['Content-Length', '0']).end()
  t.match(await client.end(), /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\nVia: 1\.1 gw\r\n\r\nHTTP\/1\.1 200 Fine\r\n/)
})

t.test('an interim reason with characters that hide line breaks: it ends no line (R-SEC-5)', async t => {
  const { client, controller } = await exchange(t)
  controller.head(103, [], 'a\u010d\u010aSet-Cookie: x').head(200, ['Content-Length', '0']).end()
  t.notMatch(await client.end(), /\nSet-Cookie/)
})

t.test('a client that reads nothing: it gets no more interim responses', async t => {
  const { client, relay, controller } = await exchange(t)
  client.socket.pause()
  const raw = (relay as unknown as { raw: { writableLength: number, writableHighWaterMark: number } }).raw
  const hint = ['Link', 'x'.repeat(8000)]
  let hints = 0
  for (let before = -1; raw.writableLength > before || raw.writableLength < raw.writableHighWaterMark; hints++) {
    before = raw.writableLength
    controller.head(103, hint)
    if (hints > 10_000) break
  }
  t.ok(hints < 10_000, `dropped after ${hints}`)
})

t.test('a head whose content is still to come: it goes out at once', async t => {
  const { client, controller } = await exchange(t)
  controller.head(200, ['Content-Type', 'text/event-stream'])
  t.match(await client.until(text => text.includes('\r\n\r\n')), /text\/event-stream/)
  controller.data('x').end()
  t.match(await client.end(), /\r\n1\r\nx\r\n0\r\n\r\n$/)
})

t.test('back-pressure: what the client does not take is not asked for', async t => {
  const { client, relay, controller } = await exchange(t, undefined, 60_000)
  client.socket.pause()
  controller.head(200).flood()
  await still(() => relay.octets().bytesOut)
  const { bytesOut } = relay.octets()
  t.equal(controller.paused, true)
  client.socket.resume()
  await client.until(text => text.length > bytesOut)
  t.ok(relay.octets().bytesOut > bytesOut, 'and asked for again when it is taken')
  const { raw } = relay as unknown as { raw: EventEmitter }
  t.ok(raw.listenerCount('drain') <= 1, 'nothing piles up on the way')
  client.socket.destroy()
  await until(() => controller.aborted)
  t.equal(raw.listenerCount('drain'), 0)
})

t.test('a client that reads nothing for too long: it is cut off', async t => {
  const { client, relay, controller, outcome } = await exchange(t, undefined, 20)
  client.socket.pause()
  controller.head(200).flood()
  t.equal(await outcome, 'settled')
  t.equal(relay.reason, 'idle')
  t.match(controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('an origin response after another was sent in its place: it is too late, and dropped', async t => {
  const { client, relay, controller } = await exchange(t)
  const { reply } = relay as unknown as { reply: FastifyReply }
  reply.code(503).send('late')
  controller.head(200)
  t.match(controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.match(await client.end(), /^HTTP\/1\.1 503 [^]*late$/)
})

t.test('a 407 of the origin: it is not relayed, but fails the exchange (R-CHAIN-6)', async t => {
  const { controller, outcome } = await exchange(t)
  controller.head(407, ['Proxy-Authenticate', 'Basic'])
  t.equal(await outcome, 'FST_PROXY_AUTH_UPSTREAM_CHALLENGED')
})

t.test('a response that cannot be framed: it is not relayed (R-MSG-3)', async t => {
  for (const [status, fields] of [[99, []], [200, ['Transfer-Encoding', 'gzip, chunked']], [103, ['transfer-encoding', 'gzip']]] as const) {
    const { controller, outcome } = await exchange(t)
    controller.head(status, [...fields])
    t.equal(await outcome, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL')
  }
})

t.test('a failure of the origin: an own response before the head, a cut connection after it', async t => {
  const early = await exchange(t)
  early.controller.abort(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }))
  t.equal(await early.outcome, 'FST_PROXY_AUTH_CONNECTION_REFUSED')
  t.match(await early.client.end(), /^HTTP\/1\.1 502 /)

  const late = await exchange(t)
  late.controller.head(200, ['Content-Length', '3']).data('a')
  await late.client.until(text => text.endsWith('a'))
  late.controller.abort(Object.assign(new Error('no'), { code: 'ECONNRESET' }))
  t.equal(await late.outcome, 'settled')
  t.match(await late.client.end(), /\r\n\r\na$/)
  t.equal(late.relay.reason, 'FST_PROXY_AUTH_UPSTREAM_TERMINATED')
})

t.test('a failure after the end of the response: it changes nothing', async t => {
  const { client, controller, outcome } = await exchange(t)
  controller.head(200, ['Content-Length', '0']).end()
  controller.abort(new Error('late'))
  t.match(await client.end(), /^HTTP\/1\.1 200 /)
  t.equal(await outcome, 'settled')
})

t.test('a client that leaves: the exchange with the origin ends', async t => {
  const { client, relay, controller, outcome } = await exchange(t)
  client.socket.destroy()
  t.equal(await outcome, 'FST_PROXY_AUTH_CLIENT_LEFT')
  t.match(controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.equal(relay.reason, 'aborted')
  const late = new Controller(relay)
  relay.onRequestStart(late)
  t.match(late.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' }, 'a connection that stands only now is not used')
})

t.test('what sends the request fails once the client has left: it has one line in the log', async t => {
  const { client, relay, outcome } = await exchange(t)
  const { reply } = relay as unknown as { reply: FastifyReply }
  client.socket.destroy()
  await outcome
  let lines = 0
  reply.request.log.info = () => { lines++ }
  relay.begin(() => { throw new Error('late') })
  t.equal(lines, 0)
})

t.test('a client that left before there was a relay: the relay ends as aborted', async t => {
  const { client, relay, outcome } = await exchange(t)
  client.socket.destroy()
  await outcome
  const { reply } = relay as unknown as { reply: FastifyReply }
  const late = relayed(reply)
  await late.outcome
  t.equal(late.relay.reason, 'aborted')
})

t.test('pipelined requests whose turn has not come: they end with their connection', async t => {
  const app = Fastify()
  const all: Relayed[] = []
  app.get('/', (_request, reply) => { all.push(relayed(reply)) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const warnings: string[] = []
  const warn = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', warn)
  t.teardown(() => process.removeListener('warning', warn))
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(20))
  while (all.length < 20) await new Promise(setImmediate)
  const relays = all.map(({ relay }) => relay)
  relays[0]!.onResponseStart(new Controller(relays[0]!), 204, {})
  await client.until(text => text.includes('\r\n\r\n')) // the turn of the second has come
  client.socket.destroy()
  await Promise.all(all.map(({ outcome }) => outcome))
  t.strictSame(relays.map(({ reason }) => reason), [undefined, ...Array(19).fill('aborted')])
  t.strictSame(warnings, [])
})

t.test('a server that stops: the exchange ends on both sides', async t => {
  const { client, relay, controller, outcome } = await exchange(t)
  relay.end('closing')
  t.equal(await outcome, 'FST_PROXY_AUTH_CLOSING')
  t.equal(relay.reason, 'closing')
  t.equal(controller.aborted, true)
  t.equal(await client.end(), '')
})

t.test('a client that does not take the last octets: it is cut off, also when a response waits behind another', async t => {
  for (const heads of [1, 2]) {
    const app = Fastify()
    const all: Relayed[] = []
    app.get('/', (_request, reply) => { all.push(relayed(reply, options(50))) })
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
    client.socket.pause()
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(heads))
    await until(() => all.length === heads)
    const { relay } = all[0]!
    const { raw } = (relay as unknown as { reply: FastifyReply }).reply
    raw.socket!.write(Buffer.alloc(32 * 2 ** 20)) // more than any buffer on the way takes
    for (const { relay } of all) {
      const controller = new Controller(relay)
      relay.onRequestStart(controller)
      controller.head(200, ['Content-Length', '1']).data('x').end()
    }
    await Promise.all(all.map(({ outcome }) => outcome))
    t.equal(relay.reason, 'idle', `${heads} at a time`)
    t.equal(raw.destroyed, true)
  }
})

t.test('a client that takes the last octets slowly: it has its time anew with each piece', async t => {
  for (const left of [[3, 2, 2], [3, 0]]) {
    const { relay, controller, outcome } = await exchange(t, 'GET / HTTP/1.1', 20)
    const { raw } = (relay as unknown as { reply: FastifyReply }).reply
    let asked = 0
    Object.defineProperty(raw.socket!, 'writableLength', { get: () => left[asked++] ?? left.at(-1) })
    controller.head(200, ['Content-Length', '1'])
    raw.end = () => raw
    controller.data('x').end()
    if (left.at(-1) === 0) await until(() => asked >= 2)
    else await outcome
    t.equal(relay.reason, left.at(-1) === 0 ? undefined : 'idle')
  }
})

t.test('what sends the request: what it throws, or rejects with, is responded to', async t => {
  const app = Fastify()
  const sends: Array<() => Promise<void> | void> = [
    () => { throw undefined }, // eslint-disable-line no-throw-literal
    async () => { throw Object.assign(new Error('teapot'), { statusCode: 418, code: 'T' }) },
    async () => {}
  ]
  app.get('/:send', (request, reply) => {
    const relay = new Relay(reply, { form: 'http', target: 'http://a.test' }, options())
    relay.begin(sends[Number((request.params as { send: string }).send)]!)
    if ((request.params as { send: string }).send === '2') reply.send('by another')
  })
  t.teardown(() => app.close())
  const statuses = await Promise.all([0, 1, 2].map(async send => (await app.inject(`/${send}`)).statusCode))
  t.strictSame(statuses, [500, 418, 200])
})

t.test('a user is revoked: the exchange ends with what is said to one who is not let in', async t => {
  const { relay, outcome } = await exchange(t)
  relay.end('revoked')
  t.equal(await outcome, 'FST_PROXY_AUTH_FORBIDDEN')
})

t.test('octets beyond ASCII in a head that goes out before its content: they stay as they came', async t => {
  const { client, controller } = await exchange(t)
  controller.head(200, ['Content-Type', 'text/event-stream', 'X-Octets', '\xe9\xff'])
  t.match(await client.until(text => text.includes('\r\n\r\n')), '\r\nX-Octets: \xe9\xff\r\n')
  controller.end()
  await client.end()
})

t.test('a pipelined request whose connection has closed already: it ends as with a client that left', async t => {
  const request = new IncomingMessage(new Socket())
  request.socket.destroy()
  const raw = new ServerResponse(request)
  const { relay, outcome } = relayed({ raw, request: { raw: request }, sent: false, send () {} } as unknown as FastifyReply)
  t.equal(await outcome, 'FST_PROXY_AUTH_CLIENT_LEFT')
  t.equal(relay.reason, 'aborted')
  t.ok(raw.destroyed)
})

t.test('a client that reads nothing, without a time limit: it is not cut off', async t => {
  const { client, relay, controller, outcome } = await exchange(t)
  client.socket.pause()
  controller.head(200).flood()
  t.ok(controller.paused)
  t.equal(relay.reason, undefined)
  client.socket.destroy()
  t.equal(await outcome, 'settled')
})

t.test('an upgrade that the origin accepts: it settles when both sides have ended, and ends as one (R-UPG-3)', async t => {
  for (const end of ['origin', 'closing', 'refused'] as const) {
    const app = Fastify()
    let take!: (exchange: Relayed & { answer: EventEmitter }) => void
    const taken = new Promise<Relayed & { answer: EventEmitter }>(resolve => { take = resolve })
    app.get('/', (_request, reply) => take({ ...relayed(reply), answer: reply.raw }))
    app.server.on('upgrade', (request, socket, head) => {
      catchSocketErrors(socket as Socket)
      routeUpgrade(app, request, head, ['chat'])
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n')
    const { relay, outcome, answer } = await taken
    const { near, far } = await socketPair(t)
    const controller = new Controller(relay)
    relay.onRequestStart(controller)
    controller.rawHeaders = ['Connection', 'Upgrade', 'Upgrade', end === 'refused' ? 'other' : 'chat'].map(text => Buffer.from(text))
    relay.onRequestUpgrade(controller, 101, {}, near)
    if (end === 'refused') {
      t.match(await client.end(), /^HTTP\/1\.1 502 /)
      continue
    }
    await client.send('ab').until(text => text.includes('\r\n\r\n'))
    await far.until(text => text === 'ab')
    t.match(relay.octets(), { bytesIn: 2, bytesOut: 0 })
    answer.emit('close') // as a stream of HTTP/2 does when the client's side is through
    if (end === 'closing') relay.end('closing')
    else {
      far.send('c').socket.end()
      client.socket.end()
    }
    await outcome
    t.match({ ...relay.octets(), reason: relay.reason }, { bytesIn: 2, bytesOut: end === 'closing' ? 0 : 1, reason: end === 'closing' ? 'closing' : undefined })
    t.notOk(controller.aborted, 'there is nothing left to abort')
  }
})

t.test('a 101 that switches to nothing: it fails, and is no interim response (R-UPG-3)', async t => {
  const { client, controller, outcome } = await exchange(t)
  controller.head(101, ['X', 'y'])
  t.ok(controller.aborted)
  t.equal(await outcome, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL')
  t.match(await client.end(), /^HTTP\/1\.1 502 /)
})

t.test('rules that have changed: a relay that they forbid ends', async t => {
  const { relay, controller, client, outcome, record } = await exchange(t)
  const { options: { exchanges } } = relay as unknown as { options: RelayOptions }
  const asked: unknown[] = []
  const permit = { groups: ['ci'], decision: undefined, isStillAllowed (at: unknown) { asked.push(at); return asked.length === 1 } }
  relay.record.permit = permit as unknown as Permit
  relay.record.address = '192.0.2.1'
  exchanges.recheck()
  t.equal(exchanges.size, 1)
  controller.head(200).data('begun')
  await client.until(text => text.includes('begun'))
  exchanges.recheck()
  t.equal(await outcome, 'settled')
  t.equal(relay.reason, 'forbidden')
  t.strictSame(asked, ['192.0.2.1', '192.0.2.1'])
  t.match(record.proxy, { reason: 'forbidden', groups: ['ci'] })
  t.match(controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

/** The same, held by limits. */
async function limited (t: Test, limiter: FakeLimiter, head?: string): Promise<Exchange> {
  return await exchange(t, head, 0, { ...options(), exchanges: new Exchanges(undefined, undefined, limiter) })
}

t.test('content of a response that is metered: it goes on as it may, and the head, trailers and the line are as ever', async t => {
  const meter = new FickleMeter()
  const limiter = new FakeLimiter(meter)
  const { client, relay, controller, outcome } = await limited(t, limiter)
  await relay.admit()
  controller.head(200, ['Trailer', 'X-T'])
  const chunk = 'some text'.repeat(5_000)
  let left = 20
  await new Promise<void>(resolve => {
    controller.resume = () => {
      controller.paused = false
      while (!controller.paused && left-- > 0) controller.data(chunk)
      if (left < 0) resolve()
    }
    controller.resume()
  })
  controller.end('X-T', '1')
  const text = await client.end()
  t.equal(text.slice(text.indexOf('\r\n\r\n')).replace(/\r\n[0-9a-f]+\r\n/g, '').replace(/\r\n[0-9a-f]*\r\n/g, '').includes('X-T: 1'), true)
  t.equal(await outcome, 'settled')
  t.strictSame([relay.octets().bytesOut, meter.moved.down], [20 * chunk.length, 20 * chunk.length])
  t.equal(limiter.released, 1)
})

t.test('a limit that is reached before the response has begun: it is the response, and the request is given up', async t => {
  const limiter = new FakeLimiter(new GivenMeter())
  const { client, relay, controller, outcome, record } = await limited(t, limiter, 'GET / HTTP/1.1')
  await relay.admit()
  limiter.ends[0]!(new LimitReached(5000))
  t.match(await client.answer(), /^HTTP\/1\.1 429 (?=[^]*retry-after: 5\r\n)[^]*connection: close\r\n/i)
  t.match([controller.aborted, relay.tally.bytesIn], [true, 0])
  t.equal(await outcome, 'FST_PROXY_AUTH_LIMIT_REACHED')
  t.match(record.proxy, { status: 429, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' })
  t.throws(() => relay.tally.allowance!.take(1), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
})

t.test('a limit that is reached within the response: it is cut, and the line says why', async t => {
  const limiter = new FakeLimiter(new GivenMeter(0, 2))
  const { client, relay, controller, outcome, record } = await limited(t, limiter)
  await relay.admit()
  controller.head(200, ['Content-Length', '5']).data('abcde')
  await client.until(text => text.endsWith('ab'))
  limiter.ends[0]!(new LimitReached(5000))
  t.match(await client.end(), /\r\n\r\nab$/)
  t.equal(await outcome, 'settled')
  t.match(record.proxy, { status: 200, bytesOut: 2, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' })
})

t.test('trailers that cannot be written, behind content that waited for leave: the response is cut', async t => {
  const meter = new GivenMeter()
  const { client, relay, controller, outcome, record } = await limited(t, new FakeLimiter(meter))
  await relay.admit()
  controller.head(200, ['Trailer', 'X-T']).data('abc').end('X-T', 'a\nb')
  meter.give('down', 3)
  t.notMatch(await client.end(), /X-T: |\r\n0\r\n/)
  t.equal(await outcome, 'settled')
  t.match(record.proxy, { status: 200, reason: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
})

t.test('limits that meter no octets: nothing is metered', async t => {
  const { client, relay, controller } = await limited(t, new FakeLimiter())
  await relay.admit()
  controller.head(200, ['Content-Length', '3']).data('abc').end()
  t.match(await client.end(), /\r\n\r\nabc$/)
  t.equal(relay.tally.allowance, undefined)
})
