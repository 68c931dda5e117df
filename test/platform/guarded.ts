import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import t from 'tap'
import { guarded } from '../../lib/platform/guarded.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listening } from '../fixtures/listening.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

const failure = new Error('failure')

/** What is logged. */
function log () {
  const errors: unknown[] = []
  return { errors, error: ({ err }: { err: unknown }) => { errors.push(err) } }
}
const OURS = [{ code: 'FST_PROXY_AUTH_LISTENER_FAILED', cause: failure }]

t.test('a listener that does not fail: is called as it would be', async t => {
  const { errors, ...rest } = log()
  const emitter = new EventEmitter()
  const calls: unknown[] = []
  emitter.on('x', guarded(rest, function (this: EventEmitter, ...event: unknown[]) { calls.push(this, ...event) }))
  emitter.on('x', guarded(rest, async () => {}))
  emitter.emit('x', 1, null, undefined)
  t.strictSame(calls, [emitter, 1, null, undefined])
  t.strictSame(errors, [])
})

t.test('a throw and a rejection where there is nothing to end: are logged, even by a logger that throws', async t => {
  const emitter = new EventEmitter()
  const throwing = log()
  emitter.on('x', guarded(throwing, () => { throw failure }))
  emitter.on('x', guarded({ error () { throw failure } }, () => { throw failure }))
  emitter.emit('x', null, undefined, 1)
  t.match(throwing.errors, OURS)
  const rejected = log()
  await new Promise<void>(resolve => {
    emitter.on('y', guarded({ error (details) { rejected.error(details); resolve() } }, async () => { throw failure }))
    emitter.emit('y')
  })
  t.match(rejected.errors, OURS)
})

t.test('a request without a head yet: is answered with 500 and close; else its connection closes', async t => {
  const server = createServer()
  const trouble = log()
  server.on('request', guarded(trouble, (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/begun') response.writeHead(200).write('begun')
    throw failure
  }))
  const port = await listen(t, server)
  const first = await RawClient.to(t, port)
  t.match(await first.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').end(), /^HTTP\/1\.1 500 [^]*Connection: close\r\n/)
  const second = await RawClient.to(t, port)
  t.notMatch(await second.send('GET /begun HTTP/1.1\r\nHost: x\r\n\r\n').end(), /500/)
  t.match(trouble.errors, [...OURS, ...OURS])
})

t.test('a CONNECT without a response yet: is answered with 500 and close; else its connection closes', async t => {
  const server = createServer()
  const trouble = log()
  server.on('connect', guarded(trouble, (request: IncomingMessage, socket: Socket) => {
    if (request.url === 'ended.test:1') socket.end('ended')
    if (request.url === 'under-way.test:1') Object.assign(socket, { _httpMessage: {} })
    throw failure
  }))
  server.on('clientError', guarded(trouble, () => { throw failure }))
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
  const trouble = log()
  server.on('request', guarded(trouble, (request: Http2ServerRequest, response: Http2ServerResponse) => {
    if (request.url === '/begun') response.writeHead(200).write('begun')
    if (request.url !== '/stream') throw failure
  }))
  server.on('stream', guarded(trouble, (_stream: ServerHttp2Stream, headers: { ':path'?: string }) => { if (headers[':path'] === '/stream') throw failure }))
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
  closing.on('session', guarded(trouble, () => { throw failure }))
  const other = await RawClient.to(t, await listening(t, closing as never))
  await other.end()
  t.equal(trouble.errors.length, 4)
})
