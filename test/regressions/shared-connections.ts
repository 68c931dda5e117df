// What shares a connection must not share an identity, nor its fate.
import { connect as connectHttp2 } from 'node:http2'
import t from 'tap'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import proxyAuth from '../../lib/index.js'
import { ALICE, BOB, basic, gateway } from '../fixtures/gateway.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('a CONNECT pipelined behind a request: it waits for the response to that request (R-CONN-7)', async t => {
  const target = await origin(t, (_request, response) => setImmediate(() => response.end('first')))
  const { port } = await gateway(t, { after: app => { app.get('/slow', (_request, reply) => { setImmediate(() => reply.send('app')) }) } })
  for (const first of [`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}`, 'GET /slow HTTP/1.1\r\nHost: x']) {
    const client = await RawClient.to(t, port)
    client.send(`${first}\r\n\r\nCONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n`)
    t.match(await client.answer(), /^HTTP\/1\.1 200 [^]*(?:first|app)$/)
    t.match(await client.answer(), /^HTTP\/1\.1 407 /)
  }
})

t.test('a connection that an origin has authenticated: it serves no other user (R-PSUP-3, S19)', async t => {
  const users = new WeakMap<object, string>()
  const target = await origin(t, (request, response) => {
    if (request.headers.authorization !== undefined) users.set(request.socket, request.headers.authorization)
    response.end(users.get(request.socket) ?? 'nobody')
  })
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url }] })
  const ask = async (path: string, user: string, authorization: string) => {
    const client = await RawClient.to(t, port)
    client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${user}\r\n${authorization}Connection: close\r\n\r\n`)
    return (await client.end()).split('\r\n\r\n')[1]
  }
  for (const path of [`${target.url}/`, '/api/']) {
    for (const scheme of ['NTLM', 'negotiate']) {
      t.equal(await ask(path, ALICE, `Authorization: ${scheme} TlRM\r\n`), `${scheme} TlRM`)
      t.equal(await ask(path, BOB, ''), 'nobody')
    }
  }
})

t.test('OPTIONS * in whose place another response was sent: the late response of the origin is dropped', async t => {
  let answer!: () => void
  const target = await origin(t, (_request, response) => { answer = () => response.end('late') })
  const { port } = await gateway(t, { fastify: { handlerTimeout: 1_000 } })
  const client = await RawClient.to(t, port)
  client.send(`OPTIONS ${target.url} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
  t.match(await client.end(), /^HTTP\/1\.1 503 /)
  answer()
  const second = await RawClient.to(t, port)
  second.send('GET http://10.0.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match(await second.end(), /^HTTP\/1\.1 407 /, 'the server goes on')
})

t.test('TLS options that node cannot use: the boot stops', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(proxyAuth, { realm: 'x', strategies: [basic()], forward: { tls: { cert: 'garbage' } } })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /forward\.tls/ })
})

t.test('HTTP/2 with TLS and :scheme http: it is not for the application (R-TGT-11)', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'proxy.test')
  const app = Fastify({ http2: true, https: { allowHTTP1: true, cert, key } })
  await app.register(proxyAuth as never, { realm: 'x', strategies: [basic()], forward: {} } as never)
  app.get('/admin', async () => 'admin')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const authority = `127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const session = connectHttp2(`https://${authority}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  const status = (scheme: string) => new Promise(resolve => {
    const stream = session.request({ ':method': 'GET', ':scheme': scheme, ':authority': authority, ':path': '/admin' })
    stream.once('response', headers => { resolve(headers[':status']); stream.close() })
  })
  t.equal(await status('https'), 200)
  t.equal(await status('http'), 407)
})

t.test('a client that leaves during a hook of the application: its target is not dialled (R-CONNECT-6)', async t => {
  const target = await origin(t)
  let arrived!: () => void
  const waiting = new Promise<void>(resolve => { arrived = resolve })
  const { port, proxied } = await gateway(t, {
    before: app => {
      app.addHook('preHandler', async request => {
        if (request.method !== 'CONNECT') return
        const gone = new Promise(resolve => request.raw.socket.once('close', resolve))
        arrived()
        request.raw.socket.destroy()
        await gone
      })
    }
  })
  const client = await RawClient.to(t, port)
  client.send(`CONNECT ${target.authority} HTTP/1.1\r\nHost: ${target.authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
  await waiting
  await client.end()
  while (proxied().length === 0) await new Promise(resolve => setImmediate(resolve))
  t.match(proxied(), [{ status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
  t.equal(target.connections, 0)
})
