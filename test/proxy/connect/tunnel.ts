import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Writable } from 'node:stream'
import type { AddressInfo, Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { DnsFailed, LimitReached, TargetDenied } from '../../../lib/errors.js'
import type { ProxyIdentity } from '../../../lib/index.js'
import type { Limiting } from '../../../lib/policy/limits/meter.js'
import type { Access } from '../../../lib/policy/target/access.js'
import { Revocations } from '../../../lib/policy/revocations.js'
import { takeConnect } from '../../../lib/proxy/connect/take-http1.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { acceptEveryMethod } from '../../../lib/platform/fastify.js'
import { createAccess } from '../../../lib/policy/target/access.js'
import type { WaysOptions } from '../../../lib/proxy/parent/connect/open-by-ways.js'
import { createTunnel } from '../../../lib/proxy/connect/tunnel.js'
import type { TunnelOptions } from '../../../lib/proxy/connect/tunnel.js'
import { checkLine } from '../../fixtures/decision-line.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { connectHead } from '../../fixtures/connect-head.js'
import { fakeParent } from '../../fixtures/fake-parent.js'
import { knowing } from '../../fixtures/lookup.js'
import { FakeLimiter, FickleMeter } from '../../fixtures/meters.js'
import { parentAt } from '../../fixtures/parent.js'
import { permitting } from '../../fixtures/permitting.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { scriptedLogin } from '../../fixtures/scripted-login.js'
import { stalledListener } from '../../fixtures/stalled-listener.js'
import { tcpOrigin } from '../../fixtures/tcp-origin.js'
import { until } from '../../fixtures/until.js'

interface Lab {
  readonly app: FastifyInstance
  readonly port: number
  readonly exchanges: Exchanges
  readonly revocations: Revocations
  /** What the policy was asked. */
  readonly asked: unknown[]
  /** The records so far. */
  readonly records: Array<Record<string, unknown>>
  /** Waits for so many records. */
  recorded (count: number): Promise<void>
  /** How often Fastify's onResponse hook ran. */
  responses: number
}

interface LabOptions {
  readonly access?: Partial<Access>
  readonly tunnel?: Partial<TunnelOptions>
  readonly fastify?: FastifyServerOptions
  readonly hook?: (reply: FastifyReply) => void
  readonly limiter?: Limiting
}

/** The handler on a route of its own, with no gate before it; every name is 127.0.0.1. */
async function lab (t: Test, { access, tunnel, fastify, hook, limiter }: LabOptions = {}): Promise<Lab> {
  const records: Array<Record<string, unknown>> = []
  let wake = () => {}
  const stream = new Writable({
    write (line, _encoding, done) {
      const parsed = JSON.parse(String(line))
      const { proxy } = parsed
      checkLine(parsed)
      if (proxy !== undefined) { records.push(proxy); wake() }
      done()
    }
  })
  const app = Fastify({ logger: { level: 'info', stream }, ...fastify })
  const revocations = new Revocations()
  const exchanges = new Exchanges(revocations, undefined, limiter)
  const asked: unknown[] = []
  const self: Lab = {
    app,
    port: 0,
    exchanges,
    revocations,
    asked,
    records,
    responses: 0,
    async recorded (count) { while (records.length < count) await new Promise<void>(resolve => { wake = resolve }) }
  }
  acceptEveryMethod(app)
  app.decorateRequest('proxyAuth', null)
  app.addHook('onResponse', async () => { self.responses += 1 })
  app.route({
    method: 'CONNECT',
    url: '*',
    preHandler: async (_request, reply) => { hook?.(reply) },
    handler: createTunnel({
      access: {
        approve (target, user) {
          asked.push(target, user)
          return access?.approve?.(target, user) ?? [{ address: '127.0.0.1', family: 4 }]
        }
      },
      exchanges,
      connectTimeout: 10_000,
      idleTimeout: 0,
      maxDuration: 0,
      pseudonym: 'gw',
      ...tunnel
    })
  })
  app.server.on('connect', takeConnect(app, app.server, { keepAlive: () => 'always', exchanges }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    await exchanges.drain(0)
    await app.close()
  })
  return Object.assign(self, { port: (app.server.address() as AddressInfo).port })
}

/** The record of a tunnel to `target` that never stood. */
const failed = (target: string, status: number, reason: string) =>
  ({ method: 'CONNECT', target, status, bytesIn: 0, bytesOut: 0, reason })

t.test('a target that has accepted the connection: the client gets a 200, and nothing else before its bytes (R-CONNECT-2, R-CONNECT-3)', async t => {
  const target = await tcpOrigin(t)
  const tunnel = await lab(t)
  const client = await RawClient.to(t, tunnel.port)
  await client.send(connectHead(`Origin.TEST:${target.port}`)).until(text => text.includes('\r\n\r\n'))
  t.equal(client.text, 'HTTP/1.1 200 Connection established\r\n\r\n')
  t.equal(tunnel.exchanges.size, 1)
  t.strictSame(tunnel.asked, [{ host: 'origin.test', port: target.port, scheme: 'connect' }, null])
  client.text = ''
  t.equal(await client.send('ping').until(text => text.length === 4), 'ping')
  t.equal(tunnel.responses, 0)
  client.socket.end()
  await client.end()
  await tunnel.recorded(1)
  const [record] = tunnel.records
  t.match(record, { user: null, scheme: null, target: `origin.test:${target.port}`, status: 200, bytesIn: 4, bytesOut: 4 })
  t.notOk('reason' in record!)
  t.equal(tunnel.exchanges.size, 0)
  t.equal(tunnel.responses, 1, 'Fastify hears of the end, once')
})

t.test('bytes that came behind the head: they reach the target first (R-CONNECT-11)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await lab(t)
  const client = await RawClient.to(t, port)
  const text = await client.send(`${connectHead(`origin.test:${target.port}`)}early`).until(text => text.endsWith('early'))
  t.match(text, /^HTTP\/1\.1 200 [^\r]*\r\n\r\nearly$/)
  client.text = ''
  t.equal(await client.send('late').until(text => text.length === 4), 'late')
})

t.test('fields of authentication and others: those of authentication go out with the 200, the others do not (R-CONNECT-13, R-CONNECT-19)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await lab(t, {
    hook (reply) {
      reply.header('proxy-authentication-info', 'nextnonce="x"')
      reply.header('proxy-authenticate', ['Negotiate b2s=', 'Basic realm="x"'])
      reply.headers({ 'set-cookie': 'a=b', 'content-length': 5, 'content-type': 'text/plain' })
    }
  })
  const client = await RawClient.to(t, port)
  t.equal(await client.send(connectHead(`origin.test:${target.port}`)).answer(), [
    'HTTP/1.1 200 Connection established', 'Proxy-Authentication-Info: nextnonce="x"', 'Proxy-Authenticate: Negotiate b2s=',
    'Proxy-Authenticate: Basic realm="x"', '', ''
  ].join('\r\n'))
})

t.test('a tunnel that fails: it gets a response and a record, and nothing is left behind', async t => {
  const port = await closedPort()
  const denied = new TargetDenied('port')
  const rows: Array<LabOptions & { name: string, status: number, code: string }> = [
    { name: 'denied', access: { approve: () => { throw denied } }, status: 403, code: 'FST_PROXY_AUTH_TARGET_DENIED' },
    { name: 'not resolved', access: { approve: async () => { throw new DnsFailed() } }, status: 502, code: 'FST_PROXY_AUTH_DNS' },
    { name: 'refused by node', tunnel: { localAddress: 'nonsense' }, status: 500, code: 'FST_PROXY_AUTH_REFUSED_CALL' },
    { name: 'refused', status: 502, code: 'FST_PROXY_AUTH_CONNECTION_REFUSED' }
  ]
  for (const { name, status, code, ...options } of rows) {
    const tunnel = await lab(t, options)
    const client = await RawClient.to(t, tunnel.port)
    const answer = readAnswer(await client.send(connectHead(`origin.test:${port}`)).end())
    t.match(answer, { status, fields: { connection: 'close' } }, name)
    t.equal(JSON.parse(answer.body).code, code)
    t.match(tunnel.records, [failed(`origin.test:${port}`, status, code)])
    t.equal(tunnel.exchanges.size, 0)
    t.equal(tunnel.responses, 1)
  }
})

t.test('a policy that throws no error: the client gets a 500', async t => {
  const tunnel = await lab(t, { access: { approve: () => { throw undefined } } }) // eslint-disable-line no-throw-literal
  const client = await RawClient.to(t, tunnel.port)
  t.match(readAnswer(await client.send(connectHead('origin.test:1')).end()), { status: 500, fields: { connection: 'close' } })
  t.match(tunnel.records, [failed('origin.test:1', 500, 'error')])
})

t.test('a client that leaves during the dial or before it: the dial ends', async t => {
  const { port } = await stalledListener(t)
  const target = `origin.test:${port}`
  t.test('while it goes on', async t => {
    const tunnel = await lab(t)
    const client = await RawClient.to(t, tunnel.port)
    client.send(connectHead(target))
    await until(() => tunnel.asked.length > 0)
    client.socket.resetAndDestroy()
    await tunnel.recorded(1)
    t.match(tunnel.records, [failed(target, 499, 'FST_PROXY_AUTH_CLIENT_LEFT')])
    t.equal(tunnel.exchanges.size, 0)
  })
  t.test('before it began', async t => {
    let answer = () => {}
    const resolved = new Promise<void>(resolve => { answer = resolve })
    const tunnel = await lab(t, { access: { approve: async () => { await resolved; return [{ address: '127.0.0.1', family: 4 }] } } })
    const gone = new Promise<void>(resolve => {
      tunnel.app.server.on('connection', (socket: Socket) => socket.once('close', () => resolve()))
    })
    const client = await RawClient.to(t, tunnel.port)
    client.send(connectHead(target))
    await until(() => tunnel.asked.length > 0)
    client.socket.resetAndDestroy()
    await gone
    answer()
    await tunnel.recorded(1)
    t.match(tunnel.records, [failed(target, 499, 'FST_PROXY_AUTH_CLIENT_LEFT')])
  })
})

t.test('a server that stops: it ends the tunnel at every step (R-CONNECT-17)', async t => {
  t.test('during the dial', async t => {
    const { port } = await stalledListener(t)
    const tunnel = await lab(t)
    const client = await RawClient.to(t, tunnel.port)
    client.send(connectHead(`origin.test:${port}`))
    await until(() => tunnel.exchanges.size > 0)
    await tunnel.exchanges.drain(0)
    t.match(readAnswer(await client.end()), { status: 503, fields: { connection: 'close' } })
    t.match(tunnel.records, [failed(`origin.test:${port}`, 503, 'FST_PROXY_AUTH_CLOSING')])
  })
  t.test('when it stands', async t => {
    const { port } = await tcpOrigin(t)
    const tunnel = await lab(t)
    const client = await RawClient.to(t, tunnel.port)
    await client.send(connectHead(`origin.test:${port}`)).answer()
    await tunnel.exchanges.drain(0)
    t.equal(await client.end(), '')
    await tunnel.recorded(1)
    t.match(tunnel.records, [{ status: 200, reason: 'closing' }])
  })
  t.test('and one that comes too late', async t => {
    const { port } = await tcpOrigin(t)
    const tunnel = await lab(t)
    await tunnel.exchanges.drain(0)
    const client = await RawClient.to(t, tunnel.port)
    t.match(readAnswer(await client.send(connectHead(`origin.test:${port}`)).end()), { status: 503 })
  })
})

t.test('a client that left during a hook: the record says that it left', async t => {
  const tunnel = await lab(t, { hook: ({ request }) => { request.raw.socket.destroy() } })
  const client = await RawClient.to(t, tunnel.port)
  client.send(connectHead('origin.test:1'))
  await tunnel.recorded(1)
  t.match(tunnel.records, [failed('origin.test:1', 499, 'FST_PROXY_AUTH_CLIENT_LEFT')])
})

t.test('a user revoked while the target responds: no tunnel opens, and the target is let go', async t => {
  const target = await tcpOrigin(t)
  const alice = { user: {}, name: 'alice', info: null, scheme: 'Test', realm: 'r' }
  const tunnel = await lab(t, { hook: ({ request }) => { request.proxyAuth = alice } })
  const client = await RawClient.to(t, tunnel.port)
  const revoke = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.once('connect', () => tunnel.revocations.revoke('alice')) // before the tunnel hears of it
  }
  subscribe('net.client.socket', revoke)
  t.teardown(() => unsubscribe('net.client.socket', revoke))
  t.match(readAnswer(await client.send(connectHead(`origin.test:${target.port}`)).end()), { status: 403 })
  t.match(tunnel.records, [{ user: 'alice', status: 403, reason: 'FST_PROXY_AUTH_FORBIDDEN' }])
  await until(() => target.sockets[0]?.destroyed === true)
})

t.test('a response that went out before the target was resolved: it stays the only one', async t => {
  const target = await tcpOrigin(t)
  let resolved = () => {}
  const answered = new Promise<void>(resolve => { resolved = resolve })
  const tunnel = await lab(t, {
    fastify: { handlerTimeout: 20 },
    access: { approve: async () => { await answered; return [{ address: '127.0.0.1', family: 4 }] } }
  })
  const client = await RawClient.to(t, tunnel.port)
  t.match(readAnswer(await client.send(connectHead(`origin.test:${target.port}`)).answer()), { status: 503 })
  const dialled = target.next()
  resolved()
  await new Promise(resolve => dialled.then(socket => socket.resume().once('close', resolve)))
  t.equal(await client.end(), '')
  await tunnel.recorded(1)
  t.match(tunnel.records, [{ status: 503, bytesIn: 0, bytesOut: 0 }])
  t.equal(tunnel.exchanges.size, 0)
})

t.test('a response that went out before the policy failed: it stays the only one', async t => {
  let fail = (_failure: Error) => {}
  const verdict = new Promise<never>((_resolve, reject) => { fail = reject })
  const tunnel = await lab(t, { fastify: { handlerTimeout: 20 }, access: { approve: async () => await verdict } })
  const client = await RawClient.to(t, tunnel.port)
  t.match(readAnswer(await client.send(connectHead('origin.test:1')).answer()), { status: 503 })
  fail(new DnsFailed())
  await tunnel.recorded(1)
  t.match(tunnel.records, [failed('origin.test:1', 502, 'FST_PROXY_AUTH_DNS')])
  t.equal(await client.end(), '')
})

t.test('a policy that fails when the user has been revoked: there is one response and one record', async t => {
  let fail = (_failure: Error) => {}
  const verdict = new Promise<never>((_resolve, reject) => { fail = reject })
  const alice = { user: {}, name: 'alice', info: null, scheme: 'Test', realm: 'r' }
  const tunnel = await lab(t, { hook: ({ request }) => { request.proxyAuth = alice }, access: { approve: async () => await verdict } })
  const client = await RawClient.to(t, tunnel.port)
  client.send(connectHead('origin.test:1'))
  await until(() => tunnel.asked.length > 0)
  tunnel.revocations.revoke('alice')
  fail(new DnsFailed())
  t.match(readAnswer(await client.end()), { status: 403 })
  t.match(tunnel.records, [{ user: 'alice', status: 403, reason: 'FST_PROXY_AUTH_FORBIDDEN' }])
  t.equal(tunnel.records.length, 1)
})

/** The ways by one parent, and what is said of it; every target may be reached. */
function ways (port: number, more: Partial<WaysOptions> = {}): WaysOptions {
  return {
    access: createAccess({ allow: ['*:*'] }, () => []),
    parents: { choose: () => [parentAt(port)] },
    health: { praise () {}, blame () {} },
    loginFor: () => scriptedLogin(['Basic canary']),
    connectTimeout: 60_000,
    headersTimeout: 60_000,
    maxResponseHead: 2000,
    own: () => [],
    ...more
  }
}

t.test('a parent that opens the tunnel: the client gets the 200, the record names the parent, and counts what is the target\'s alone', async t => {
  const parent = await fakeParent(t, () => 'HTTP/1.1 200 OK\r\nX-Parent: 1\r\n\r\nhello ')
  const tunnel = await lab(t, { tunnel: { ways: ways(parent.port) } })
  const client = await RawClient.to(t, tunnel.port)
  const fields = ['Via: 1.0 a', 'User-Agent: x/1', 'via: 1.1 b (c, d)', 'Proxy-Authorization: Basic theirs', 'X-Other: 1', 'user-agent: y'].join('\r\n')
  const text = await client.send(`${connectHead('Origin.TEST:443', fields)}early `).until(text => text.endsWith('early '))
  t.equal(text, 'HTTP/1.1 200 Connection established\r\n\r\nhello early ')
  t.equal(parent.heads[0], 'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nVia: 1.0 a, 1.1 b (c, d), 1.1 gw\r\nUser-Agent: x/1\r\nProxy-Authorization: Basic canary\r\n\r\n')
  client.socket.end()
  await client.end()
  await tunnel.recorded(1)
  t.match(tunnel.records, [{ target: 'origin.test:443', status: 200, bytesIn: 6, bytesOut: 12, parent: 'parent-1' }])
  t.notMatch(JSON.stringify(tunnel.records), /canary|theirs/)
})

t.test('a parent that refuses: the client gets its status, or 502, and the record has the account that was refused', async t => {
  for (const [head, status, reason] of [
    ['403 x\r\n', 403, 'FST_PROXY_AUTH_PARENT_DENIED'], ['504 x\r\n', 504, 'FST_PROXY_AUTH_PARENT_DENIED'], ['404 x\r\n', 502, 'FST_PROXY_AUTH_PARENT_PROTOCOL'],
    ['407 x\r\nProxy-Authenticate: Basic realm="theirs"\r\n', 502, 'FST_PROXY_AUTH_PARENT_REFUSED']
  ] as const) {
    const parent = await fakeParent(t, () => `HTTP/1.1 ${head}\r\n`)
    const tunnel = await lab(t, { tunnel: { ways: ways(parent.port) } })
    const client = await RawClient.to(t, tunnel.port)
    const answer = await client.send(connectHead('origin.test:443')).answer()
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    t.notMatch(answer, /theirs|proxy-authenticate|canary/i)
    await tunnel.recorded(1)
    t.match(tunnel.records, [{ ...failed('origin.test:443', status, reason), parent: 'parent-1', ...(head.startsWith('407') && { account: 'account#1' }) }])
    t.equal(tunnel.exchanges.size, 0)
  }
})

t.test('a client that leaves, or an application that closes, while the parent is silent: its connection is closed', async t => {
  for (const [how, reason] of [['left', 'FST_PROXY_AUTH_CLIENT_LEFT'], ['closed', 'FST_PROXY_AUTH_CLOSING']] as const) {
    const parent = await fakeParent(t, () => undefined)
    const tunnel = await lab(t, { tunnel: { ways: ways(parent.port) } })
    const client = await RawClient.to(t, tunnel.port)
    client.send(connectHead('origin.test:443'))
    await until(() => parent.heads.length === 1)
    if (how === 'left') client.socket.resetAndDestroy()
    else await tunnel.exchanges.drain(0)
    await tunnel.recorded(1)
    t.match(tunnel.records, [{ reason }])
    await until(() => parent.open.size === 0)
    t.equal(tunnel.exchanges.size, 0)
  }
})

t.test('an application that has responded before the parent: the tunnel is not opened, and the record names the parent', async t => {
  let open!: () => void
  let respond!: () => void
  const parent = await fakeParent(t, (_head, _place, socket) => {
    open = () => { socket.write('HTTP/1.1 200 OK\r\n\r\n') }
    respond()
  })
  const tunnel = await lab(t, { tunnel: { ways: ways(parent.port) }, hook: reply => { respond = () => { reply.code(503).send('late') } } })
  const client = await RawClient.to(t, tunnel.port)
  t.match(await client.send(connectHead('origin.test:443')).answer(), /^HTTP\/1\.1 503 /)
  open()
  await tunnel.recorded(1)
  t.match(tunnel.records, [{ status: 503, bytesIn: 0, bytesOut: 0, parent: 'parent-1' }])
  await until(() => parent.open.size === 0)
})

t.test('a CONNECT that has been here: it is refused, with parents and without (R-VIA-4)', async t => {
  const target = await tcpOrigin(t)
  const parent = await fakeParent(t, () => 'HTTP/1.1 200 OK\r\n\r\n')
  for (const by of [undefined, ways(parent.port)]) {
    const tunnel = await lab(t, { tunnel: { ways: by } })
    const client = await RawClient.to(t, tunnel.port)
    t.match(await client.send(connectHead(`origin.test:${target.port}`, 'Via: 1.1 a, 1.1 GW')).answer(), /^HTTP\/1\.1 502 /)
    await tunnel.recorded(1)
    t.match(tunnel.records, [failed(`origin.test:${target.port}`, 502, 'FST_PROXY_AUTH_LOOP')])
  }
  t.equal(target.sockets.length + parent.heads.length, 0)
})

/** Has bob ask for the tunnel. */
const asBob = ({ request }: FastifyReply) => { request.proxyAuth = { user: { groups: ['ci'] }, name: 'bob', info: null, scheme: 'Test', realm: 'r' } }
const ofNames = () => createAccess<ProxyIdentity>({ lookup: knowing('origin.test'), special: ['*.test'] }, () => [])

t.test('rules: the tunnel is asked about with its user, and its line has what they say', async t => {
  const target = await tcpOrigin(t)
  const { permissions } = permitting([{ name: 'ci', groups: ['ci'], to: ['origin.test:*'], clients: ['127.0.0.1'], methods: ['CONNECT'], forms: ['connect'], action: 'allow' }])
  const tunnel = await lab(t, { hook: asBob, tunnel: { permissions, access: ofNames() } })
  const ask = async (authority: string) => readAnswer(await (await RawClient.to(t, tunnel.port)).send(connectHead(authority)).answer())
  t.match(await ask(`Origin.test:${target.port}`), { status: 200 })
  t.match(await ask('other.test:443'), { status: 403 })
  await tunnel.recorded(1)
  t.match(tunnel.records, [{ ...failed('other.test:443', 403, 'FST_PROXY_AUTH_TARGET_DENIED'), groups: ['ci'], rule: null, decision: 'deny', wouldDeny: false, denial: 'no rule allows it' }])
})

t.test('a client without an address: rules about addresses of clients do not let it through', async t => {
  const { permissions } = permitting([{ to: ['*'], clients: ['0.0.0.0/0', '::/0'], action: 'allow' }])
  const hook = (reply: FastifyReply) => {
    asBob(reply)
    Object.defineProperty(reply.request, 'ip', { value: undefined }) // as on a socket in the file system
  }
  const tunnel = await lab(t, { hook, tunnel: { permissions, access: ofNames() } })
  const client = await RawClient.to(t, tunnel.port)
  t.match(readAnswer(await client.send(connectHead('origin.test:443')).end()), { status: 403 })
})

t.test('rules that change: a tunnel that they forbid ends, and its line has what it was permitted by', async t => {
  const target = await tcpOrigin(t)
  const { permissions, change } = permitting([{ name: 'ci', groups: ['ci'], to: ['origin.test:*'], action: 'allow' }])
  const tunnel = await lab(t, { hook: asBob, tunnel: { permissions, access: ofNames() } })
  const client = await RawClient.to(t, tunnel.port)
  await client.send(connectHead(`origin.test:${target.port}`)).answer()
  tunnel.exchanges.recheck()
  client.text = ''
  t.equal(await client.send('ping').until(text => text.length === 4), 'ping', 'it goes on')
  change([])
  tunnel.exchanges.recheck()
  await client.end()
  await tunnel.recorded(1)
  t.match(tunnel.records, [{ status: 200, reason: 'forbidden', groups: ['ci'], rule: 'ci', decision: 'allow' }])
})

/** The ways where no parent is chosen. */
const directly = () => ways(0, { access: createAccess({ special: ['127.0.0.1:*'] }, () => []), parents: { choose: async () => ['direct'] } })

t.test('a limit that is reached, at once or later, by the addresses or by parents: 429 with Retry-After, and the target is not dialled', async t => {
  const target = await tcpOrigin(t)
  const later = async () => { throw new LimitReached(5000) }
  const atOnce = () => { throw new LimitReached(5000) }
  for (const verdict of [atOnce, later]) {
    for (const by of [undefined, directly()]) {
      const limiter = new FakeLimiter(undefined, verdict)
      const tunnel = await lab(t, { limiter, tunnel: { ways: by } })
      const client = await RawClient.to(t, tunnel.port)
      const { status, fields } = readAnswer(await client.send(connectHead(`127.0.0.1:${target.port}`)).answer())
      t.strictSame([status, fields['retry-after']], [429, '5'])
      await tunnel.recorded(1)
      t.match(tunnel.records, [failed(`127.0.0.1:${target.port}`, 429, 'FST_PROXY_AUTH_LIMIT_REACHED')])
      t.match(limiter.asked, [{ kind: 'tunnel' }])
      t.equal(target.sockets.length, 0)
    }
  }
})

t.test('a client that leaves while the limits are asked: nothing is dialled, and what was set aside for it is given back', async t => {
  let letIn = () => {}
  const target = await tcpOrigin(t)
  for (const by of [undefined, directly()]) {
    const limiter = new FakeLimiter(undefined, async () => await new Promise<void>(resolve => { letIn = resolve }))
    const tunnel = await lab(t, { limiter, tunnel: { ways: by } })
    const client = await RawClient.to(t, tunnel.port)
    client.send(connectHead(`127.0.0.1:${target.port}`))
    await until(() => limiter.asked.length === 1)
    client.socket.resetAndDestroy()
    await tunnel.recorded(1)
    t.match(tunnel.records, [{ status: 499 }])
    t.equal(limiter.released, 0)
    letIn()
    await until(() => limiter.released === 1)
    t.strictSame([target.sockets.length, tunnel.exchanges.size], [0, 0])
  }
})

t.test('a tunnel whose octets are metered: what goes through, and its line, are what the meter let through; a limit ends it', async t => {
  const target = await tcpOrigin(t)
  for (const by of [undefined, directly()]) {
    const meter = new FickleMeter()
    const limiter = new FakeLimiter(meter)
    const tunnel = await lab(t, { limiter, tunnel: { ways: by } })
    const client = await RawClient.to(t, tunnel.port)
    await client.send(`${connectHead(`127.0.0.1:${target.port}`)}head`).until(text => text.endsWith('\r\n\r\nhead'))
    const text = 'some text'.repeat(100_000)
    client.text = ''
    await client.send(text).until(all => all.length === text.length)
    t.equal(client.text, text)
    t.equal(limiter.released, 0)
    limiter.ends[0]!(new LimitReached(1))
    await tunnel.recorded(1)
    const octets = text.length + 4
    t.strictSame(meter.moved, { up: octets, down: octets })
    t.match(tunnel.records, [{ status: 200, bytesIn: octets, bytesOut: octets, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
    t.equal(limiter.released, 1)
  }
})
