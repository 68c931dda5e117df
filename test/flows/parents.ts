// Chains of our own gateways, each with a realm and accounts of its own: what every client can send goes through all of them.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { ParentOptions } from '../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gatewaysBehind } from '../fixtures/chain.js'
import type { Link } from '../fixtures/chain.js'
import { connectHead } from '../fixtures/connect-head.js'
import { extendedSocket } from '../fixtures/extended-socket.js'
import { ALICE } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { socksServer } from '../fixtures/socks-server.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { waysIn } from '../fixtures/ways-in.js'
import type { WayIn } from '../fixtures/ways-in.js'
import { next, webSocket } from '../fixtures/web-sockets.js'

/** So that WebSockets go over HTTP/2, where there is no TLS. */
const ANNOUNCED = { http: { settings: { enableConnectProtocol: true } } } as never
const special = ['127.0.0.1:*']
const SOCKS = { username: 'user-of-socks', password: 'canary-of-socks' }
/** More than fits into one packet, or one window of HTTP/2. */
const CONTENT = Buffer.alloc(200_000, 'some octets, and some more')

interface Chain {
  readonly name: string
  /** From the first gateway on. */
  readonly links: ReadonlyArray<Link['scheme'] | 'Digest over TLS'>
  /** The last goes to the target through SOCKS5. */
  readonly socks?: true
}

const CHAINS: readonly Chain[] = [
  { name: 'two gateways, Basic between them', links: ['Basic'] },
  { name: 'two gateways, Digest between them', links: ['Digest'] },
  { name: 'two gateways, Bearer between them', links: ['Bearer'] },
  { name: 'two gateways, AWS4 between them', links: ['AWS4'] },
  { name: 'three gateways, Basic and then Digest between them', links: ['Basic', 'Digest'] },
  { name: 'three gateways, Digest over TLS and then Basic between them', links: ['Digest over TLS', 'Basic'] },
  { name: 'a gateway and a SOCKS5 server', links: [], socks: true },
  { name: 'two gateways and a SOCKS5 server', links: ['Digest'], socks: true },
  { name: 'three gateways and a SOCKS5 server', links: ['Basic', 'Digest'], socks: true }
]

/** What has come back of octets from an echo. */
async function echoed (tunnel: Duplex): Promise<string> {
  let text = ''
  tunnel.on('data', (chunk: Buffer | string) => { text += typeof chunk === 'string' ? chunk : chunk.toString('latin1') })
  tunnel.end(CONTENT)
  await once(tunnel, 'end')
  return text
}

async function chats (socket: WebSocket): Promise<string> {
  await next(socket, 'open')
  socket.send('ping')
  const [said] = await next(socket, 'message')
  socket.close()
  await next(socket, 'close')
  return String(said)
}

const credentials = { 'Proxy-Authorization': ALICE }

/** CONNECT, by a client of HTTP/1.1 or of HTTP/2. */
async function testTunnel (t: Test, { name, raw, gateway: { port } }: WayIn, authority: string): Promise<void> {
  if (raw === undefined) {
    const client = await Http2Client.to(t, `${name.includes('TLS') ? 'https' : 'http'}://127.0.0.1:${port}`)
    const tunnel = await client.tunnel(authority, ALICE)
    t.ok(await echoed(tunnel) === CONTENT.toString('latin1'), `CONNECT ${name}`)
    client.session.close()
    return
  }
  const client = await raw()
  t.match(await client.send(connectHead(authority, `Proxy-Authorization: ${ALICE}`)).answer(), /^HTTP\/1\.1 200 /, name)
  t.ok(await echoed(client.socket) === CONTENT.toString('latin1'), `CONNECT ${name}`)
}

/** A WebSocket by HTTP/1.1, or by extended CONNECT. */
async function testWebSocket (t: Test, { name, form, version, target, gateway: { port } }: WayIn, authority: string): Promise<void> {
  const tls = name.includes('TLS')
  if (version === '2.0') {
    const client = await Http2Client.to(t, `http://127.0.0.1:${port}`)
    await until(() => client.session.remoteSettings.enableConnectProtocol === true)
    const [path, at] = form === 'reverse' ? ['/api/chat', `127.0.0.1:${port}`] : ['/chat', authority]
    t.equal(await chats(extendedSocket(t, client.session, path!, { authority: at!, headers: credentials })), 'ping', `WebSocket ${name}`)
    client.session.close()
    return
  }
  const socket = webSocket(t, `${tls ? 'wss' : 'ws'}://127.0.0.1:${port}`, { target: target('/chat'), headers: credentials, rejectUnauthorized: false })
  t.equal(await chats(socket), 'ping', `WebSocket ${name}`)
}

for (const { name, links, socks: goesThroughSocks = false } of CHAINS) {
  t.test(`${name}: GET, POST, CONNECT and WebSockets of every client go through all, each hop with an account of its own (R-CHAIN-5)`, { skip: openssl.skip }, async t => {
    const target = await origin(t, (_request, response, body) => { response.end(body.length > 0 ? body : 'origin') })
    const chat = new WebSocketServer({ server: target.server })
    chat.on('connection', socket => { socket.on('message', data => socket.send(data)) })
    const echo = await tcpOrigin(t)
    const socks = goesThroughSocks ? await socksServer(t, { accounts: [`${SOCKS.username}:${SOCKS.password}`] }) : undefined
    const bastion: ParentOptions[] | undefined = socks && [{ url: `socks5://127.0.0.1:${socks.port}`, name: 'bastion', credentials: { scheme: 'Basic', ...SOCKS } }]
    const tls = certificate(t, 'localhost')
    const { parents, gates, accounts } = await gatewaysBehind(t, links.map(link => link === 'Digest over TLS' ? { scheme: 'Digest', tls } : { scheme: link }), bastion)
    const ways = await waysIn(t, { port: target.port, via: 'gate-1', forward: { special, parents }, route: { parents: [parents[0]!.name], websocket: true }, fastify: ANNOUNCED })
    const firsts = [...new Set(ways.map(({ gateway }) => gateway))]

    for (const way of ways) {
      t.match(await way.ask({ path: '/a?b' }), { status: 200, body: 'origin' }, `GET ${way.name}`)
      const { status, body } = await way.ask({ path: '/c', method: 'POST', body: CONTENT })
      t.ok(status === 200 && body === CONTENT.toString('latin1'), `POST ${way.name}`)
      if (way.name !== `${way.form}, HTTP/2 over TLS`) await testWebSocket(t, way, target.authority)
      if (way.form === 'forward') await testTunnel(t, way, echo.authority)
    }

    const count = ways.length * 3 - 2 + firsts.length
    await until(() => firsts.reduce((sum, { proxied }) => sum + proxied().length, 0) === count)
    for (const { proxied } of firsts) t.match(proxied(), Array(proxied().length).fill({ user: 'alice', status: /^(?:200|101)$/, parent: parents[0]!.name }))
    for (const [index, gate] of gates.entries()) testHop(t, gate, accounts[index]!.username, index + 1 < gates.length ? `gate-${index + 3}` : bastion?.[0]!.name)
    if (socks !== undefined) t.strictSame(new Set(socks.users), new Set([SOCKS.username]))
    const vias = ['2.0 gate-1', '1.1 gate-1'].flatMap(via => [via, [via, ...gates.map((_gate, index) => `1.1 gate-${index + 2}`)].join(', ')])
    for (const { rawHeaders, headers } of target.seen) {
      t.notMatch(rawHeaders.join(), /proxy-|canary|user-of/i)
      t.ok(vias.includes(headers.via!), `Via: ${headers.via}`)
    }
    t.notMatch(JSON.stringify([...firsts, ...gates].map(({ log }) => log)), /canary|alice-secret/)
  })
}

/** Each exchange at a hop is of the account of the one before. */
function testHop (t: Test, { proxied }: Gateway, user: string, parent: string | undefined): void {
  t.ok(proxied().length > 0)
  for (const record of proxied()) t.match(record, { user, status: /^(?:200|101)$/, parent })
}
