import { once } from 'node:events'
import type { Http2Session } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { endLost, isLost } from '../../../lib/platform/http2/lost-sessions.js'
import { isGivenUp } from '../../../lib/platform/http2/sessions.js'
import { sessionSocket } from '../../../lib/platform/session-socket.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { socketPath } from '../../fixtures/socket-path.js'

const ENOTCONN = -107

interface Asked { _handle: { getpeername (into: object): number } }

for (const tls of [false, true]) {
  t.test(`sessions ${tls ? 'over TLS' : 'in the clear'} of which the system knows no other end: they end with their streams, others stay`, { skip: tls && openssl.skip }, async t => {
    const app = Fastify({ http2: true, ...(tls && { https: certificate(t, 'gateway.test') }) } as object) as unknown as FastifyInstance
    endLost(app, 5)
    endLost(app, 5)
    const sockets: Socket[] = []
    app.server.on('session', (session: Http2Session) => { sockets.push(sessionSocket(session)) })
    const closed = new Promise<void>(resolve => {
      app.get('/wait', (request, reply) => {
        reply.hijack()
        if (request.headers['x-lost'] !== undefined) request.raw.once('close', resolve)
      })
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const lost = await Http2Client.to(t, url)
    const stays = await Http2Client.to(t, url)
    const other = stays.send({ ':path': '/wait' })
    lost.send({ ':path': '/wait', 'x-lost': '1' })
    await new Promise(resolve => lost.session.ping(() => resolve(undefined)))
    let asked = 0
    const askedTwice = new Promise<void>(resolve => {
      const { _handle: handle } = sockets[1] as unknown as Asked
      const { getpeername } = handle
      handle.getpeername = into => {
        if (++asked === 3) resolve()
        return getpeername.call(handle, into)
      }
    })
    ;(sockets[0] as unknown as Asked)._handle.getpeername = () => ENOTCONN
    await Promise.all([closed, once(lost.session, 'close'), askedTwice])
    t.equal(sockets[0]!.destroyed, true)
    t.equal(isGivenUp(sockets[0]!), true, 'its session is destroyed before it: node 20 may tell of no end else')
    t.equal(sockets[1]!.destroyed, false)
    t.equal(other.closed, false)
    other.close()
  })
}

t.test('a socket in the file system, one without a handle, and one that is connected: none is lost', async t => {
  const server = createServer(() => {})
  server.listen(socketPath(t))
  await once(server, 'listening')
  const client = connect(server.address() as string)
  await once(client, 'connect')
  t.equal(isLost(client), false)
  client.destroy()
  t.equal(isLost(client), false)
  t.equal(isLost({ _handle: { getpeername: () => 0 } } as never), false)
  t.equal(isLost({ _handle: { getpeername: () => ENOTCONN } } as never), true)
  server.close()
})
