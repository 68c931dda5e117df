import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { ParentOptions } from '../../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { ALICE, BOB, gateway } from '../../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../../fixtures/gateway.js'
import { fakeParent, tunnelling } from '../../fixtures/fake-parent.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { origin } from '../../fixtures/origin.js'
import { challenge, contentOf, parentProxy } from '../../fixtures/parent-proxy.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { socksServer } from '../../fixtures/socks-server.js'
import { until } from '../../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../../fixtures/web-sockets.js'

const PARENT = { scheme: 'Basic', username: 'gw', password: 'canary-parent' } as const
const GW = `Basic ${Buffer.from('gw:canary-parent').toString('base64')}`

const head = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: x.test', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')

async function gatewayBy (t: Test, parents: unknown, { forward, ...options }: GatewayOptions = {}): Promise<Gateway> {
  return await gateway(t, { via: 'gw', forward: { special: ['127.0.0.1:*'], ...forward as object, parents: parents as never }, ...options })
}

async function ask (t: Test, { port }: Pick<Gateway, 'port'>, text: string): Promise<ReturnType<typeof readAnswer>> {
  const client = await RawClient.to(t, port)
  const answer = readAnswer(await client.send(text).answer())
  client.socket.destroy()
  return answer
}

const at = (port: number, more: Partial<ParentOptions> = {}): ParentOptions => ({ url: `http://127.0.0.1:${port}`, name: `at-${port}`, ...more })

t.test('a target for which there is a parent: the request goes there in absolute-form, and the name is not resolved', async t => {
  const parent = await parentProxy(t, async (request, response) => { response.setHeader('Proxy-Support', 'x'); response.end(await contentOf(request)) })
  const self = await gatewayBy(t, [at(parent.port, { credentials: PARENT })])
  const { status, body, fields } = await ask(t, self, `${head('POST http://Target.test/a?b', 'Content-Length: 2', 'X-A: 1')}ab`)
  t.strictSame([status, body, fields['via'], fields['proxy-support']], [200, 'ab', '1.1 gw', undefined])
  t.match(parent.seen, [{ line: 'POST http://target.test/a?b', fields: { host: 'target.test', via: '1.1 gw', 'x-a': '1', 'proxy-authorization': GW } }])
  await until(() => self.proxied().length === 1)
  t.match(self.proxied(), [{ user: 'alice', target: 'http://target.test', status: 200, bytesIn: 2, bytesOut: 2 }])
})

t.test('a TRACE, whose response may show what the parent got: no credentials are sent with it', async t => {
  const parent = await parentProxy(t)
  for (const more of [{ credentials: PARENT }, { passthrough: true }]) {
    t.equal((await ask(t, await gatewayBy(t, [at(parent.port, more)]), head('TRACE http://target.test/', 'Max-Forwards: 1'))).status, 200)
    t.match(parent.seen.at(-1), { line: 'TRACE http://target.test/', fields: { 'max-forwards': '0', 'proxy-authorization': undefined } })
  }
})

t.test('a target that is asked for as a whole: the parent gets it without a path', async t => {
  const parent = await parentProxy(t)
  await ask(t, await gatewayBy(t, [at(parent.port)]), head('OPTIONS http://target.test:8080', 'Max-Forwards: 3').replace('8080', '80'))
  t.match(parent.seen, [{ line: 'OPTIONS http://target.test', fields: { host: 'target.test', 'max-forwards': '2' } }])
})

t.test('no parent for a target, or a list that says so: it is refused, or reached directly', async t => {
  const target = await origin(t)
  const parent = await parentProxy(t)
  const some = at(parent.port, { to: ['*.test'] })
  t.match(await ask(t, await gatewayBy(t, [some]), head(`GET ${target.url}/`)), { status: 502, fields: { 'cache-control': 'no-store' } })
  t.match(await ask(t, await gatewayBy(t, [some, 'direct']), head(`GET ${target.url}/`)), { status: 200, body: 'origin' })
  t.equal(parent.seen.length, 0)
})

t.test('the policy: it is asked before a parent is chosen, and addresses in targets are classified', async t => {
  const parent = await parentProxy(t)
  const asked: string[] = []
  const self = await gatewayBy(t, () => { asked.push('parents'); return at(parent.port) }, {
    forward: { special: [], deny: ['denied.test'], check: ({ host }: { host: string }) => { asked.push(host); return host !== 'checked.test' } }
  })
  for (const host of ['denied.test', 'checked.test', '127.0.0.1', '10.0.0.1', '0x7f.1', 'localhost', 'other.test:81']) {
    t.equal((await ask(t, self, head(`GET http://${host}/`))).status, 403, host)
  }
  t.strictSame([parent.seen.length, asked.filter(name => name === 'checked.test').length], [0, 1])
  t.notOk(asked.slice(0, asked.indexOf('checked.test')).includes('parents'))
})

t.test('a name that is resolved here: the parent gets the address, and the target its name', async t => {
  const parent = await parentProxy(t)
  const lookup = (name: string, _options: unknown, callback: (error: Error | null, addresses?: unknown[]) => void) => {
    if (name === 'none.test') setImmediate(callback, Object.assign(new Error('none'), { code: 'ENOTFOUND' }))
    else setImmediate(callback, null, [{ address: name === 'inside.test' ? '10.0.0.1' : '9.9.9.9', family: 4 }])
  }
  const self = await gatewayBy(t, [at(parent.port, { resolve: 'local', except: ['none.test'] }), at(parent.port, { name: 'b', resolve: 'local' }), at(parent.port, { name: 'c' })], { forward: { special: ['127.0.0.1:*'], lookup: lookup as never } })
  t.equal((await ask(t, self, head('GET http://target.test/a'))).status, 200)
  t.equal((await ask(t, self, head('GET http://inside.test/a'))).status, 403)
  t.equal((await ask(t, self, head('GET http://none.test/a'))).status, 200, 'the next resolves it itself')
  t.match(parent.seen, [{ line: 'GET http://9.9.9.9/a', fields: { host: 'target.test' } }, { line: 'GET http://none.test/a' }])
})

t.test('a parent that cannot be reached: the next is taken, and where none is left, the failure is that of the first', async t => {
  const target = await origin(t)
  const [one, two] = [await closedPort(), await closedPort()]
  const parent = await parentProxy(t)
  const url = `${target.url}/`
  t.match(await ask(t, await gatewayBy(t, [at(one), at(parent.port)]), head(`GET ${url}`)), { status: 200, body: 'target' })
  t.match(await ask(t, await gatewayBy(t, [at(one), 'direct']), `${head(`POST ${url}`, 'Content-Length: 2')}ab`), { status: 200, body: 'origin' })
  t.match(await ask(t, await gatewayBy(t, ['direct', at(parent.port)]), head(`GET http://127.0.0.1:${two}/`)), { status: 200, body: 'target' })
  t.match(await ask(t, await gatewayBy(t, [at(one), at(two)]), head(`GET ${url}`)), { status: 502, body: /PARENT_UNREACHABLE/ })
  t.match(await ask(t, await gatewayBy(t, ['direct', at(two)]), head(`GET http://127.0.0.1:${one}/`)), { status: 502, body: /CONNECTION_REFUSED/ })
  t.match(await ask(t, await gatewayBy(t, [at(two), 'direct']), head(`GET http://127.0.0.1:${one}/`)), { status: 502, body: /PARENT_UNREACHABLE/ })
  t.match(await ask(t, await gatewayBy(t, [at(one), at(two), 'direct']), head('GET http://10.0.0.1:80/')), { status: 403 })
})

t.test('a name without an address: the next way is taken, if there is one', async t => {
  const parent = await parentProxy(t)
  const lookup = (_name: string, _options: unknown, callback: (error: Error) => void) => { setImmediate(callback, Object.assign(new Error('none'), { code: 'ENOTFOUND' })) }
  const options = { forward: { special: ['127.0.0.1:*'], lookup: lookup as never } }
  t.match(await ask(t, await gatewayBy(t, ['direct', at(parent.port)], options), head('GET http://none.test/')), { status: 200, body: 'target' })
  t.match(await ask(t, await gatewayBy(t, [at(parent.port), 'direct'], options), head('GET http://none.test/')), { status: 200 })
  t.match(await ask(t, await gatewayBy(t, ['direct'], options), head('GET http://none.test/')), { status: 502, body: /FST_PROXY_AUTH_DNS/ })
})

t.test('a parent that refuses the credentials: 502, never a 407, and no other way is taken (S48)', async t => {
  const parent = await parentProxy(t, (_request, response) => challenge(response, 'Basic realm="parent"'))
  const other = await parentProxy(t)
  const self = await gatewayBy(t, [at(parent.port, { credentials: PARENT }), at(other.port)])
  const { status, fields, body } = await ask(t, self, head('GET http://target.test/'))
  t.match([status, fields['proxy-authenticate'], body], [502, undefined, /PARENT_REFUSED/])
  t.equal(other.seen.length, 0)
  t.notMatch(JSON.stringify(self.log), /canary|Z3c6Y2FuYXJ5/)
})

t.test('credentials of the client: a parent with passthrough gets them, and no other way does (R-CHAIN-2)', async t => {
  const [passing, other] = [await parentProxy(t), await parentProxy(t)]
  const target = await origin(t)
  const seen: unknown[] = []
  const self = await gatewayBy(t, [at(passing.port, { passthrough: true, to: ['passing.test'] }), at(other.port, { to: ['*.test'] }), 'direct'], {
    after: app => { app.addHook('preHandler', async request => { seen.push(request.headers['proxy-authorization'], request.raw.rawHeaders.join()) }) }
  })
  for (const url of ['http://passing.test/', 'http://other.test/', `${target.url}/`]) t.equal((await ask(t, self, head(`GET ${url}`))).status, 200)
  t.match(passing.seen, [{ fields: { 'proxy-authorization': ALICE } }])
  t.equal(other.seen[0]!.fields['proxy-authorization'], undefined)
  t.notOk('proxy-authorization' in target.seen[0]!.headers)
  t.notMatch(seen.join(), ALICE)
  const byFunction = await gatewayBy(t, () => at(passing.port, { passthrough: true }))
  await ask(t, byFunction, head('GET http://passing.test/'))
  t.match(passing.seen[1], { fields: { 'proxy-authorization': ALICE } })
})

t.test('a parent that is this gateway, or that leads back to it: the loop is found', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  const self = await gatewayBy(t, () => at(selfPort))
  const selfPort = self.port
  t.match(await ask(t, self, head('GET http://target.test/')), { status: 502, body: /FST_PROXY_AUTH_LOOP/ })
  t.match(await ask(t, await gatewayBy(t, [at(port)]), head('GET http://target.test/', 'Via: 1.1 gw')), { status: 502, body: /FST_PROXY_AUTH_LOOP/ })
})

t.test('two gateways that are each other\'s parents: the loop is found', async t => {
  const one = await gatewayBy(t, () => at(other.port, { credentials: { scheme: 'Basic', username: 'alice', password: 'alice-secret' } }), { via: 'one' })
  const other = await gatewayBy(t, [at(one.port, { credentials: { scheme: 'Basic', username: 'bob', password: 'bob-secret' } })], { via: 'other' })
  t.match(await ask(t, one, head('GET http://target.test/')), { status: 502, body: /FST_PROXY_AUTH_LOOP/ })
  await until(() => other.proxied().length === 1 && one.proxied().length === 2)
  t.match(one.proxied().map(({ user, reason }) => [user, reason]), [['bob', 'FST_PROXY_AUTH_LOOP'], ['alice', undefined]])
})

t.test('a client that leaves while the parents are chosen, or credentials are had: nothing is sent', async t => {
  const parent = await parentProxy(t)
  for (const way of ['choice', 'credentials', 'look-up'] as const) {
    let go!: () => void
    let asked!: () => void
    const asking = new Promise<void>(resolve => { asked = resolve })
    const later = async <Value>(value: Value) => { asked(); await new Promise<void>(resolve => { go = resolve }); return value }
    const parents = {
      choice: async () => await later(at(parent.port)),
      credentials: [at(parent.port, { credentials: async () => await later(PARENT) })],
      'look-up': ['direct']
    }[way]
    const lookup = async (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => { callback(null, await later([{ address: '127.0.0.1', family: 4 }])) }
    const self = await gatewayBy(t, parents, { forward: { special: ['127.0.0.1:*', 'target.test'], lookup: lookup as never } })
    const client = await RawClient.to(t, self.port)
    client.send(head('GET http://target.test/'))
    await asking
    client.socket.destroy()
    await until(() => self.proxied().length === 1)
    go()
    for (let i = 0; i < 5; i++) await new Promise(resolve => { setImmediate(resolve) })
    t.match(self.proxied(), [{ reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
  }
  t.strictSame([parent.seen.length, parent.open.size], [0, 0])
})

t.test('a client that expects a 100: it gets one when the parent takes the content', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    if (request.headers['proxy-authorization'] === undefined) challenge(response, 'Digest realm="p", nonce="n", qop="auth"')
    else response.end(await contentOf(request))
  })
  const self = await gatewayBy(t, [at(parent.port, { credentials: { ...PARENT, scheme: 'Digest' } })])
  const client = await RawClient.to(t, self.port)
  client.send(head('POST http://target.test/', 'Expect: 100-continue', 'Content-Length: 2'))
  t.match(await client.answer(), /^HTTP\/1\.1 100 /)
  t.strictSame(parent.seen.map(({ line }) => line), ['OPTIONS http://target.test/'])
  t.match(readAnswer(await client.send('ab').answer()), { status: 200, body: 'ab' })
})

t.test('a client over HTTP/2: its requests go by parents, with their content', async t => {
  const parent = await parentProxy(t, async (request, response) => {
    if (request.headers['proxy-authorization'] === undefined) return challenge(response, 'Digest realm="p", nonce="n", qop="auth"')
    response.end(await contentOf(request))
  })
  const self = await gatewayBy(t, [at(parent.port, { credentials: { ...PARENT, scheme: 'Digest' } })], { fastify: { http2: true } as never })
  const client = await Http2Client.to(t, self.url)
  const fields = { ':authority': 'target.test', ':path': '/a', 'proxy-authorization': ALICE }
  t.match(await client.ask({ ...fields, ':method': 'POST' }, 'content'), { status: 200, body: 'content' })
  t.match(await client.ask({ ...fields, ':method': 'GET' }), { status: 200, body: '' })
  t.strictSame(parent.seen.map(({ line }) => line), ['OPTIONS', 'POST', 'GET'].map(method => `${method} http://target.test/a`))
})

t.test('a parent that speaks TLS: its certificate is verified, and the request is as any', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'parent.test')
  const parent = await origin(t, (_request, response) => response.end('by TLS'), { key, cert })
  const url = `https://127.0.0.1:${parent.port}`
  t.match(await ask(t, await gatewayBy(t, [{ url, tls: { ca: cert }, credentials: PARENT }]), head('GET http://target.test/a')), { status: 200, body: 'by TLS' })
  t.match(parent.seen, [{ url: 'http://target.test/a', headers: { 'proxy-authorization': GW } }])
  t.match(await ask(t, await gatewayBy(t, [{ url, credentials: PARENT }]), head('GET http://target.test/a')), { status: 502, body: /PARENT_UNREACHABLE/ })
  t.equal(parent.seen.length, 1)
})

t.test('a gateway that closes: no connection to a parent is left', async t => {
  const parent = await parentProxy(t)
  const self = await gatewayBy(t, [at(parent.port)])
  await ask(t, self, head('GET http://target.test/'))
  t.equal(parent.open.size, 1)
  await self.app.close()
  await until(() => parent.open.size === 0)
})

t.test('an https target: its TLS goes through a CONNECT, whose connection serves the account alone', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const target = await origin(t, (request, response) => { response.end(String(request.socket.remotePort)) }, { cert, key })
  const parent = await fakeParent(t, tunnelling())
  const self = await gatewayBy(t, [at(parent.port, { credentials: ({ name }) => ({ ...PARENT, username: name }) })], { forward: { tls: { ca: cert }, allow: ['*:*'] } })
  const get = async (as: string) => await ask(t, self, head(`GET https://origin.test:${target.port}/a`, 'Via: 1.1 before', 'X-A: 1').replace(ALICE, as))
  const [alice, bob, again] = [await get(ALICE), await get(BOB), await get(ALICE)]
  t.match([alice, bob, again], [{ status: 200 }, { status: 200 }, { status: 200 }])
  t.equal(again.body, alice.body)
  t.not(bob.body, alice.body)
  const login = (name: string) => `Proxy-Authorization: Basic ${Buffer.from(`${name}:canary-parent`).toString('base64')}`
  t.strictSame(parent.heads, ['alice', 'bob'].map(name => [`CONNECT origin.test:${target.port} HTTP/1.1`, `Host: origin.test:${target.port}`, 'Via: 1.1 gw', login(name), '', ''].join('\r\n')))
  t.match(target.seen, [{ url: '/a', headers: { 'x-a': '1', via: '1.1 before, 1.1 gw', 'proxy-authorization': undefined } }, {}, {}])
  await until(() => self.proxied().length === 3)
  t.match(self.proxied(), [{ status: 200, parent: `at-${parent.port}` }, {}, {}])
})

t.test('an https target through an https parent: TLS goes through TLS', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const target = await origin(t, undefined, { cert, key })
  const parent = await fakeParent(t, tunnelling(), { cert, key })
  const self = await gatewayBy(t, [at(parent.port, { url: `https://127.0.0.1:${parent.port}`, tls: { ca: cert } })], { forward: { tls: { ca: cert }, allow: ['*:*'] } })
  t.match(await ask(t, self, head(`GET https://origin.test:${target.port}/a`)), { status: 200, body: 'origin' })
  t.match(await ask(t, self, head(`GET https://other.test:${target.port}/a`)), { status: 502, body: /FST_PROXY_AUTH_TLS/ })
  await self.app.close()
  await until(() => parent.open.size === 0)
})

t.test('a WebSocket: it goes through a CONNECT, whatever the scheme of the target', async t => {
  const target = await webSocketOrigin(t)
  const parent = await fakeParent(t, tunnelling())
  const self = await gatewayBy(t, [at(parent.port)], { forward: { allow: ['*:*'] } })
  const socket = webSocket(t, self.url, { target: `http://origin.test:${target.port}/chat`, headers: { 'Proxy-Authorization': ALICE } })
  await next(socket, 'open')
  socket.send('ping')
  t.equal(String((await next(socket, 'message'))[0]), 'ping')
  t.match(parent.heads, [new RegExp(`^CONNECT origin.test:${target.port} `)])
  socket.terminate()
  await until(() => self.proxied().length === 1 && parent.open.size === 0)
  t.match(self.proxied(), [{ status: 101, parent: `at-${parent.port}` }])
})

t.test('a SOCKS5 parent: every form goes through it, by the name of the target, with the account of the user', async t => {
  const target = await origin(t)
  const socks = await socksServer(t, { accounts: ['gw:canary-parent'] })
  const self = await gatewayBy(t, [{ url: `socks5://127.0.0.1:${socks.port}`, credentials: PARENT, name: 'socks' }], { forward: { allow: ['*:*'] } })
  const authority = `origin.test:${target.port}`
  t.match(await ask(t, self, head(`GET http://${authority}/a`)), { status: 200, body: 'origin' })
  t.match(await ask(t, self, head(`OPTIONS http://${authority}`)), { status: 200, body: 'origin' })
  const client = await RawClient.to(t, self.port)
  client.send(head(`CONNECT ${authority}`))
  t.match(await client.answer(), /^HTTP\/1\.1 200 /)
  t.match(await client.send('GET /b HTTP/1.1\r\nHost: x\r\n\r\n').answer(), /origin$/)
  t.strictSame([target.seen.map(({ url }) => url), new Set(socks.asked), new Set(socks.users)], [['/a', '*', '/b'], new Set([authority]), new Set(['gw'])])
  client.socket.destroy()
  await until(() => self.proxied().length === 3)
  t.match(self.proxied(), [{ parent: 'socks' }, { parent: 'socks' }, { parent: 'socks' }])
  t.notMatch(JSON.stringify(self.log), /canary/)
})

t.test('a CONNECT through a parent that fails or refuses: the client is told whose failure it is, and the log which account', async t => {
  const asking = await parentProxy(t)
  asking.server.on('connect', (_request, socket: Socket) => { socket.end('HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm="theirs"\r\nContent-Length: 0\r\n\r\n') })
  const denying = await fakeParent(t, () => 'HTTP/1.1 503 x\r\n\r\n')
  const closed = await closedPort()
  for (const [port, status, said, record] of [
    [asking.port, 502, 'http_request_denied; next-hop=up; received-status=407', { parent: 'up', account: /^gw#\d+$/, reason: 'FST_PROXY_AUTH_PARENT_REFUSED' }],
    [denying.port, 503, 'destination_unavailable; next-hop=up; received-status=503', { parent: 'up', reason: 'FST_PROXY_AUTH_PARENT_DENIED' }],
    [closed, 502, 'connection_refused; next-hop=up', { parent: 'up', reason: 'FST_PROXY_AUTH_PARENT_UNREACHABLE' }]
  ] as const) {
    const self = await gatewayBy(t, [at(port, { name: 'up', credentials: PARENT })])
    const answer = await ask(t, self, head('CONNECT target.test:443'))
    t.match(answer, { status, fields: { 'proxy-status': `gw; error=${said}`, 'proxy-authenticate': undefined } })
    await until(() => self.proxied().length === 1)
    t.match(self.proxied(), [record])
    t.notMatch(JSON.stringify([self.log, answer]), /canary|Z3c6Y2FuYXJ5|theirs/)
  }
})

t.test('an https target whose first parent cannot open the way: the next is taken, which may be none', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const target = await origin(t, undefined, { cert, key })
  const denying = await fakeParent(t, () => 'HTTP/1.1 502 x\r\n\r\n')
  const parent = await fakeParent(t, tunnelling())
  const options = { forward: { tls: { ca: cert }, special: ['127.0.0.1:*'] } }
  const [one, two] = [at(await closedPort()), at(denying.port)]
  const get = async (...parents: unknown[]) => {
    const self = await gatewayBy(t, parents, options)
    const answer = await ask(t, self, head(`GET https://127.0.0.1:${target.port}/`))
    await until(() => self.proxied().length === 1)
    return [answer.status, answer.body, self.proxied()[0]!['parent']]
  }
  t.strictSame(await get(one, two, at(parent.port)), [200, 'origin', `at-${parent.port}`])
  t.strictSame(await get(one, two, 'direct'), [200, 'origin', undefined])
  t.match(await get(one, two), [502, /PARENT_UNREACHABLE/, one.name])
})

t.test('a client that leaves while a parent opens the way: the connection to the parent is closed', async t => {
  const silent = await fakeParent(t, () => undefined)
  const self = await gatewayBy(t, [at(silent.port)])
  for (const line of ['GET https://target.test/', 'OPTIONS https://target.test', 'CONNECT target.test:443']) {
    const client = await RawClient.to(t, self.port)
    client.send(head(line))
    await until(() => silent.open.size === 1 && silent.heads.length > 0)
    client.socket.resetAndDestroy() // of a CONNECT an end alone would be none
    await until(() => silent.open.size === 0)
  }
  await until(() => self.proxied().length === 3)
  t.match(self.proxied(), Array(3).fill({ reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }))
})
