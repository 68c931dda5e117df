// What a gateway tells of what goes through it: events, accounts of use, and the end of one exchange, over sockets in all forms.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import type { ProxyAuthEvents } from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { message } from '../fixtures/forms.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const NAMES = ['challenged', 'granted', 'refused', 'denied', 'opened', 'progress', 'closed'] as const
type Told = { name: typeof NAMES[number] } & Record<string, unknown>

/** All that the gateways of this process tell. */
function listen (t: Test): Told[] {
  const told: Told[] = []
  for (const name of NAMES) {
    const listener = (event: unknown) => {
      const text = JSON.stringify(event)
      if (text.includes('secret') || text.includes(ALICE.slice(6))) t.fail(`a credential in ${text}`)
      told.push({ name, ...event as ProxyAuthEvents[typeof name] })
    }
    subscribe(`fastify-proxy-auth:${name}`, listener)
    t.teardown(() => unsubscribe(`fastify-proxy-auth:${name}`, listener))
  }
  return told
}

async function opened (t: Test, port: number, head: string): Promise<RawClient> {
  const client = await RawClient.to(t, port)
  await client.send(head).until(text => text.includes('\r\n\r\n'))
  return client
}

t.test('a request in each form: granted, opened and closed are told of it, by one id', async t => {
  const told = listen(t)
  const [web, tcp, talking] = [await origin(t), await tcpOrigin(t), await webSocketOrigin(t)]
  const gate = await gateway(t, {
    via: 'gw-1',
    reverse: [
      { prefix: '/api', upstream: web.url },
      { prefix: '/ws', upstream: talking.url, websocket: true },
      { prefix: '/left', upstream: talking.url, websocket: true, wsClientOptions: {} }
    ] as never
  })
  const talk = async (path: string) => {
    const socket = webSocket(t, `${gate.url}${path}`, { headers: { 'Proxy-Authorization': ALICE } })
    await next(socket, 'open')
    socket.send('ping')
    await next(socket, 'message')
    socket.terminate()
  }
  const close = 'Connection: close'
  const rows: Array<[form: string, target: string, ask: () => unknown]> = [
    ['connect', tcp.authority, async () => { (await opened(t, gate.port, connectHead(tcp.authority, RIGHT))).socket.end() }],
    ['http', web.url, async () => { await opened(t, gate.port, message('absolute-form', web.authority, [RIGHT, close])) }],
    ['reverse', web.url, async () => { await opened(t, gate.port, message('origin-form', '', [RIGHT, close], { path: '/api/x' })) }],
    ['websocket', talking.url, async () => await talk('/ws')],
    ['websocket', talking.url, async () => await talk('/left')]
  ]
  for (const [form, target, ask] of rows) {
    told.length = 0
    await ask()
    await until(() => told.some(({ name }) => name === 'closed'))
    const of = told.filter(({ name }) => name !== 'progress')
    t.strictSame(of.map(({ name }) => name), ['granted', 'opened', 'closed'], form)
    t.equal(new Set(of.map(({ id }) => id)).size, 1, 'one id')
    t.match(of[0], { gateway: 'gw-1', user: 'alice', scheme: 'Basic', realm: 'Gateway', client: '127.0.0.1', durationMs: Number })
    for (const event of of.slice(1)) t.match(event, { gateway: 'gw-1', user: 'alice', client: '127.0.0.1', form, target, durationMs: Number })
    t.match(of[2], { address: '127.0.0.1', status: Number, bytesIn: Number, bytesOut: Number })
  }
})

t.test('a tunnel on a stream of HTTP/2: it is told of, and counted', { skip: openssl.skip }, async t => {
  const told = listen(t)
  const tcp = await tcpOrigin(t)
  const { key, cert } = certificate(t, 'localhost')
  const gate = await gateway(t, { fastify: { http2: true, https: { allowHTTP1: true, key, cert } } as never })
  const client = await Http2Client.to(t, `https://localhost:${gate.port}`, { servername: 'localhost' })
  const tunnel = await client.tunnel(tcp.authority, ALICE)
  tunnel.write('ping')
  await once(tunnel, 'data')
  t.match(gate.app.proxyAuthUsage(), [{ user: 'alice', tunnels: 1, bytesIn: 4, bytesOut: 4 }])
  tunnel.end()
  tunnel.resume()
  await until(() => told.some(({ name }) => name === 'closed'))
  t.match(told.filter(({ name }) => name === 'opened' || name === 'closed'), [{ form: 'connect' }, { form: 'connect', bytesIn: 4, bytesOut: 4 }])
})

t.test('no credentials, wrong ones, a target that is denied, an origin that is away: challenged, refused, denied and closed are told', async t => {
  const told = listen(t)
  const gate = await gateway(t, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test:*'] } })
  const ask = async (...fields: string[]) => { (await opened(t, gate.port, connectHead('denied.test:443', ...fields))).socket.end() }
  await ask()
  await ask(`Proxy-Authorization: Basic ${Buffer.from('alice:wrong').toString('base64')}`)
  await ask(RIGHT)
  ;(await opened(t, gate.port, message('absolute-form', '127.0.0.1:1', [RIGHT]))).socket.end()
  await until(() => told.some(({ name }) => name === 'closed'))
  t.match(told, [
    { name: 'challenged', reason: 'missing', method: 'CONNECT', client: '127.0.0.1' },
    { name: 'refused', reason: 'rejected', status: 407, user: null, scheme: 'Basic' },
    { name: 'granted', user: 'alice' },
    { name: 'denied', user: 'alice', target: 'denied.test:443', status: 403, denial: String },
    { name: 'granted', user: 'alice' },
    { name: 'closed', user: 'alice', status: 502 }
  ])
  t.match(gate.app.proxyAuthUsage(), [{ user: 'alice', tunnels: 0, requests: 0, denials: 1 }])
})

t.test('a tunnel that moves octets: progress is told, use is counted while it stands, and an application can end it', async t => {
  const told = listen(t)
  const tcp = await tcpOrigin(t)
  const gate = await gateway(t)
  const client = await opened(t, gate.port, connectHead(tcp.authority, RIGHT))
  client.send('ping')
  await client.until(text => text.endsWith('ping'))
  const usage = () => gate.app.proxyAuthUsage()[0]
  t.match(usage(), { user: 'alice', tunnels: 1, requests: 0, bytesIn: 4, bytesOut: 4, denials: 0 })
  const last = () => told.at(-1)!
  await until(() => last().name === 'progress' && last()['bytesOut'] === 4)
  const { id } = last()
  t.match(last(), { name: 'progress', form: 'connect', bytesIn: 4, bytesOut: 4 })
  t.equal(gate.app.proxyAuthEnd('req-of-another'), 0)
  t.equal(gate.app.proxyAuthEnd(String(id)), 1)
  await client.end()
  await until(() => told.at(-1)?.name === 'closed')
  t.match(told.at(-1), { id, reason: 'ended', status: 200, bytesIn: 4, bytesOut: 4 })
  t.match(usage(), { user: 'alice', tunnels: 0, bytesIn: 4, bytesOut: 4 })
  t.equal(gate.app.proxyAuthEnd(String(id)), 0)
})

t.test('an exchange without a response yet, ended by the application: a tunnel gets 403, a request is cut', async t => {
  const gate = await gateway(t, { forward: { special: ['127.0.0.1:*'], lookup: (() => {}) as never } })
  for (const [head, response] of [
    [connectHead('waits.test:443', RIGHT), /^HTTP\/1\.1 403 /], [message('absolute-form', 'waits.test', [RIGHT, 'Connection: close']), /^$/]
  ] as const) {
    const client = await RawClient.to(t, gate.port)
    client.send(head)
    let ended = 0
    await until(() => { ended = [1, 2].reduce((sum, n) => sum + gate.app.proxyAuthEnd(`req-${n}`), 0); return ended > 0 })
    t.match(await client.end(), response)
  }
})
