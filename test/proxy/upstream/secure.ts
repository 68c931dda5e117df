import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { secured } from '../../../lib/proxy/upstream/secure.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { tcpOrigin } from '../../fixtures/tcp-origin.js'
import { until } from '../../fixtures/until.js'

async function connected (t: Test, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => { socket.destroy() })
  await new Promise(resolve => socket.once('connect', resolve))
  return socket
}

t.test('a server with a certificate of its name: TLS for HTTP/1.1 stands, and the name is sent unless it is an address', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const names: unknown[] = []
  const server = createServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1'] }, socket => { names.push(socket.servername); socket.on('error', () => {}).end('hello') })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => { server.close(resolve) }))
  const { port } = server.address() as AddressInfo
  for (const host of ['origin.test', '127.0.0.1']) {
    const secure = await secured(await connected(t, port), host, 10_000, { ca: cert })
    t.equal(secure.alpnProtocol, 'http/1.1')
    t.equal(secure.authorized, true)
    let text = ''
    for await (const chunk of secure) text += String(chunk)
    t.equal(text, 'hello')
  }
  t.strictSame(names, ['origin.test', false])
  const socket = await connected(t, port)
  await t.rejects(secured(socket, 'other.test', 10_000, { ca: cert }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  t.equal(socket.destroyed, true)
})

t.test('a server that says nothing: the handshake ends in time, and the connection with it', async t => {
  const { port, sockets } = await tcpOrigin(t, socket => { socket.resume() })
  const socket = await connected(t, port)
  await t.rejects(secured(socket, 'origin.test', 30), { code: 'FST_PROXY_AUTH_CONNECT_TIMEOUT' })
  await until(() => socket.closed && sockets[0]?.readableEnded === true)
})

t.test('a connection that is destroyed within the handshake: the handshake fails', async t => {
  const { port, sockets } = await tcpOrigin(t, socket => { socket.resume() })
  const socket = await connected(t, port)
  const failure = t.rejects(secured(socket, 'origin.test', 60_000), { code: 'ECONNRESET' })
  await until(() => (sockets[0]?.bytesRead ?? 0) > 0)
  socket.destroy()
  await failure
})
