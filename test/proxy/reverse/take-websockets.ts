import { createServer } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { passesWebSockets } from '../../../lib/proxy/reverse/take-websockets.js'
import { ANNOUNCED, announcedBy } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { message, reverse } from '../../fixtures/reverse.js'
import { webSocketOrigin } from '../../fixtures/web-sockets.js'

const ASK = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }

t.test('WebSockets: they pass through unless the options want http-proxy to take them', async t => {
  const route = { upstream: 'http://up.test', websocket: true }
  t.equal(passesWebSockets(route as never, true), true)
  t.equal(passesWebSockets(route as never, false), false)
  for (const name of ['wsUpstream', 'wsHooks', 'wsReconnect', 'wsServerOptions', 'wsClientOptions']) t.equal(passesWebSockets({ ...route, [name]: {} } as never, true), false, name)
})

t.test('a WebSocket that is refused: the upstream is not asked (R-UPG-1)', async t => {
  const server = createServer(() => t.fail('not to be asked'))
  server.on('connection', () => t.fail('not to be asked'))
  const { port } = await reverse(t, { upstream: `http://127.0.0.1:${await listen(t, server)}`, websocket: true } as never)
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', '/api/ws', { ...ASK, 'Proxy-Authorization': 'Test no' })).end(), /^HTTP\/1.1 407 /)
})

/** Asks for an upgrade under the prefix of a route that has WebSockets. */
async function given (t: Test, route: object, path: string, fields: Record<string, string> = {}) {
  const target = await webSocketOrigin(t)
  const gate = await reverse(t, { upstream: target.url, websocket: true, ...route } as never)
  const client = await RawClient.to(t, gate.port)
  client.send(message('GET', path, { ...ASK, ...fields }))
  return { ...gate, target, client }
}

t.test('upgrades under the prefix other than WebSockets: they are served as plain requests', async t => {
  for (const way of [{ wsClientOptions: {} }, {}]) {
    for (const [path, fields] of [['/api/x', { Upgrade: 'h2c' }], ['/api/x', { 'Content-Length': '0', Upgrade: 'chat' }]] as const) {
      const { client } = await given(t, way, path, fields as never)
      t.match(await client.answer(), /^HTTP\/1.1 200 [^]*origin$/)
    }
    const { client } = await given(t, way, '/other')
    t.match(await client.answer(), /^HTTP\/1.1 404 /)
  }
})

t.test('an own route of the application under the prefix: it gives its own response', async t => {
  for (const way of [{}, { wsClientOptions: {} }]) {
    const { port } = await reverse(t, { upstream: 'http://up.test', websocket: true, ...way } as never, { before: app => app.get('/api/own', async () => 'own') })
    const client = await RawClient.to(t, port)
    t.match(await client.send(message('GET', '/api/own', ASK)).end(), /^HTTP\/1\.1 200 [^]*\r\n\r\nown$/)
  }
})

t.test('a WebSocket by extended CONNECT: it reaches the gate where it passes through, and is a 501 otherwise (R-XC-4)', async t => {
  const target = await webSocketOrigin(t)
  for (const [way, status] of [[{}, 407], [{ wsClientOptions: {} }, 501]] as const) {
    const { url, port } = await reverse(t, { upstream: target.url, websocket: true, ...way } as never, { fastify: ANNOUNCED })
    const client = await announcedBy(t, url)
    t.match(await client.ask(extended(`127.0.0.1:${port}`, '/api')), { status })
  }
})
