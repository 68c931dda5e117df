import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { guardMethod, guarded, guardedOr, intercept, logFailures, on, once, prepend, prependOnce } from '../../lib/platform/guarded.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listening } from '../fixtures/listening.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

const failure = new Error('failure')
const fails = () => { throw failure }

/** What is logged of failures, from here on. */
function log (server: object = {}) {
  const errors: unknown[] = []
  logFailures({ error: ({ err }) => { errors.push(err) } }, server)
  return { errors }
}
const OURS = [{ code: 'FST_PROXY_AUTH_LISTENER_FAILED', cause: failure }]

t.test('a listener that does not fail: is called, counted, shown and removed as it would be', async t => {
  const { errors } = log()
  for (const add of [on, once, prepend, prependOnce]) {
    const emitter = new EventEmitter()
    const calls: unknown[] = []
    const listener = function (this: EventEmitter, ...event: unknown[]) { calls.push(this, ...event) }
    emitter.on('x', () => { calls.push('other') })
    t.equal(add(emitter, 'x', listener), emitter)
    t.strictSame(emitter.listeners('x').includes(listener), true)
    t.equal(emitter.listenerCount('x'), 2)
    emitter.emit('x', 1, null, undefined)
    const own = [emitter, 1, null, undefined]
    t.strictSame(calls, add === prepend || add === prependOnce ? [...own, 'other'] : ['other', ...own])
    t.equal(emitter.listenerCount('x'), add === once || add === prependOnce ? 1 : 2)
    emitter.removeListener('x', listener)
    t.equal(emitter.listenerCount('x'), 1)
    add(emitter, 'y', listener)
    emitter.removeListener('y', listener)
    t.equal(emitter.emit('y'), false)
  }
  const emitter = new EventEmitter()
  let times = 0
  once(emitter, 'x', () => { times++ })
  prependOnce(emitter, 'x', () => emitter.emit('x'))
  emitter.emit('x')
  t.equal(times, 1, 'an event within the event is not its first')
  on(emitter, 'z', async () => {})
  emitter.emit('z')
  t.strictSame(errors, [])
})

t.test('a throw and a rejection where there is nothing to end: are logged, even by a logger that throws', async t => {
  const emitter = new EventEmitter()
  const throwing = log()
  on(emitter, 'x', fails)
  emitter.emit('x', null, undefined, 1)
  t.match(throwing.errors, OURS)
  logFailures({ error: fails }, {})
  emitter.emit('x')
  const rejected = await new Promise<unknown>(resolve => {
    logFailures({ error: ({ err }) => resolve(err) }, {})
    once(emitter, 'y', async () => { throw failure })
    emitter.emit('y')
  })
  t.match(rejected, OURS[0])
})

t.test('a callback of a timer: what fails is logged, and what it is about closed; else it is as it was', async t => {
  const { errors } = log()
  const socket = new PassThrough()
  let told: unknown
  setTimeout(guarded(fails, socket), 0)
  await new Promise(resolve => socket.once('close', resolve))
  setTimeout(guarded(fails, { destroy: failure => { told = failure } }), 0)
  await new Promise<void>(resolve => { setTimeout(guarded((given: string) => { t.equal(given, 'x'); resolve() }), 1, 'x') })
  t.match(errors, [...OURS, ...OURS])
  t.match(told, OURS[0], 'what is no emitter is told why')
})

t.test('the other side of an event that could not be handled: is closed as well, and one that cannot be closed is in the way of none', async t => {
  const { errors } = log()
  const [near, far, broken] = [new PassThrough(), new PassThrough(), new PassThrough()]
  on(near, 'x', fails, far)
  near.emit('x')
  t.ok(near.destroyed)
  t.ok(far.destroyed)
  on(broken, 'x', fails, { destroy: fails })
  broken.emit('x')
  t.ok(broken.destroyed)
  t.match(errors, [...OURS, ...OURS])
})

t.test('a function whose result counts: has the one for failures then', async t => {
  const { errors } = log()
  t.equal(guardedOr('otherwise', () => 'result')(), 'result')
  t.equal(guardedOr('otherwise', () => { throw failure })(), 'otherwise')
  t.match(errors, OURS)
})

t.test('one that is asked before the listeners: takes the event, also by failing, or leaves it to them', async t => {
  const emitter = new EventEmitter()
  const { errors } = log(emitter)
  log()
  const seen: unknown[] = []
  emitter.on('x', what => seen.push(what))
  const asked: string[] = []
  intercept(emitter, ['x', 'z'], (name: string, what: string) => {
    asked.push(name)
    if (what === 'fails') throw failure
    return what === 'ours'
  })
  t.equal(emitter.emit('x', 'ours'), true)
  t.equal(emitter.emit('x', 'fails'), true)
  t.equal(emitter.emit('x', 'theirs'), true)
  t.equal(emitter.emit('z', 'ours'), true)
  t.equal(emitter.emit('y', 'ours'), false)
  t.strictSame(seen, ['theirs'])
  t.strictSame(asked, ['x', 'x', 'x', 'z'], 'of others it is not asked')
  t.match(errors, OURS, 'logged where the failures of this emitter are')
})

t.test('a method that a library calls: what fails is closed, once for all instances', async t => {
  class Handler {
    static { guardMethod(this.prototype, 'onError', handler => handler.stream) }
    readonly stream = new PassThrough()
    onError (error: Error | null) { if (error !== null) throw error; return 'fine' }
  }
  const { errors } = log()
  const [well, ill] = [new Handler(), new Handler()]
  t.equal(well.onError(null), 'fine')
  t.equal(ill.onError(failure), undefined)
  t.notOk(well.stream.destroyed)
  t.ok(ill.stream.destroyed)
  t.match(errors, OURS)
})

t.test('a listener of a request or a response: its connection is closed, its stream in HTTP/2, and others go on', async t => {
  for (const name of ['request', 'response'] as const) {
    const server = createServer()
    const { errors } = log(server)
    log()
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/fine') return response.end('fine')
      response.write('begun')
      on({ request, response }[name], 'x', fails)
      ;({ request, response })[name].emit('x')
    })
    const port = await listen(t, server)
    const other = await RawClient.to(t, port)
    const failing = await RawClient.to(t, port)
    await failing.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').end()
    t.match(await other.send('GET /fine HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n').end(), /fine/)
    t.match(errors, OURS, name)

    const http2 = createHttp2Server()
    http2.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      if (request.url === '/fine') return response.end('fine')
      response.write('begun')
      const emitter = { request, response }[name]
      on(emitter, 'x', fails)
      emitter.emit('x')
    })
    const { errors: those } = log(http2)
    log()
    const client = await Http2Client.to(t, `http://127.0.0.1:${await listening(t, http2 as never)}`)
    const stream = client.send({ ':method': 'GET', ':path': '/' })
    stream.on('error', () => {}).resume()
    await new Promise(resolve => stream.on('close', resolve))
    const fine = client.send({ ':method': 'GET', ':path': '/fine' })
    t.match(String((await fine.toArray())[0]), 'fine', 'the session is kept')
    t.match(those, OURS, `${name} of HTTP/2`)
  }
})

t.test('a pipelined response that fails before its turn, and one that cannot be written: the connection closes', async t => {
  const server = createServer()
  const { errors } = log(server)
  log()
  const first: ServerResponse[] = []
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/first') return first.push(response)
    if (request.url === '/broken') response.writeHead = fails
    on(response, 'x', fails)
    response.emit('x')
    first[0]?.end('first')
  })
  const port = await listen(t, server)
  const client = await RawClient.to(t, port)
  const told = await client.send('GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n').end()
  t.match(told, /first[^]*HTTP\/1\.1 500 /)
  t.equal(await (await RawClient.to(t, port)).send('GET /broken HTTP/1.1\r\nHost: x\r\n\r\n').end(), '')
  t.match(errors, [...OURS, ...OURS])
})

t.test('a request without a head yet: is answered with 500 and close; else its connection closes', async t => {
  const server = createServer()
  const trouble = log(server)
  on(server, 'request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/begun') response.writeHead(200).write('begun')
    throw failure
  })
  const port = await listen(t, server)
  const first = await RawClient.to(t, port)
  t.match(await first.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').end(), /^HTTP\/1\.1 500 [^]*Connection: close\r\n/)
  const second = await RawClient.to(t, port)
  t.notMatch(await second.send('GET /begun HTTP/1.1\r\nHost: x\r\n\r\n').end(), /500/)
  t.match(trouble.errors, [...OURS, ...OURS])
})

t.test('a CONNECT without a response yet: is answered with 500 and close; else its connection closes', async t => {
  const server = createServer()
  const trouble = log(server)
  on(server, 'connect', (request: IncomingMessage, socket: Socket) => {
    if (request.url === 'ended.test:1') socket.end('ended')
    if (request.url === 'under-way.test:1') Object.assign(socket, { _httpMessage: {} })
    throw failure
  })
  on(server, 'clientError', () => { throw failure })
  const port = await listen(t, server)
  const ask = async (text: string) => await (await RawClient.to(t, port)).send(text).end()
  t.match(await ask('CONNECT a.test:1 HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 500 [^]*Connection: close\r\n/)
  t.notMatch(await ask('CONNECT ended.test:1 HTTP/1.1\r\nHost: x\r\n\r\n'), /500/)
  t.equal(await ask('CONNECT under-way.test:1 HTTP/1.1\r\nHost: x\r\n\r\n'), '')
  t.equal(await ask('nonsense\r\n\r\n'), '', 'nor where there was no request')
  t.match(trouble.errors, [OURS, OURS, OURS, OURS].flat())
})

t.test('a stream and a session of HTTP/2: the request is answered with 500, or the stream ends; the session ends', async t => {
  const server = createHttp2Server()
  const trouble = log(server)
  on(server, 'request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    if (request.url === '/begun') response.writeHead(200).write('begun')
    if (request.url !== '/stream') throw failure
  })
  on(server, 'stream', (_stream: ServerHttp2Stream, headers: { ':path'?: string }) => { if (headers[':path'] === '/stream') throw failure })
  const url = `http://127.0.0.1:${await listening(t, server as never)}`
  const client = await Http2Client.to(t, url)
  const status = async (path: string) => await new Promise(resolve => {
    const stream = client.send({ ':method': 'GET', ':path': path })
    let status: unknown
    stream.on('response', head => { status = head[':status'] })
    stream.on('error', () => {})
    stream.on('close', () => resolve(status))
    stream.resume()
  })
  t.equal(await status('/'), 500)
  await status('/begun')
  t.not(await status('/stream'), 200)
  t.match(trouble.errors, [OURS, OURS, OURS].flat())

  const closing = createHttp2Server()
  on(closing, 'session', () => { throw failure })
  const other = await RawClient.to(t, await listening(t, closing as never))
  await other.end()
  t.equal(trouble.errors.length, 4)
})

t.test('a stream of HTTP/2: what fails there is logged in the log of its server', async t => {
  const server = createHttp2Server()
  const own = log(server)
  const latest = log()
  on(server, 'stream', (stream: ServerHttp2Stream) => {
    on(stream, 'own', fails)
    stream.emit('own')
  })
  const client = await Http2Client.to(t, `http://127.0.0.1:${await listening(t, server as never)}`)
  t.match(await client.ask({ ':path': '/' }), { body: '', rstCode: 0 })
  t.match(own.errors, OURS)
  t.strictSame(latest.errors, [])
})
