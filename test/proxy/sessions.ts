import { once } from 'node:events'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { endBroken, goAway } from '../../lib/proxy/sessions.js'
import { gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { until } from '../fixtures/until.js'

t.test('a stopping server does not wait for sessions on which nothing is under way', async t => {
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

t.test('what is under way goes on', async t => {
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

const GET = [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'origin.test']] as const

for (const [name, frame] of [['DATA', 'x'], ['PING', 'short'], ['HEADERS', '\xff']] as const) {
  t.test(`a stopping server, a session that its client breaks with ${name} and leaves: ends with the drain (F-57)`, async t => {
    const { app, port } = await gateway(t, { fastify: { http2: true } as object, drainTimeout: 200 })
    const broken = await RawHttp2.to(t, port, [[4, 0]])
    broken.headers(1, GET, true)
    await broken.frame(({ stream, type }) => stream === 1 && type === 'HEADERS')
    broken.send(name, 0, 0, frame)
    await broken.frame(({ type }) => type === 'GOAWAY')
    broken.socket.destroy()
    const began = performance.now()
    await app.close()
    t.ok(performance.now() - began < 5_000)
  })
}

t.test('a session that its client breaks and leaves, an idle one behind it: its connection ends, the other goes on (F-57)', async t => {
  const app = Fastify({ http2: true, http2SessionTimeout: 300 })
  endBroken(app as never, 1_500)
  endBroken(app as never, 1_500) // asks for the same again
  const sockets: Socket[] = []
  app.server.on('connection', socket => { sockets.push(socket) })
  let answer = () => {}
  const answering = new Promise<string>(resolve => { answer = () => resolve('late') })
  app.get('/', async () => 'x'.repeat(100))
  app.get('/late', async () => await answering)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const broken = await RawHttp2.to(t, Number(new URL(url).port), [[4, 0]])
  broken.headers(1, GET, true)
  await broken.frame(({ stream, type }) => stream === 1 && type === 'HEADERS')
  broken.send('PING', 0, 0, 'short')
  await broken.frame(({ type }) => type === 'GOAWAY')
  broken.socket.destroy()
  const healthy = await Http2Client.to(t, url)
  const pinged = once(healthy.session, 'ping')
  const late = healthy.ask({ ':path': '/late' })
  await pinged
  await until(() => sockets[0]!.destroyed)
  // The reply to the ping has had as long as the other had.
  t.equal(sockets[1]!.destroyed, false)
  answer()
  t.match(await late, { status: 200, body: 'late' })
})
