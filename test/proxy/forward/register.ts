import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import t from 'tap'
import proxyAuth from '../../../lib/index.js'
import { clientFieldOf } from '../../../lib/proxy/parent/client-field.js'
import { ANNOUNCED, announcedBy } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { foreign } from '../../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../../fixtures/gateway.js'
import { bothLoopbacks } from '../../fixtures/localhost.js'
import { listen, origin } from '../../fixtures/origin.js'
import { parentProxy } from '../../fixtures/parent-proxy.js'
import { RawClient } from '../../fixtures/raw-client.js'

const CREDENTIALS = `Proxy-Authorization: ${ALICE}\r\n`
const OPTIONS = { realm: 'Gateway', strategies: [basic()], forward: {} }
const BAD_REGISTRATION = { code: 'FST_PROXY_AUTH_BAD_REGISTRATION' }

t.test('a second registration on a server, or one under a prefix: it is refused', async t => {
  const nested = Fastify()
  nested.register(async scope => { await scope.register(proxyAuth, OPTIONS) }, { prefix: '/x' })
  await t.rejects(async () => await nested.ready(), BAD_REGISTRATION)
  const twice = Fastify()
  for (let i = 0; i < 2; i++) twice.register(async scope => { await scope.register(proxyAuth, OPTIONS) })
  await t.rejects(async () => await twice.ready(), BAD_REGISTRATION)
})

t.test('hooks that were there before the plugin: they see which of its routes a request takes', async t => {
  const { url } = await origin(t)
  const seen: unknown[] = []
  const before = (app: FastifyInstance) => { app.addHook('onRequest', async ({ routeOptions: { config } }) => { seen.push(config.proxy) }) }
  const { port } = await gateway(t, { before, after: app => { app.get('/', async () => '') } })
  const client = await RawClient.to(t, port)
  for (const target of [url, '/']) await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n`).answer()
  await (await RawClient.to(t, port)).send(`CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n`).answer()
  t.strictSame(seen, ['forward', undefined, 'connect'])
})

t.test('the script for browsers: it is there without credentials, where the option asks for it', async t => {
  const [asked, not] = [await gateway(t, { forward: { pac: true } }), await gateway(t)]
  t.match(await (await fetch(`${asked.url}/proxy.pac`)).text(), `PROXY 127.0.0.1:${asked.port}`)
  t.equal((await fetch(`${not.url}/proxy.pac`)).status, 404)
})

for (const hook of ['onRequest', 'preHandler'] as const) {
  t.test(`a message is checked before its credentials are, also with hook ${hook} (R-TGT-8, R-SEC-6)`, async t => {
    const { port } = await gateway(t, { hook })
    for (const [line, fields] of [['GET http://u:p@a.test/', ''], ['GET http://a.test/', 'Transfer-Encoding: gzip, chunked\r\n'], ['GET *', '']]) {
      const client = await RawClient.to(t, port)
      t.match(await client.send(`${line} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/)
    }
    const client = await RawClient.to(t, port)
    t.match(await client.send('GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n').answer(), /^HTTP\/1\.1 407 /)
  })
}

t.test('a connection of HTTP/1.0: it is not kept, whatever the response (R-CONN-4)', async t => {
  const { url } = await origin(t)
  const { port } = await gateway(t)
  for (const [target, credentials, status] of [[url, CREDENTIALS, 200], [url, '', 407], ['http://10.0.0.1/', CREDENTIALS, 403]] as const) {
    const client = await RawClient.to(t, port)
    const text = await client.send(`GET ${target} HTTP/1.0\r\nConnection: keep-alive\r\nProxy-Connection: keep-alive\r\n${credentials}\r\n`).end()
    t.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nconnection: close\\r\\n`, 'i'))
  }
})

t.test('our own addresses as targets: they are refused, in every spelling (R-VIA-4)', async t => {
  const { port } = await gateway(t, { host: '0.0.0.0', forward: { special: ['127.0.0.1:*', 'localhost:*', '127.0.0.9:*', '[::1]:*'] } })
  const client = await RawClient.to(t, port)
  for (const host of ['127.0.0.1', '127.0.0.9', '0.0.0.0', '[::ffff:127.0.0.1]', '[::1]', 'localhost']) {
    t.match(await client.send(`GET http://${host}:${port}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n`).answer(), /^HTTP\/1\.1 403 [^]*own listener/, host)
  }
})

t.test('a server that listens past Fastify: its own address is refused as a target (R-VIA-4)', async t => {
  const app = Fastify()
  await app.register(proxyAuth, OPTIONS)
  await app.ready()
  const port = await listen(t, app.server)
  const client = await RawClient.to(t, port)
  t.match(await client.send(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n`).answer(), /^HTTP\/1\.1 403 [^]*own listener/)
})

t.test('a strategy that admits without credentials: a refused CONNECT does not keep its connection', async t => {
  const nobody = { strategy: foreign('address', function () { this.fail() }), scheme: null }
  for (const [strategies, kept] of [[[basic(), nobody], false], [[basic()], true]] as const) {
    const { port } = await gateway(t, { strategies })
    const text = await (await RawClient.to(t, port)).send('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n').answer()
    t.equal(/^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i.test(text), !kept)
  }
})

const { skip, patch } = await bothLoopbacks()
t.test('a server on localhost: the proxy is there on both of its addresses', { skip }, async t => {
  t.teardown(patch())
  const { url, authority } = await origin(t)
  const { app } = await gateway(t, { host: 'localhost' })
  const addresses = app.addresses() as AddressInfo[]
  t.strictSame(addresses.map(({ family }) => family).sort(), ['IPv4', 'IPv6'])
  for (const { address, port } of addresses) {
    const ask = async (text: string) => await (await RawClient.to(t, port, address)).send(text)
    t.match(await (await ask(`GET ${url} HTTP/1.1\r\nHost: a\r\n${CREDENTIALS}\r\n`)).answer(), /^HTTP\/1\.1 200 /)
    t.match(await (await ask(`GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`)).answer(), /^HTTP\/1\.1 407 /)
    t.match(await (await ask(`CONNECT ${authority} HTTP/1.1\r\nHost: a\r\n${CREDENTIALS}\r\n`)).answer(), /^HTTP\/1\.1 200 /)
    const expecting = await ask(`POST ${url} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`)
    t.match(await expecting.answer(), /^HTTP\/1\.1 407 /, 'and no 100 before')
    const own = `GET http://${address.includes(':') ? `[${address}]` : address}:${port}/ HTTP/1.1\r\nHost: a\r\n${CREDENTIALS}\r\n`
    t.match(await (await ask(own)).answer(), /^HTTP\/1\.1 403 [^]*own listener/)
  }
})

t.test('an upgrade: absolute-form is ours, origin-form goes to the application unless a CONNECT was refused before (R-UPG-1)', async t => {
  const fields = 'Host: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n'
  const seen: unknown[] = []
  const { port } = await gateway(t, {
    after (app) {
      app.get('/own', async () => 'own')
      app.server.on('upgrade', (request, socket) => {
        seen.push(request.url)
        socket.resume().end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n')
      })
    }
  })
  const absolute = await RawClient.to(t, port)
  t.match(await absolute.send(`GET http://a.test/own HTTP/1.1\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 407 /)
  const overlooked = await RawClient.to(t, port)
  t.match(await overlooked.send(`GET http://a.test/own HTTP/1.1\r\n${fields.replace('chat', 'h2c')}\r\n`).answer(), /^HTTP\/1\.1 407 /)
  const own = await RawClient.to(t, port)
  t.match(await own.send(`GET /own HTTP/1.1\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 426 /)
  const all = await RawClient.to(t, port)
  t.match(await all.send(`OPTIONS * HTTP/1.1\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 426 /)
  const refused = await RawClient.to(t, port)
  t.match(await refused.send('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n').answer(), /^HTTP\/1\.1 407 /)
  t.match(await refused.send(`GET /own HTTP/1.1\r\n${fields}\r\n`).end(), /^HTTP\/1\.1 400 /)
  t.strictSame(seen, ['/own', '*'])
})

t.test('a request or a WebSocket over HTTP/2: the authority says if it is for the proxy or the application (R-XC-4)', async t => {
  const gate = await gateway(t, { fastify: ANNOUNCED, after: app => { app.get('/', async () => 'own') } })
  const client = await announcedBy(t, gate.url)
  const own = `127.0.0.1:${gate.port}`
  t.match(await client.ask({ ':authority': own, ':path': '/' }), { status: 200, body: 'own' })
  t.match(await client.ask({ ':authority': 'origin.test', ':path': '/' }), { status: 407 })
  t.match(await client.ask(extended('origin.test', '/')), { status: 407 })
  t.match(await client.ask(extended(own, '/')), { status: 501 })
})

t.test('the credentials of a client: they are kept where a parent may get them, and nowhere else', async t => {
  const parent = await parentProxy(t)
  const url = `http://127.0.0.1:${parent.port}`
  for (const [parents, kept] of [[[{ url, passthrough: true }], ALICE], [() => ({ url }), ALICE], [[{ url }], undefined]] as const) {
    const seen: unknown[] = []
    const { port } = await gateway(t, { forward: { parents: parents as never }, after: app => { app.addHook('preHandler', async ({ raw }) => { seen.push(clientFieldOf(raw)) }) } })
    t.match(await (await RawClient.to(t, port)).send(`GET http://target.test/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n`).answer(), /^HTTP\/1\.1 200 /)
    t.strictSame(seen, [kept])
  }
})

t.test('a parent that speaks SOCKS5: the package for that is there when the server is ready', async t => {
  await t.resolves(gateway(t, { forward: { parents: [{ url: 'socks5://127.0.0.1:1' }] } }))
})
