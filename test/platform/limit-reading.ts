import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { limitReading } from '../../lib/platform/limit-reading.js'
import { listening } from '../fixtures/listening.js'
import { RawClient } from '../fixtures/raw-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { until } from '../fixtures/until.js'

const TIME = 300
const LARGE = 'x'.repeat(8_000_000)
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

/** A server whose responses are limited, but for `/free`; `/late` has one that is to be ended by the test. */
async function http1 (t: Test): Promise<{ port: number, sockets: Socket[], late: ServerResponse[], closed: () => number }> {
  const sockets: Socket[] = []
  const late: ServerResponse[] = []
  let closed = 0
  const server = createServer((request, response) => {
    const path = request.url!
    if (path !== '/free') limitReading(response, TIME)
    if (path === '/late') late.push(response)
    else response.end(path === '/small' ? 'small' : LARGE)
  })
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('close', () => { closed += 1 })
  })
  return { port: await listening(t, server), sockets, late, closed: () => closed }
}

t.test('responses that are read: nothing is closed', async t => {
  const { port, closed } = await http1(t)
  const client = await RawClient.to(t, port)
  for (let round = 0; round < 3; round++) t.match(await client.send(get('/small') + get('/small')).answer() + await client.answer(), /small.*small$/s)
  const began = performance.now()
  await until(() => performance.now() - began > 2 * TIME)
  t.match(await client.send(get('/small')).answer(), /small$/)
  t.equal(closed(), 0)
})

t.test('one that is not read, alone, behind another and behind many: the connection is closed', async t => {
  const { port, closed, sockets } = await http1(t)
  for (const requests of [['/large'], ['/small', '/large'], ['/large', '/small', '/large', '/small']]) {
    const client = await RawClient.to(t, port)
    client.socket.pause()
    client.send(requests.map(get).join(''))
    const before = closed()
    await until(() => closed() > before)
    t.ok(sockets.at(-1)!.destroyed, requests.join())
  }
})

t.test('one behind a response that takes its time: has its own time when that is out', async t => {
  const { port, closed, sockets } = await http1(t)
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(get('/free') + get('/small') + get('/small'))
  await until(() => sockets[0]?.writableNeedDrain === true)
  const began = performance.now()
  await until(() => performance.now() - began > 3 * TIME)
  t.equal(closed(), 0)
  client.socket.resume()
  await until(() => client.socket.bytesRead > LARGE.length)
  await client.until(text => text.endsWith('small') && text.split('HTTP/1.1 200').length === 4)
  t.equal(closed(), 0)
  client.socket.pause()
  client.send(get('/free') + get('/large'))
  client.socket.resume()
  await until(() => closed() === 1 || client.socket.bytesRead > 2.2 * LARGE.length)
  client.socket.pause()
  await until(() => closed() === 1)
})

t.test('a client that leaves, and a response that is there later than its client: there is nothing to limit', async t => {
  const { port, late, closed } = await http1(t)
  const client = await RawClient.to(t, port)
  client.send(get('/late') + get('/late'))
  await until(() => late.length === 2)
  client.socket.destroy()
  await until(() => closed() === 1)
  t.doesNotThrow(() => limitReading(late[1]!, TIME))
})

t.test('a response of inject(), which has no connection: it is sent as ever', async t => {
  const app = Fastify()
  app.get('/', async (_request, reply) => {
    limitReading(reply.raw)
    return 'here'
  })
  t.equal((await app.inject('/')).body, 'here')
})

const NO_WINDOW = [[4, 0]] as const
const fields = (path: string) => [[':method', 'GET'], [':scheme', 'http'], [':path', path], [':authority', 'x']] as const

/** The same over HTTP/2; `/late` is limited when its client has gone. */
async function http2 (t: Test, time = TIME): Promise<{ port: number, closed: () => number, left: () => number, open: () => Socket[] }> {
  const sockets = new Set<Socket>()
  let closed = 0
  let left = 0
  const server = createHttp2Server((request, response) => {
    response.stream.on('close', () => { closed += 1 })
    if (request.url === '/late') {
      response.stream.on('close', () => {
        limitReading(response as never, time)
        left += 1
      })
      return
    }
    if (request.url !== '/free' && request.url !== '/large') limitReading(response as never, time)
    if (request.url === '/upload') request.once('data', () => response.end('small'))
    else response.end(request.url === '/large' ? LARGE : 'small')
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return { port: await listening(t, server), closed: () => closed, left: () => left, open: () => [...sockets] }
}

t.test('HTTP/2, streams that are read: nothing is closed, an upload behind its response goes on', async t => {
  const { port, closed, open } = await http2(t)
  const client = await RawHttp2.to(t, port)
  client.headers(1, fields('/small'), true)
  client.headers(3, fields('/upload')).data(3, 'x')
  await client.frame(({ type, stream, flags }) => stream === 3 && type === 'DATA' && flags === 1)
  const began = performance.now()
  await until(() => performance.now() - began > 2 * TIME)
  t.equal(closed(), 1)
  client.data(3, 'y', true)
  await until(() => closed() === 2)
  t.equal(open().length, 1)
})

t.test('HTTP/2, streams without a window: are reset, and the connection is closed, which the client need not do', async t => {
  const { port, closed, open } = await http2(t)
  const client = await RawHttp2.to(t, port, NO_WINDOW)
  for (let id = 1; id < 20; id += 2) client.headers(id, fields('/small'), true)
  t.equal(await client.resetOf(1), 8)
  await until(() => closed() === 10)
  await until(() => open().length === 0)
})

t.test('HTTP/2, one later than the others: has its own time; what is under way beside them goes on', async t => {
  const time = 2_000 // or the last request might come when the session takes none any more
  const { port, closed, open } = await http2(t, time)
  const client = await RawHttp2.to(t, port, NO_WINDOW)
  client.headers(1, fields('/free'), true).headers(3, fields('/small'), true)
  await client.frame(({ stream, type }) => stream === 3 && type === 'HEADERS')
  const began = performance.now()
  await until(() => performance.now() - began > time / 5)
  const later = performance.now()
  client.headers(5, fields('/small'), true)
  t.equal(await client.resetOf(3), 8)
  t.equal(await client.resetOf(5), 8)
  t.ok(performance.now() - later > 0.95 * time, 'and not what was left to the first')
  await until(() => performance.now() - began > 2.1 * time)
  t.equal(closed(), 2)
  const window = Buffer.alloc(4)
  window.writeUInt32BE(100)
  client.send('WINDOW_UPDATE', 0, 1, window)
  await client.frame(({ type, stream, flags }) => stream === 1 && type === 'DATA' && flags === 1)
  await until(() => open().length === 0)
})

t.test('HTTP/2, nothing is read of the connection itself: it is closed', async t => {
  const { port, open } = await http2(t)
  const client = await RawHttp2.to(t, port, NO_WINDOW)
  await client.frame(({ type }) => type === 'SETTINGS')
  client.socket.pause()
  const window = Buffer.alloc(4)
  window.writeUInt32BE(0x7f000000)
  client.headers(1, fields('/large'), true).headers(3, fields('/small'), true).send('WINDOW_UPDATE', 0, 0, window).send('WINDOW_UPDATE', 0, 1, window)
  await until(() => open().length === 0)
})

t.test('HTTP/2, a client that leaves: nothing is limited', async t => {
  const { port, left, open } = await http2(t)
  const client = await RawHttp2.to(t, port, NO_WINDOW)
  client.headers(1, fields('/small'), true).headers(3, fields('/late'), true).headers(5, fields('/late'), true)
  await client.frame(({ stream, type }) => stream === 1 && type === 'HEADERS')
  client.reset(3, 8)
  await until(() => left() === 1)
  client.socket.destroy()
  await until(() => left() === 2 && open().length === 0)
})
