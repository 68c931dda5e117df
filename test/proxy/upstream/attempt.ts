import { createServer } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { Client } from 'undici'
import type { Dispatcher } from 'undici'
import { Attempt } from '../../../lib/proxy/upstream/attempt.js'
import type { Attempted, Sender } from '../../../lib/proxy/upstream/attempt.js'
import { createConnector } from '../../../lib/proxy/upstream/connection.js'
import { scriptedOrigin } from '../../fixtures/scripted-origin.js'
import type { Script } from '../../fixtures/scripted-origin.js'

const GET: Attempted = { method: 'GET', content: null }
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

interface Told { events: unknown[], again: number, ended: number }

/** What a handler and a sender are told of a second request on a connection whose first one has been served. */
async function second (t: Test, script: Script, request: Attempted = GET, mayRepeat = true): Promise<Told> {
  const { port } = await scriptedOrigin(t, { '/': OK, '/x': script })
  const client = new Client(`http://127.0.0.1:${port}`, { connect: createConnector({}) })
  t.teardown(async () => { await client.destroy() })
  const told: Told = { events: [], again: 0, ended: 0 }
  const sender: Sender<Attempted> = {
    headersTimeout: 0,
    again (given, attempt) {
      t.equal(given, request)
      told.again += 1
      attempt.onResponseError(undefined as never, Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET', socket: { bytesRead: 1 } }))
    },
    ended (given) {
      t.equal(given, request)
      told.ended += 1
    }
  }
  await new Promise<void>(resolve => { client.dispatch({ path: '/', method: 'GET' }, handlerOf([], resolve)) })
  await new Promise<void>(resolve => {
    client.dispatch({ path: '/x', method: request.method as never }, new Attempt(handlerOf(told.events, resolve), sender, request, mayRepeat))
  })
  return told
}

function handlerOf (events: unknown[], over: () => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart () { events.push('start') },
    onResponseStart (_controller, status) { events.push(status) },
    onResponseData (_controller, chunk) { events.push(String(chunk)) },
    onRequestUpgrade (_controller, _status, _headers, socket) { events.push('upgrade'); socket.destroy(); over() },
    onResponseEnd () { events.push('end'); over() },
    onResponseError (_controller, error) { events.push((error as Error & { code: string }).code); over() }
  }
}

t.test('a response of the origin: all of it is passed on', async t => {
  t.strictSame(await second(t, `HTTP/1.1 103 E\r\n\r\n${OK}`), { events: ['start', 103, 200, 'ok', 'end'], again: 0, ended: 1 })
})

t.test('an upgrade: it is passed on', async t => {
  const { port } = await scriptedOrigin(t, { '/': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n' })
  const client = new Client(`http://127.0.0.1:${port}`)
  t.teardown(async () => { await client.destroy() })
  const events: unknown[] = []
  const sender: Sender<Attempted> = { headersTimeout: 0, again: () => t.fail('sent again'), ended (given) { events.push(given) } }
  await new Promise<void>(resolve => {
    client.dispatch({ path: '/', method: 'GET', upgrade: 'x' }, new Attempt(handlerOf(events, resolve), sender, GET, true))
  })
  t.strictSame(events, ['start', GET, 'upgrade'])
})

t.test('a connection that has served a request ends before a response: it is sent once more, and no third time (F-14)', async t => {
  for (const end of [socket => { socket.end() }, socket => { socket.resetAndDestroy() }] as Script[]) {
    t.strictSame(await second(t, end), { events: ['start', 'UND_ERR_SOCKET'], again: 1, ended: 1 })
  }
})

t.test('a request not idempotent or with content, or an authenticated connection: it is not sent again (F-14)', async t => {
  const end: Script = socket => { socket.end() }
  for (const method of ['POST', 'PATCH', 'LOCK']) t.equal((await second(t, end, { method, content: null })).again, 0, method)
  t.equal((await second(t, end, { method: 'PUT', content: [] })).again, 0, 'content')
  t.equal((await second(t, end, GET, false)).again, 0)
})

t.test('a response that has begun, or another failure: the request is not sent again (F-14)', async t => {
  for (const octets of ['H', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 103 E\r\n\r\n']) {
    t.equal((await second(t, socket => { socket.end(octets) })).again, 0, octets)
  }
  t.equal((await second(t, 'no http\r\n\r\n')).again, 0)
  const failures = [{ code: 'ECONNREFUSED', socket: { bytesRead: 1 } }, { code: 'EPIPE', socket: { bytesRead: 0 } }, { code: 'EPIPE', socket: {} }, { code: 'EPIPE' }, {}]
  for (const failure of failures) {
    const told: unknown[] = []
    const sender: Sender<Attempted> = { headersTimeout: 0, again: () => t.fail('sent again'), ended () {} }
    new Attempt({ onResponseError (_controller, error) { told.push(error) } }, sender, GET, true).onResponseError(undefined as never, failure as Error)
    t.strictSame(told, [failure])
  }
})

t.test('interim responses: they do not make the wait for the head longer (F-16)', async t => {
  const server = createServer(socket => {
    socket.on('error', () => {})
    const hints = setInterval(() => { socket.write('HTTP/1.1 103 E\r\n\r\n') }, 20)
    socket.once('close', () => clearInterval(hints))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  const client = new Client(`http://127.0.0.1:${(server.address() as { port: number }).port}`)
  t.teardown(async () => { await client.destroy() })
  for (const tally of [() => undefined, () => ({ bytesIn: 0, endedAt: performance.now() })]) {
    const sender: Sender<Attempted> = { headersTimeout: 200, again () {}, ended () {} }
    const began = performance.now()
    const events: unknown[] = []
    await new Promise<void>(resolve => {
      client.dispatch({ path: '/', method: 'GET' }, new Attempt(handlerOf(events, resolve), sender, { ...GET, tally: tally() }, true))
    })
    t.match(events, ['start', 103])
    t.equal(events.at(-1), 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT')
    t.ok(performance.now() - began > 150)
  }
})

t.test('the wait for the head: it starts with the end of the request, and ends with the head or an upgrade (F-16)', async t => {
  const aborted: unknown[] = []
  const controller = { abort: (reason: unknown) => { aborted.push(reason) } } as unknown as Dispatcher.DispatchController
  const told: unknown[] = []
  const attempt = (tally?: Attempted['tally'], headersTimeout = 1) =>
    new Attempt({ onResponseStart: (_controller, status) => { told.push(status) } }, { headersTimeout, again () {}, ended () {} }, { ...GET, tally }, true)
  attempt({ bytesIn: 0 }).onResponseStart(controller, 103, {}) // content still goes out
  attempt(undefined, 0).onResponseStart(controller, 103, {}) // no limit
  const answered = attempt()
  answered.onRequestStart(controller, {})
  answered.onResponseStart(controller, 103, {})
  answered.onResponseStart(controller, 200, {})
  answered.onResponseData(controller, Buffer.alloc(0))
  answered.onResponseEnd(controller, {})
  const switched = attempt()
  switched.onResponseStart(controller, 103, {})
  switched.onRequestUpgrade(controller, 101, {}, undefined as never)
  const failed = attempt()
  failed.onResponseStart(controller, 103, {})
  failed.onResponseError(controller, new Error('x'))
  await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame([aborted, told], [[], [103, 103, 103, 200, 103, 103]])
})

t.test('a request that is sent: its trail has the address of its connection, before the handler is told', async t => {
  const sender: Sender<Attempted> = { headersTimeout: 0, again () {}, ended () {} }
  for (const connection of [{ address: '127.0.0.1' }, undefined]) {
    const trail = { address: 'of another time' as string | undefined }
    const told: unknown[] = []
    const attempt = new Attempt({ onRequestStart () { told.push(trail.address) } }, sender, { ...GET, trail }, true)
    attempt.connection = connection as never
    attempt.onRequestStart(undefined as never, {})
    t.same(told, [connection?.address])
  }
})
