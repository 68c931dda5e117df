import { Agent } from 'undici'
import t from 'tap'
import type { Test } from 'tap'
import type { ParentOptions } from '../../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { fakeParent, inTurn, tunnelling } from '../../fixtures/fake-parent.js'
import { ALICE, BOB, gateway } from '../../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../../fixtures/gateway.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { socksServer } from '../../fixtures/socks-server.js'
import { until } from '../../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../../fixtures/web-sockets.js'

const PARENT = { scheme: 'Basic', username: 'gw', password: 'canary-parent' } as const

const head = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: x.test', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')
const at = (port: number, more: Partial<ParentOptions> = {}): ParentOptions => ({ url: `http://127.0.0.1:${port}`, name: `at-${port}`, ...more })

async function routeBy (t: Test, upstream: string, parents: unknown, route: object = {}, options: GatewayOptions = {}): Promise<Gateway> {
  return await gateway(t, { via: 'gw', reverse: [{ prefix: '/api', upstream, parents, ...route } as never], ...options })
}

async function ask (t: Test, { port }: Pick<Gateway, 'port'>, text: string): Promise<ReturnType<typeof readAnswer>> {
  const client = await RawClient.to(t, port)
  const answer = readAnswer(await client.send(text).answer())
  client.socket.destroy()
  return answer
}

t.test('a route with a parent: its requests go through a CONNECT there, which is kept for the next', async t => {
  const target = await origin(t, (_request, response, body) => { response.end(body.length > 0 ? body : 'origin') })
  const parent = await fakeParent(t, tunnelling())
  const self = await routeBy(t, `http://Upstream.test:${target.port}/base`, [at(parent.port, { credentials: PARENT })])
  t.match(await ask(t, self, head('GET /api/a?b', 'Via: 1.1 before')), { status: 200, body: 'origin', fields: { via: '1.1 gw' } })
  t.match(await ask(t, self, `${head('POST /api/c', 'Content-Length: 2')}ab`), { status: 200, body: 'ab' })
  t.match(target.seen, [
    { method: 'GET', url: '/base/a?b', headers: { host: `upstream.test:${target.port}`, via: '1.1 before, 1.1 gw' } },
    { method: 'POST', url: '/base/c' }
  ])
  t.equal(parent.heads.length, 1)
  t.equal(parent.heads[0], [
    `CONNECT upstream.test:${target.port} HTTP/1.1`, `Host: upstream.test:${target.port}`, 'Via: 1.1 gw',
    `Proxy-Authorization: Basic ${btoa('gw:canary-parent')}`, '', ''
  ].join('\r\n'))
  t.notMatch(JSON.stringify(target.seen), /canary|proxy-authorization/i)
  await until(() => self.proxied().length === 2)
  t.match(self.proxied(), [{ status: 200, parent: `at-${parent.port}` }, { status: 200, parent: `at-${parent.port}` }])
})

t.test('accounts of their own: no connection through the parent serves two users', async t => {
  const target = await origin(t)
  const parent = await fakeParent(t, tunnelling())
  const credentials = ({ name }: { name: string }) => ({ scheme: 'Basic', username: name, password: 'canary-parent' }) as const
  const self = await routeBy(t, target.url, [at(parent.port, { credentials })])
  for (const as of [ALICE, BOB, ALICE, BOB]) t.equal((await ask(t, self, head('GET /api/').replace(ALICE, as))).status, 200)
  t.strictSame(parent.heads.map(text => /Basic (.*)/.exec(text)![1]), [btoa('alice:canary-parent'), btoa('bob:canary-parent')])
  t.equal(target.connections, 2)
})

t.test('a client with credentials of its own for the parent: they go there, a connection for each request, and no further', async t => {
  const target = await origin(t)
  const parent = await fakeParent(t, tunnelling())
  const self = await routeBy(t, target.url, [at(parent.port, { passthrough: true })])
  for (let i = 0; i < 2; i++) t.equal((await ask(t, self, head('GET /api/'))).status, 200)
  t.strictSame(parent.heads.map(text => /Proxy-Authorization: (.*)/.exec(text)![1]), [ALICE, ALICE])
  t.notMatch(JSON.stringify(target.seen), /proxy-authorization/i)
})

t.test('an upstream over https: its TLS goes through the CONNECT, and its certificate is verified', { skip: openssl.skip }, async t => {
  const cert = certificate(t)
  const target = await origin(t, undefined, cert)
  const parent = await fakeParent(t, tunnelling())
  const upstream = `https://127.0.0.1:${target.port}`
  const trusting = await routeBy(t, upstream, [at(parent.port)], { undici: { tls: { ca: cert.cert, checkServerIdentity: () => undefined } } })
  t.match(await ask(t, trusting, head('GET /api/')), { status: 200, body: 'origin' })
  t.match(await ask(t, await routeBy(t, upstream, [at(parent.port)]), head('GET /api/')), { status: 502 })
  t.equal(parent.heads.length, 2)
})

t.test('a WebSocket on a route with a parent: it goes through', async t => {
  const target = await webSocketOrigin(t)
  const parent = await fakeParent(t, tunnelling())
  const self = await routeBy(t, target.url, [at(parent.port)], { websocket: true })
  const socket = webSocket(t, `${self.url}/api/chat`, { headers: { 'Proxy-Authorization': ALICE } })
  await next(socket, 'open')
  socket.send('ping')
  t.equal(String((await next(socket, 'message'))[0]), 'ping')
  t.match(parent.heads, [/^CONNECT /])
  socket.terminate()
  await until(() => self.proxied().length === 1 && parent.open.size === 0)
})

t.test('a SOCKS5 parent, and the name of one of the forward proxy: both lead to the upstream', async t => {
  const target = await origin(t)
  const socks = await socksServer(t, { accounts: ['gw:canary-parent'] })
  const parents = [{ url: `socks5://127.0.0.1:${socks.port}`, credentials: PARENT, name: 'bastion' }]
  const self = await routeBy(t, target.url, ['bastion'], {}, { forward: { parents } })
  t.match(await ask(t, self, head('GET /api/')), { status: 200, body: 'origin' })
  await until(() => self.proxied().length === 1)
  t.match(self.proxied(), [{ parent: 'bastion' }])
})

t.test('parents that are away or cannot open the way: the next is taken, and at the end the upstream itself', async t => {
  const target = await origin(t)
  const parent = await fakeParent(t, inTurn('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'))
  const away = at(await closedPort())
  const self = await routeBy(t, target.url, [away, at(parent.port), 'direct'])
  t.match(await ask(t, self, head('GET /api/')), { status: 200, body: 'origin' })
  t.equal(parent.heads.length, 1)
  await until(() => self.proxied().length === 1)
  t.strictSame(self.proxied()[0]!['parent'], undefined)
})

t.test('failures of a parent: the response says so, and names it', async t => {
  const target = await origin(t)
  const refusing = await fakeParent(t, inTurn('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n'))
  const denying = await fakeParent(t, inTurn('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'))
  for (const [parents, status, code, name] of [
    [[at(await closedPort())], 502, 'PARENT_UNREACHABLE', 'at-'],
    [[at(refusing.port, { credentials: PARENT }), 'direct'], 502, 'PARENT_REFUSED', `at-${refusing.port}`],
    [[at(denying.port), 'direct'], 403, 'PARENT_DENIED', `at-${denying.port}`],
    [[at(denying.port, { to: ['other.test'] })], 502, 'NO_PARENT', ''],
    [() => { throw new Error('canary') }, 500, 'PARENT_CHOICE', ''],
    [async () => { throw new Error('canary') }, 500, 'PARENT_CHOICE', '']
  ] as const) {
    const answer = await ask(t, await routeBy(t, target.url, parents), head('GET /api/'))
    t.equal(answer.status, status, code)
    t.match(answer.body, new RegExp(`FST_PROXY_AUTH_${code}`))
    t.notMatch(answer.body, /canary/)
    if (name !== '') t.match(answer.fields['proxy-status'], new RegExp(`next-hop=${name}`))
    t.equal(answer.fields['proxy-authenticate'], undefined)
  }
  t.equal(target.seen.length, 0)
})

t.test('an upstream at our own address: it is refused through a parent as well', async t => {
  const parent = await fakeParent(t, tunnelling())
  const listening = await gateway(t)
  const { app } = listening
  let own = ''
  const self = await routeBy(t, 'http://127.0.0.1', [at(parent.port)], { replyOptions: { getUpstream: () => own } })
  own = self.url
  t.equal((await ask(t, self, head('GET /api/'))).status, 403)
  own = `http://127.0.0.1:${(app.server.address() as { port: number }).port}`
  t.equal((await ask(t, self, head('GET /api/'))).status, 404)
  t.equal(parent.heads.length, 1)
})

t.test('a name that is resolved here: the parent gets the address', async t => {
  const target = await origin(t)
  const parent = await fakeParent(t, tunnelling())
  const self = await routeBy(t, `http://localhost:${target.port}`, [at(parent.port, { resolve: 'local' })])
  t.match(await ask(t, self, head('GET /api/')), { status: 200, body: 'origin' })
  t.match(parent.heads, [/^CONNECT (?:127\.0\.0\.1|\[::1\]):/])
})

t.test('a client that leaves while the way is opened: the connection to the parent goes', async t => {
  const parent = await fakeParent(t, () => undefined)
  const self = await routeBy(t, 'http://upstream.test', [at(parent.port)])
  const client = await RawClient.to(t, self.port)
  client.send(head('GET /api/'))
  await until(() => parent.heads.length === 1)
  client.socket.destroy()
  await until(() => parent.open.size === 0 && self.proxied().length === 1)
  t.match(self.proxied(), [{ status: 499 }])
})

t.test('a client that leaves while the credentials for the parent are looked for: the parent is not asked', async t => {
  const parent = await fakeParent(t, tunnelling())
  let give!: () => void
  const asked = new Promise<void>(resolve => { give = resolve })
  let isAsked = false
  const credentials = async () => { isAsked = true; await asked; return PARENT }
  const self = await routeBy(t, 'http://upstream.test', [at(parent.port, { credentials })])
  const client = await RawClient.to(t, self.port)
  client.send(head('GET /api/'))
  await until(() => isAsked)
  client.socket.destroy()
  await until(() => self.proxied().length === 1)
  give()
  await self.app.close()
  t.equal(parent.heads.length, 0)
})

t.test('an upstream that is silent behind a parent: the time of the call counts', async t => {
  const target = await origin(t, () => {})
  const parent = await fakeParent(t, tunnelling())
  const self = await routeBy(t, target.url, [at(parent.port)], { replyOptions: { timeout: 50 } })
  t.equal((await ask(t, self, head('GET /api/'))).status, 504)
})

t.test('a route with a client of its own beside parents: the boot fails', async t => {
  const agent = new Agent()
  t.teardown(() => agent.close())
  const upstream = 'http://upstream.test'
  for (const route of [
    { http2: true }, { http: true }, { undici: agent }, { undici: { proxy: 'http://x.test' } }, { undici: { factory: () => agent } },
    { undici: { connect: () => {} } }, { globalAgent: true }, { upstream: [upstream, upstream] }, { upstream: 'unix+http://x/' },
    { websocket: true, wsHooks: { onConnect () {} } }
  ]) {
    await t.rejects(routeBy(t, upstream, [at(1)], route), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /reverse\[\]\.parents/ }, Object.keys(route).join())
  }
  await t.rejects(routeBy(t, upstream, [at(1)], { undici: { tls: { cert: 'canary' } } }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /undici\.tls/ })
})
