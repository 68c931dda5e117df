// The line that each proxied request has in the log, over sockets in all forms. That every line is as the schema says is seen to by the
// fixture of the log, here and in all other flows.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { policyFile } from '../../lib/index.js'
import type { PolicyDocument, PolicyRule } from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { fakeParent } from '../fixtures/fake-parent.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { message } from '../fixtures/forms.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { knowing } from '../fixtures/lookup.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const CANARY = 'CanarySecret'
const PATH = `/${CANARY}/x?token=${CANARY}`
const RIGHT = `Proxy-Authorization: ${ALICE}`
const CREDENTIALS = ALICE.slice('Basic '.length)
const headers = { 'Proxy-Authorization': ALICE }
/** What every line of these tests has. */
const BY_ALICE = { id: /^req-/, user: 'alice', scheme: 'Basic', realm: 'Gateway', client: '127.0.0.1', reason: undefined }

type Entry = { msg: string, reqId: string, proxy: Record<string, unknown> }

/** The line of a request, once it is there; nothing secret is in it. */
async function lineOf (t: Test, { log, logged }: Gateway, ask: () => unknown, paths = false): Promise<Entry> {
  const from = log.length
  await ask()
  const line = await logged(line => line['proxy'] !== undefined && log.indexOf(line) >= from) as unknown as Entry
  t.equal(line.proxy['id'], line.reqId)
  const text = JSON.stringify(line)
  t.notOk(text.includes(CREDENTIALS) || text.includes('alice-secret') || text.includes('origin-secret'), text)
  t.equal(text.includes(CANARY), paths, text)
  return line
}

async function send (t: Test, port: number, head: string): Promise<string> {
  const client = await RawClient.to(t, port)
  const answer = await client.send(head).until(text => text.includes('\r\n\r\n'))
  client.socket.end()
  return answer
}

async function openWebSocket (t: Test, url: string, options: object = {}): Promise<void> {
  const socket = webSocket(t, url, { headers, ...options })
  await next<IncomingMessage>(socket, 'open')
  socket.send('ping')
  t.equal(String((await next(socket, 'message'))[0]), 'ping')
  socket.terminate()
}

const ORIGIN_LOGIN = 'Authorization: Basic origin-secret'

t.test('a request in each form: its line has form, canonical target, address and client, and no path', async t => {
  const web = await origin(t)
  const talking = await webSocketOrigin(t)
  const tcp = await tcpOrigin(t)
  for (const paths of [false, true]) {
    const gate = await gateway(t, {
      forward: { special: ['127.0.0.1:*', '*.test:*'], lookup: knowing('origin.test') },
      reverse: [
        { prefix: '/api', upstream: `http://user:origin-secret@${web.authority}/inner` },
        { prefix: '/ws', upstream: talking.url, websocket: true },
        { prefix: '/left', upstream: talking.url, wsUpstream: `ws://user:origin-secret@${talking.authority}/`, websocket: true, wsClientOptions: {} }
      ] as never,
      log: { paths }
    })
    const at = (port: number) => `oRiGiN.test.:${port}`
    const path = (text: string) => paths ? text : undefined
    const rows: Array<[form: string, ask: () => unknown, line: object]> = [
      ['connect', async () => { await send(t, gate.port, connectHead(at(tcp.port), RIGHT)) }, { method: 'CONNECT', target: `origin.test:${tcp.port}`, path: undefined }],
      ['http', async () => { await send(t, gate.port, message('absolute-form', at(web.port), [RIGHT, ORIGIN_LOGIN, 'Connection: close'], { path: PATH })) }, { method: 'GET', target: `http://origin.test:${web.port}`, path: path(PATH) }],
      ['http', async () => { await send(t, gate.port, message('absolute-form', `0x7f.1:${web.port}`, [RIGHT, 'Connection: close'], { path: PATH, method: 'DELETE' })) }, { method: 'DELETE', target: web.url, path: path(PATH) }],
      ['websocket', async () => { await openWebSocket(t, gate.url, { target: `http://${at(talking.port)}${PATH}` }) }, { target: `http://origin.test:${talking.port}`, status: 101, path: path(PATH) }],
      ['reverse', async () => { await send(t, gate.port, message('origin-form', '', [RIGHT, ORIGIN_LOGIN, 'Connection: close'], { path: PATH })) }, { target: web.url, path: path(`/api${PATH}`) }],
      ['websocket', async () => { await openWebSocket(t, `${gate.url}/ws${PATH}`) }, { target: talking.url, status: 101, path: path(`/ws${PATH}`) }],
      ['websocket', async () => { await openWebSocket(t, `${gate.url}/left${PATH}`) }, { target: talking.url.replace('http', 'ws'), status: 101, path: path(`/left${PATH}`) }]
    ]
    for (const [form, ask, wanted] of rows) {
      const { proxy, msg } = await lineOf(t, gate, ask, paths && form !== 'connect')
      t.match(proxy, { ...BY_ALICE, form, address: '127.0.0.1', ...wanted }, form)
      t.equal(msg, 'proxied')
      for (const name of ['groups', 'rule', 'decision', 'wouldDeny', 'denial']) t.notOk(name in proxy, name)
    }
  }
})

t.test('TLS and HTTP/2: a tunnel on a stream, and a target with https (R-H2-1)', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'origin.test')
  const secure = await origin(t, undefined, { key, cert })
  const tcp = await tcpOrigin(t)
  const gate = await gateway(t, {
    fastify: { http2: true, https: { allowHTTP1: true, key, cert } } as never,
    forward: { special: ['*.test:*'], lookup: knowing('origin.test'), tls: { ca: cert } }
  })
  const client = await Http2Client.to(t, `https://localhost:${gate.port}`, { servername: 'localhost' })
  const tunnelled = await lineOf(t, gate, async () => {
    const tunnel = await client.tunnel(`Origin.test:${tcp.port}`, ALICE)
    tunnel.end('ping')
    tunnel.resume()
    await once(tunnel, 'close')
  })
  t.match(tunnelled.proxy, { ...BY_ALICE, form: 'connect', target: `origin.test:${tcp.port}`, address: '127.0.0.1', bytesIn: 4 })
  const forwarded = await lineOf(t, gate, async () => {
    await client.ask({ ':method': 'GET', ':scheme': 'https', ':authority': `Origin.test:${secure.port}`, ':path': PATH, 'proxy-authorization': ALICE })
  })
  t.match(forwarded.proxy, { ...BY_ALICE, form: 'https', target: `https://origin.test:${secure.port}`, address: '127.0.0.1', status: 200 })
})

t.test('a name with several addresses: each line has the one that its connection leads to, a kept one too', async t => {
  const server = createServer((request, response) => {
    request.resume()
    setImmediate(() => response.end('x'))
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.3', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const { port } = server.address() as AddressInfo
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: object[]) => void) => callback(null, ['127.0.0.2', '127.0.0.3'].map(address => ({ address, family: 4 })))
  const gate = await gateway(t, { forward: { special: ['*.test:*'], lookup: lookup as never } })
  for (const head of [message('absolute-form', `origin.test:${port}`, [RIGHT]), message('absolute-form', `origin.test:${port}`, [RIGHT]), connectHead(`origin.test:${port}`, RIGHT)]) {
    const { proxy } = await lineOf(t, gate, async () => { await send(t, gate.port, head) })
    t.match(proxy, { address: '127.0.0.3', status: 200 })
  }
})

t.test('a target that is refused by a list or by check: the line is denied, and says why', async t => {
  const rows: Array<[reason: string, GatewayOptions['forward'], target: string]> = [
    ['on the deny list', { deny: ['origin.test'] }, 'Origin.test:443'],
    ['not on the allow list', { allow: ['other.test'] }, 'Origin.test:443'],
    ['special-purpose address', {}, '127.0.0.1:443'],
    ['port', {}, 'Origin.test:81'],
    ['refused by a rule', { check: () => false }, 'Origin.test:443'],
    ['not today', { check: async () => 'not today' }, 'Origin.test:443']
  ]
  for (const [denial, forward, target] of rows) {
    const gate = await gateway(t, { forward: { lookup: knowing('origin.test'), ...forward as object } })
    for (const [form, head] of [
      ['connect', connectHead(target, RIGHT)],
      ['http', message('absolute-form', target, [RIGHT], { path: PATH })],
      ['websocket', message('absolute-form', target, [RIGHT, 'Connection: upgrade', 'Upgrade: websocket'], { path: PATH })]
    ] as const) {
      const { proxy, msg } = await lineOf(t, gate, async () => { t.match(await send(t, gate.port, head), /^HTTP\/1\.1 403 /) })
      t.equal(msg, 'denied', denial)
      t.match(proxy, { ...BY_ALICE, form, denial, status: 403, reason: 'FST_PROXY_AUTH_TARGET_DENIED', address: undefined, bytesIn: 0, bytesOut: 0 })
      t.match(proxy['target'], target.toLowerCase())
    }
  }
})

t.test('a target that fails: the line is proxied, and has the code and no denial', async t => {
  const gate = await gateway(t)
  const { proxy, msg } = await lineOf(t, gate, async () => { await send(t, gate.port, connectHead(`127.0.0.1:${await closedPort()}`, RIGHT)) })
  t.equal(msg, 'proxied')
  t.match(proxy, { status: 502, reason: 'FST_PROXY_AUTH_CONNECTION_REFUSED', denial: undefined, address: undefined })
})

t.test('a request by a parent: the parent is named, and no address', async t => {
  const parent = await fakeParent(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const gate = await gateway(t, { forward: { special: ['*.test:*'], parents: [{ url: `http://127.0.0.1:${parent.port}`, name: 'up' }] } as never })
  for (const head of [connectHead('origin.test:443', RIGHT), message('absolute-form', 'origin.test:80', [RIGHT])]) {
    const { proxy } = await lineOf(t, gate, async () => { await send(t, gate.port, head) })
    t.match(proxy, { parent: 'up', status: 200, address: undefined })
  }
  // Through the parent, on a connection that leads to the address of the parent.
  const upgrade = message('absolute-form', 'origin.test:80', [RIGHT, 'Connection: upgrade', 'Upgrade: chat'])
  const { proxy } = await lineOf(t, gate, async () => { await send(t, gate.port, upgrade) })
  t.match(proxy, { form: 'websocket', parent: 'up', address: undefined })
})

t.test('credentials in the userinfo of a target: no line has them (R-SEC-1)', async t => {
  const gate = await gateway(t, { level: 'trace', log: { paths: true } })
  for (const head of [
    connectHead(`alice:${CANARY}@origin.test:443`, RIGHT), message('absolute-form', `alice:${CANARY}@origin.test:80`, [RIGHT], { host: 'origin.test' })
  ]) t.match(await send(t, gate.port, head), /^HTTP\/1\.1 400 /)
  await until(() => gate.log.filter(({ msg }) => msg === 'request completed').length >= 2)
  t.notMatch(JSON.stringify(gate.log), new RegExp(CANARY))
})

t.test('a client behind a trusted proxy: the line has the address that Fastify says', async t => {
  const web = await origin(t)
  const gate = await gateway(t, { fastify: { trustProxy: true } })
  const { proxy } = await lineOf(t, gate, async () => { await send(t, gate.port, message('absolute-form', web.authority, [RIGHT, 'X-Forwarded-For: 192.0.2.7'])) })
  t.equal(proxy['client'], '192.0.2.7')
  t.equal(isIP(String(proxy['address'])), 4)
})

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
const ORIGIN = 'origin.test'
const BY_NAME = { to: [`${ORIGIN}:*`] }
const BY_ROUTE = { routes: ['/api', '/ws', '/left'] }

/** One thing that is decided in every form. */
interface Decided {
  readonly what: string
  readonly options: GatewayOptions
  /** Of the response to a request that would get a 200, or a 101 where it is an upgrade. */
  readonly status?: number
  readonly msg: 'proxied' | 'denied'
  readonly line: Readonly<Record<string, unknown>>
  /** Only addresses tell, so reverse routes have nothing of it. */
  readonly byAddress?: true
}

const rules = (rule: Omit<PolicyRule, 'action'> & { name: string, action: PolicyRule['action'] }): PolicyDocument =>
  ({ rules: [{ ...rule, ...BY_NAME }, { ...rule, name: onRoute(rule.name), ...BY_ROUTE }] })
/** The name of the rule that says the same of reverse routes. */
const onRoute = (name: string) => `${name}, on a route`
const net = (rule: Pick<PolicyRule, 'action' | 'reason'>): PolicyDocument => ({ rules: [{ name: 'net', to: ['127.0.0.0/8:*'], ...rule }] })
const OPEN = { name: 'open', action: 'allow' } as const
const BY_OPEN = { rule: 'open', decision: 'allow', wouldDeny: false }
const DENIED = { bytesIn: 0, bytesOut: 0, address: undefined, reason: 'FST_PROXY_AUTH_TARGET_DENIED' }
const BY_DEFAULT = { rule: null, wouldDeny: false, denial: 'no rule allows it' }
const NO_RULES = { rule: undefined, decision: undefined, wouldDeny: undefined }

const DECIDED: readonly Decided[] = [
  { what: 'allowed by a rule', options: { policy: rules(OPEN) }, msg: 'proxied', line: { ...BY_OPEN, denial: undefined } },
  { what: 'allowed by default', options: { policy: { rules: [], default: 'allow' } }, msg: 'proxied', line: { rule: null, decision: 'allow', wouldDeny: false, denial: undefined } },
  { what: 'denied by a rule', options: { policy: rules({ name: 'closed', action: 'deny', reason: 'not here' }) }, status: 403, msg: 'denied', line: { ...DENIED, rule: 'closed', decision: 'deny', wouldDeny: false, denial: 'not here' } },
  { what: 'denied by default', options: { policy: { rules: [] } }, status: 403, msg: 'denied', line: { ...DENIED, ...BY_DEFAULT, decision: 'deny' } },
  { what: 'reported by a rule', options: { policy: rules({ name: 'trial', action: 'report', reason: 'not for long' }) }, msg: 'proxied', line: { rule: 'trial', decision: 'report', wouldDeny: true, denial: 'not for long' } },
  { what: 'reported as a whole', options: { policy: { rules: [], report: true } }, msg: 'proxied', line: { ...BY_DEFAULT, decision: 'report', wouldDeny: true } },
  { what: 'allowed by an address', options: { policy: net({ action: 'allow' }) }, msg: 'proxied', line: { rule: 'net', decision: 'allow', wouldDeny: false, denial: undefined }, byAddress: true },
  { what: 'denied by an address', options: { policy: { ...net({ action: 'deny', reason: 'not there' }), default: 'allow' } }, status: 403, msg: 'denied', line: { ...DENIED, rule: 'net', decision: 'deny', denial: 'not there' }, byAddress: true },
  { what: 'denied as no address is allowed', options: { policy: { rules: [{ to: ['192.0.2.0/24:*'], action: 'allow' }] } }, status: 403, msg: 'denied', line: { ...DENIED, ...BY_DEFAULT, decision: 'deny' }, byAddress: true },
  { what: 'authorize refuses what a rule allows', options: { policy: rules(OPEN), authorize: () => 'not today' }, status: 403, msg: 'denied', line: { ...DENIED, ...BY_OPEN, denial: 'not today' } },
  { what: 'authorize refuses later, with a status', options: { authorize: async () => ({ status: 429, retryAfter: 1000 }) }, status: 429, msg: 'denied', line: { ...DENIED, ...NO_RULES, denial: 'refused by a rule' } },
  { what: 'authorize fails', options: { policy: rules(OPEN), authorize: () => { throw new Error(CANARY) } }, status: 500, msg: 'proxied', line: { ...BY_OPEN, denial: undefined, reason: 'FST_PROXY_AUTH_CHECK_FAILED' } }
]

/** A gateway to one origin of each kind, and a request in each form. */
async function inEachForm (t: Test, options: GatewayOptions): Promise<{ gate: Gateway, heads: Array<[form: string, head: string, isOnRoute: boolean]> }> {
  const web = await origin(t)
  const talking = await webSocketOrigin(t)
  const tcp = await tcpOrigin(t)
  const gate = await gateway(t, {
    forward: { special: ['*.test:*'], lookup: knowing(ORIGIN) },
    reverse: [
      { prefix: '/api', upstream: web.url },
      { prefix: '/ws', upstream: talking.url, websocket: true },
      { prefix: '/left', upstream: talking.url, websocket: true, wsClientOptions: {} }
    ] as never,
    groups: () => ['staff', 'ci'],
    ...options
  })
  const upgrade = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\n${[RIGHT, ...UPGRADE].join('\r\n')}\r\n\r\n`
  return {
    gate,
    heads: [
      ['connect', connectHead(`${ORIGIN}:${tcp.port}`, RIGHT), false],
      ['http', message('absolute-form', `${ORIGIN}:${web.port}`, [RIGHT, 'Connection: close'], { path: PATH }), false],
      ['websocket', upgrade(`http://${ORIGIN}:${talking.port}${PATH}`), false],
      ['reverse', message('origin-form', '', [RIGHT, 'Connection: close'], { path: PATH }), true],
      ['websocket', upgrade(`/ws${PATH}`), true],
      ['websocket', upgrade(`/left${PATH}`), true]
    ]
  }
}

for (const { what, options, status, msg, line, byAddress = false } of DECIDED) {
  t.test(`${what}: the line of each form says who, which rule, what it decides and why`, async t => {
    const { gate, heads } = await inEachForm(t, options)
    for (const [form, head, isOnRoute] of heads) {
      if (byAddress && isOnRoute) continue
      const expected = status ?? (form === 'websocket' ? 101 : 200)
      const { proxy, msg: written } = await lineOf(t, gate, async () => { t.match(await send(t, gate.port, head), new RegExp(`^HTTP/1\\.1 ${expected} `)) })
      t.equal(written, msg, form)
      const { rule } = line
      const ofRoute = isOnRoute && typeof rule === 'string' ? { rule: onRoute(rule) } : {}
      t.match(proxy, { ...BY_ALICE, reason: proxy['reason'], groups: ['staff', 'ci'], form, status: expected, ...line, ...ofRoute }, form)
    }
  })
}

t.test('over TLS and HTTP/2: the lines of a tunnel and of a target with https have the rule', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, ORIGIN)
  const secure = await origin(t, undefined, { key, cert })
  for (const [rule, status, line] of [
    [{ name: 'open', action: 'allow' }, 200, { ...BY_OPEN }],
    [{ name: 'closed', action: 'deny', reason: 'not here' }, 403, { ...DENIED, rule: 'closed', decision: 'deny', denial: 'not here' }]
  ] as const) {
    const gate = await gateway(t, {
      fastify: { http2: true, https: { allowHTTP1: true, key, cert } } as never,
      forward: { special: ['*.test:*'], lookup: knowing(ORIGIN), tls: { ca: cert } },
      policy: rules(rule)
    })
    const client = await Http2Client.to(t, `https://localhost:${gate.port}`, { servername: 'localhost' })
    for (const [form, fields] of [
      ['connect', { ':method': 'CONNECT', ':authority': `${ORIGIN}:${secure.port}` }],
      ['https', { ':method': 'GET', ':scheme': 'https', ':authority': `${ORIGIN}:${secure.port}`, ':path': PATH }]
    ] as const) {
      const { proxy, msg } = await lineOf(t, gate, async () => {
        const stream = client.send({ ...fields, 'proxy-authorization': ALICE }, form === 'connect' ? null : '')
        t.match(await once(stream, 'response'), [{ ':status': status }])
        stream.end()
        stream.resume()
      })
      t.equal(msg, status === 403 ? 'denied' : 'proxied')
      t.match(proxy, { ...BY_ALICE, reason: proxy['reason'], groups: [], form, status, ...line })
    }
  }
})

t.test('what new rules end: its line says so, and what it was permitted by', async t => {
  const path = join(t.testdir({ 'policy.json': JSON.stringify(rules(OPEN)) }), 'policy.json')
  const policy = policyFile(path, { interval: 2 ** 31 - 1, log: () => {} })
  t.teardown(() => policy.close())
  const slow = await origin(t, (_request, response) => { response.write('begun') })
  const { gate, heads } = await inEachForm(t, { policy, reverse: undefined as never })
  const open = async (head: string, until: string) => {
    const client = await RawClient.to(t, gate.port)
    await client.send(head).until(text => text.includes(until))
    return client
  }
  const clients = [
    await open(heads[0]![1], '\r\n\r\n'),
    await open(message('absolute-form', `${ORIGIN}:${slow.port}`, [RIGHT], { path: PATH }), 'begun'),
    await open(heads[2]![1], '\r\n\r\n')
  ]
  await writeFile(path, JSON.stringify(rules({ name: 'closed', action: 'deny' })))
  await gate.app.proxyAuthReload()
  for (const client of clients) await client.end()
  await until(() => gate.proxied().length === clients.length)
  const lines = gate.log.filter(({ proxy }) => proxy !== undefined)
  t.same(lines.map(({ msg }) => msg), ['proxied', 'proxied', 'proxied'])
  t.same(gate.proxied().map(({ form }) => form).sort(), ['connect', 'http', 'websocket'])
  for (const line of gate.proxied()) t.match(line, { ...BY_OPEN, groups: ['staff', 'ci'], reason: 'forbidden', denial: undefined })
})
