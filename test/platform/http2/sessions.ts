import { once } from 'node:events'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { endBroken, goAway, isGivenUp, LeftSessions } from '../../../lib/platform/http2/sessions.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import type { Certificate } from '../../fixtures/certificate.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { RawHttp2 } from '../../fixtures/raw-http2.js'
import { until } from '../../fixtures/until.js'

t.test('a stopping server with sessions on which nothing is under way: it does not wait for them', async t => {
  const app = Fastify({ http2: true })
  goAway(app as never)
  app.get('/', async () => 'here')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const [idle, left] = [await Http2Client.to(t, url), await Http2Client.to(t, url)]
  t.match(await idle.ask({ ':path': '/' }), { body: 'here' })
  left.session.destroy()
  const gone = once(idle.session, 'close')
  await app.close()
  await gone
})

t.test('a stopping server with a request under way: the request goes on', async t => {
  const app = Fastify({ http2: true })
  goAway(app as never)
  let answer = () => {}
  const answering = new Promise<string>(resolve => { answer = () => resolve('late') })
  const asked = new Promise<void>(resolve => app.get('/', async () => { resolve(); return await answering }))
  const client = await Http2Client.to(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const answered = client.ask({ ':path': '/' })
  await asked
  const away = once(client.session, 'goaway')
  const closed = app.close()
  await away
  answer()
  t.match(await answered, { status: 200, body: 'late' })
  await closed
})

const LATE = [[':method', 'GET'], [':scheme', 'http'], [':path', '/late'], [':authority', 'origin.test']] as const

const BREAKS = [['DATA', 'x'], ['PING', 'short'], ['HEADERS', '\xff']] as const

/** An application whose `/late` responds when it is told to; told when a test ends as well. */
async function late (t: Test, options: { http2SessionTimeout?: number, https?: Certificate }, use: (app: FastifyInstance) => void) {
  const app = Fastify({ http2: true, ...options }) as never as FastifyInstance
  use(app)
  const sockets: Socket[] = []
  app.server.on('connection', socket => { sockets.push(socket) })
  let respond = () => {}
  const responding = new Promise<string>(resolve => { respond = () => resolve('late') })
  let asked = 0
  app.all('/late', async () => { asked++; return await responding })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => { respond(); await app.close() })
  return { app, url, port: Number(new URL(url).port), sockets, respond, asked: () => asked }
}

/** Asks for `/late`, acknowledges the settings that the server begins with. */
async function asking (t: Test, port: number): Promise<RawHttp2> {
  const client = await RawHttp2.to(t, port)
  await client.frame(({ type }) => type === 'SETTINGS')
  return client.headers(1, LATE, true)
}

for (const [name, frame] of BREAKS) {
  t.test(`a stopping server, one session that its client breaks with ${name} and leaves, one that reads nothing: their connections end, the one at work goes on (F-57)`, async t => {
    let left!: LeftSessions
    const { app, url, port, sockets, respond, asked } = await late(t, {}, app => {
      goAway(app)
      left = new LeftSessions(app, 1_000)
    })
    const broken = await asking(t, port)
    const healthy = await Http2Client.to(t, url)
    const response = healthy.ask({ ':path': '/late' })
    const silent = await asking(t, port)
    silent.socket.pause()
    await until(() => asked() === 3)
    broken.send(name, 0, 0, frame)
    await broken.frame(({ type }) => type === 'GOAWAY')
    broken.socket.destroy()
    const away = once(healthy.session, 'goaway')
    const closed = app.close()
    await away
    left.endBroken()
    await until(() => sockets[0]!.destroyed && sockets[2]!.destroyed)
    t.strictSame([sockets[1]!, sockets[2]!].map(isGivenUp), [false, true])
    t.equal(sockets[1]!.destroyed, false)
    respond()
    t.match(await response, { status: 200, body: 'late' })
    await closed
  })
}

t.test('a stopping server, a session that is over but for a client that does not close: its connection ends', async t => {
  let left!: LeftSessions
  const { app, port, sockets } = await late(t, {}, app => {
    goAway(app)
    left = new LeftSessions(app, 300)
  })
  const sessions: Http2Session[] = []
  app.server.on('session', session => { sessions.push(session) })
  const client = await RawHttp2.to(t, port)
  await client.frame(({ type }) => type === 'SETTINGS')
  client.socket.pause()
  const closed = app.close()
  await until(() => sessions[0]!.destroyed)
  left.endBroken() // of which there is none
  t.equal(sockets[0]!.destroyed, false)
  left.endOver()
  t.equal(sockets[0]!.destroyed, true)
  await closed
})

t.test('an idle session in TLS: goes on', { skip: openssl.skip }, async t => {
  const https = certificate(t, 'gate.test')
  const { url, respond } = await late(t, { http2SessionTimeout: 300, https }, app => endBroken(app, 1_000))
  const client = await Http2Client.to(t, url)
  let asked = 0
  client.session.on('remoteSettings', () => { asked += 1 })
  const away = once(client.session, 'goaway')
  const response = client.ask({ ':path': '/late' })
  await away
  // Each 300 ms it is asked once more: the time that it has had for the first is over.
  await until(() => asked >= 6)
  respond()
  t.match(await response, { status: 200, body: 'late' })
})

t.test('a session that its client breaks and leaves, an idle one behind it: its connection ends, the other goes on (F-57, CVE-2026-48937)', async t => {
  const { url, port, sockets, respond } = await late(t, { http2SessionTimeout: 300 }, app => {
    endBroken(app, 1_500)
    endBroken(app, 1_500) // asks for the same again
  })
  const healthy = await Http2Client.to(t, url)
  const away = once(healthy.session, 'goaway')
  const response = healthy.ask({ ':path': '/late' })
  const broken = await asking(t, port)
  broken.send('PING', 0, 0, 'short')
  await broken.frame(({ type }) => type === 'GOAWAY')
  broken.socket.destroy()
  await away
  await until(() => sockets[1]!.destroyed)
  // The sign of life has had as long as that of the other had.
  t.equal(sockets[0]!.destroyed, false)
  respond()
  t.match(await response, { status: 200, body: 'late' })
})

t.test('a session that is told to close as it is idle, then broken and left: its connection ends (F-57)', async t => {
  const { port, sockets, asked } = await late(t, { http2SessionTimeout: 300 }, app => endBroken(app, 900))
  const client = await asking(t, port)
  await client.frame(({ type }) => type === 'GOAWAY')
  client.send('PING', 0, 0, 'short')
  client.socket.destroy()
  await until(() => sockets[0]!.destroyed)
  t.equal(asked(), 1)
})

/** The client says that it goes, resets a stream, and asks on another. */
async function sayingGoodbye (t: Test, port: number, path: string): Promise<RawHttp2> {
  const client = await RawHttp2.to(t, port)
  await client.frame(({ type }) => type === 'SETTINGS')
  const fields = [[':method', 'POST'], [':scheme', 'http'], [':path', path], [':authority', 'origin.test']] as const
  client.socket.cork()
  client.headers(1, fields).send('GOAWAY', 0, 0, Buffer.alloc(8))
  if (path !== '/late') client.reset(1, 0)
  client.headers(3, fields, true)
  client.socket.uncork()
  return client
}

t.test('a session whose client says GOAWAY, resets a stream that has its response and opens another: it ends when it has been idle', async t => {
  const { port, sockets } = await late(t, { http2SessionTimeout: 300 }, app => endBroken(app, 60_000))
  const client = await sayingGoodbye(t, port, '/none')
  await client.frame(() => false)
  await until(() => sockets[0]!.destroyed)
  t.same(client.frames.filter(({ type, flags }) => type === 'SETTINGS' && flags === 0).length, 1, 'it is not asked whether it is there')
})

t.test('a session whose client says GOAWAY while a stream waits for its response: it stays for that', async t => {
  const { app, port, sockets, respond } = await late(t, { http2SessionTimeout: 300 }, app => endBroken(app, 60_000))
  app.server.on('session', session => session.on('timeout', () => setImmediate(respond)))
  const client = await sayingGoodbye(t, port, '/late')
  await client.frame(({ type, stream }) => type === 'DATA' && stream === 1)
  t.equal(sockets[0]!.destroyed, false)
})
