import { once } from 'node:events'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { destroyLate } from '../../../lib/platform/http2/late-destroy.js'
import { RawHttp2 } from '../../fixtures/raw-http2.js'
import { until } from '../../fixtures/until.js'

const OLD = '1.61.0'

/** An application whose `/stream` and `/session` destroy what they came on, at once. */
async function destroying (t: Test, version?: string) {
  const app = Fastify({ http2: true }) as never as FastifyInstance
  destroyLate(app, version)
  destroyLate(app, version) // asks for the same again
  const sessions: Http2Session[] = []
  app.server.on('session', session => { sessions.push(session) })
  app.all('/stream', (request, reply) => {
    reply.hijack()
    ;(request.raw as never as Http2ServerRequest).stream.destroy()
  })
  app.all('/session', (request, reply) => {
    reply.hijack()
    ;(request.raw as never as Http2ServerRequest).stream.session!.destroy()
  })
  app.get('/', async () => 'here')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const client = await RawHttp2.to(t, (app.server.address() as { port: number }).port)
  await client.frame(({ type }) => type === 'SETTINGS')
  return { app, client, sessions }
}

const head = (path: string) => [[':method', 'POST'], [':scheme', 'http'], [':path', path], [':authority', 'origin.test']] as const
const away = (code: number) => Buffer.from([0, 0, 0, 0, 0, 0, 0, code])

/** Each ends the process on node 20 where sessions are destroyed at once. */
const PACKETS: Record<string, (client: RawHttp2) => void> = {
  'GOAWAY, then a request': client => client.headers(1, head('/stream')).send('GOAWAY', 0, 0, away(0)).headers(3, head('/')),
  'a reset, GOAWAY, then a request': client => client.headers(1, head('/stream')).reset(1, 0).send('GOAWAY', 0, 0, away(0)).headers(3, head('/')),
  'GOAWAY, PING, then a request': client => client.headers(1, head('/stream')).send('GOAWAY', 0, 0, away(0)).send('PING', 0, 0, Buffer.alloc(8)).headers(3, head('/')),
  'a request that destroys its session': client => client.headers(1, head('/session')),
  'such a request, GOAWAY with an error': client => client.headers(1, head('/session')).send('GOAWAY', 0, 0, away(1))
}
const WRONG = ['WINDOW_UPDATE', 'PING', 'PRIORITY', 'RST_STREAM', 'SETTINGS'] as const

for (const [name, packet] of Object.entries(PACKETS)) {
  t.test(`one packet of ${name}, and a frame of a wrong size: the session ends, and the process goes on (CVE-2026-27135)`, async t => {
    for (const wrong of WRONG) {
      const { client, sessions } = await destroying(t, OLD)
      client.socket.cork()
      packet(client)
      client.send(wrong, 0, wrong === 'PING' || wrong === 'SETTINGS' ? 0 : 1, 'x')
      client.socket.uncork()
      await client.frame(() => false)
      t.equal(client.closed, true, wrong)
      await until(() => sessions[0]!.destroyed)
    }
  })
}

t.test('a session that is destroyed twice, with an error: it is told the first one, in a turn of its own', async t => {
  const { client, sessions } = await destroying(t, OLD)
  const [session] = sessions
  const told = once(session!, 'error').catch((error: unknown) => [error])
  session!.destroy(new Error('the first'))
  session!.destroy(new Error('the second'))
  t.equal(session!.destroyed, false)
  t.match(await told, [{ message: 'the first' }])
  t.equal(session!.destroyed, true)
  await client.frame(() => false)
})

t.test('an nghttp2 that does not end the process: sessions are destroyed at once', async t => {
  for (const version of ['1.69.0', '2.0.0']) {
    const { sessions } = await destroying(t, version)
    sessions[0]!.destroy()
    t.equal(sessions[0]!.destroyed, true, version)
  }
})

t.test('the nghttp2 of this node: it is looked at', async t => {
  const { client } = await destroying(t)
  client.socket.cork()
  client.headers(1, head('/stream')).send('GOAWAY', 0, 0, away(0)).headers(3, head('/')).send('WINDOW_UPDATE', 0, 0)
  client.socket.uncork()
  await client.frame(() => false)
  t.equal(client.closed, true)
})
