import { EventEmitter, once } from 'node:events'
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

t.test('a session that is broken is ended, and no other', async t => {
  const app = Fastify({ http2: true })
  endBroken(app as never, 1)
  const sessions = [[false, 0], [true, 1], [false, 1]].map(([destroyed, outboundQueueSize]) => Object.assign(new EventEmitter(), {
    destroyed, state: { outboundQueueSize }, pings: 0, ended: false, setTimeout () {}, ping () { this.pings += 1 }, destroy () { this.ended = true }
  }))
  for (const session of sessions) app.server.emit('session', session as never)
  for (const session of sessions) session.emit('timeout')
  await until(() => sessions[2]!.ended)
  t.match(sessions, [{ pings: 1, ended: false }, { pings: 0, ended: false }, { pings: 1, ended: true }])
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
