// What has been permitted stays what was asked about: at each address, behind a wait, and behind new rules.
import { writeFile } from 'node:fs/promises'
import type { LookupFunction } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { policyFile } from '../../lib/index.js'
import type { PolicyDocument, PolicyFile } from '../../lib/index.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`

/** A function that is asked, and its response, which the test gives. */
function asked <Value> () {
  let given!: (value: Value) => void
  let came!: () => void
  const value = new Promise<Value>(resolve => { given = resolve })
  const called = new Promise<void>(resolve => { came = resolve })
  return { called, give: given, ask: async () => { came(); return await value } }
}

/** Rules in a file that are taken over when the test says so. */
async function ruled (t: Test, document: PolicyDocument): Promise<{ policy: PolicyFile, change: (document: PolicyDocument) => Promise<void> }> {
  const path = join(t.testdir({ 'policy.json': JSON.stringify(document) }), 'policy.json')
  const policy = policyFile(path, { interval: 2 ** 31 - 1, log: () => {} })
  t.teardown(() => policy.close())
  const change = async (document: PolicyDocument) => {
    await writeFile(path, JSON.stringify(document))
    await policy.reload()
  }
  return { policy, change }
}

t.test('a name that has other addresses on the next way: rules are asked about those as well', async t => {
  const target = await origin(t)
  for (const head of [connectHead(`two.test:${target.port}`, RIGHT), `GET http://two.test:${target.port}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`]) {
    let count = 0
    const lookup = ((_host: string, _options: object, done: (...args: unknown[]) => void) => {
      done(null, [{ address: ++count === 1 ? '192.0.2.1' : '127.0.0.1', family: 4 }])
    }) as LookupFunction
    const { port } = await gateway(t, {
      forward: { lookup, parents: [{ url: `socks5://127.0.0.1:${await closedPort()}`, resolve: 'local' }, 'direct'] } as never,
      policy: { rules: [{ name: 'net', to: ['192.0.2.0/24:*'], special: true, action: 'allow' }] }
    })
    t.notMatch(await (await RawClient.to(t, port)).send(head).answer(), / 200 /)
    t.equal(count, 2)
  }
  t.equal(target.connections, 0)
})

t.test('rules that change while authorize is asked about a WebSocket of @fastify/http-proxy: it is refused', async t => {
  const target = await webSocketOrigin(t)
  const { policy, change } = await ruled(t, { default: 'allow', rules: [] })
  const verdict = asked<true>()
  const { url } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, websocket: true, wsHooks: {} } as never], policy, authorize: verdict.ask
  })
  const socket = webSocket(t, `${url}/api/chat`, { headers: { 'Proxy-Authorization': ALICE } })
  const ended = new Promise<string>(resolve => { socket.on('error', ({ message }: Error) => resolve(message)).on('open', () => resolve('open')) })
  await verdict.called
  await change({ rules: [] })
  verdict.give(true)
  t.match(await ended, /403/)
  t.equal(target.seen.length, 0)
})

t.test('a client that leaves while authorize is asked about a WebSocket of @fastify/http-proxy: nothing is left of it', async t => {
  const target = await webSocketOrigin(t)
  const verdict = asked<true>()
  const { app, port, logged } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, websocket: true, wsHooks: {} } as never], authorize: verdict.ask, drainTimeout: 60_000
  })
  const left = new Promise<void>(resolve => { app.server.once('connection', socket => socket.once('close', () => resolve())) })
  const client = await RawClient.to(t, port)
  client.send(`GET /api/chat HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`)
  await verdict.called
  client.socket.resetAndDestroy()
  await left
  verdict.give(true)
  t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { form: 'websocket', status: 499, client: '127.0.0.1', bytesOut: 0 } })
  t.equal(target.seen.length, 0)
  await app.close() // which would wait for what is left
})

t.test('groups that come later, and are rejected: 500, and nothing is uncaught', async t => {
  const uncaught: unknown[] = []
  const note = (failure: unknown) => { uncaught.push(failure) }
  process.on('unhandledRejection', note)
  t.teardown(() => process.removeListener('unhandledRejection', note))
  const { port } = await gateway(t, { groups: (async () => { throw new Error('canary') }) as never, authorize: () => true })
  t.match(await (await RawClient.to(t, port)).send(connectHead('127.0.0.1:1', RIGHT)).answer(), / 500 /)
  await new Promise(setImmediate)
  t.same(uncaught, [])
})

t.test('a verdict that throws when it is read: 500 without its message', async t => {
  const verdicts: unknown[] = [
    { get status () { throw new Error('canary') } },
    { get then () { throw new Error('canary') } },
    { then () { throw new Error('canary') } },
    { then (resolve: (value: unknown) => void) { resolve(true); resolve(false); throw new Error('canary') } },
    { get reason () { return { slice () { throw new Error('canary') } } } },
    Object.defineProperty({}, 'reason', { get: (() => { let n = 0; return () => n++ === 0 ? 'x' : { slice () { throw new Error('canary') } } })() })
  ]
  let verdict: unknown
  const { port } = await gateway(t, { authorize: () => verdict as never })
  for (verdict of verdicts) {
    for (const head of [connectHead('127.0.0.1:1', RIGHT), `GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`]) {
      const answer = await (await RawClient.to(t, port)).send(head).answer()
      t.notMatch(answer, /canary|slice/)
      t.match(answer, /^HTTP\/1.1 (?:500|502|403) /)
    }
  }
})

t.test('rules that no longer open the port, or special-purpose addresses: what only they had opened ends', async t => {
  const echo = await tcpOrigin(t)
  const rule = { to: ['127.0.0.1:*'], special: true, action: 'allow' } as const
  for (const changed of [{ rules: [{ ...rule, special: false }] }, { default: 'allow', rules: [] }] as PolicyDocument[]) {
    const { policy, change } = await ruled(t, { rules: [rule] })
    const { port } = await gateway(t, { forward: {}, policy })
    const client = await RawClient.to(t, port)
    t.match(await client.send(connectHead(echo.authority, RIGHT)).answer(), / 200 /)
    await change(changed)
    t.match(await (await RawClient.to(t, port)).send(connectHead(echo.authority, RIGHT)).answer(), / 403 /)
    client.send('still')
    t.equal(await client.until(text => text !== ''), '')
  }
})

t.test('an upgrade that an origin overlooks: is no way round a rule that denies http', async t => {
  const target = await origin(t)
  for (const [form, status] of [['http', 403], ['https', 200]] as const) {
    const { port } = await gateway(t, { policy: { default: 'allow', rules: [{ forms: [form], action: 'deny' }] } })
    const answer = await (await RawClient.to(t, port)).send(`GET http://${target.authority}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`).answer()
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
  }
  t.equal(target.seen.length, 1)
})

t.test('a request for a host that is none, whose content is still to come: new rules end what they forbid all the same', async t => {
  const echo = await tcpOrigin(t)
  const { policy, change } = await ruled(t, { rules: [{ to: ['127.0.0.1:*'], action: 'allow' }] })
  const { port } = await gateway(t, { policy })
  const held = await RawClient.to(t, port)
  t.match(await held.send(`POST http://xn--/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\nContent-Length: 7\r\n\r\n`).answer(), / 400 /)
  const tunnel = await RawClient.to(t, port)
  t.match(await tunnel.send(connectHead(echo.authority, RIGHT)).answer(), / 200 /)
  await change({ rules: [] })
  t.equal(await tunnel.end(), '')
  t.equal(await held.end(), '')
})

t.test('a user who is revoked while authorize is asked about a WebSocket of @fastify/http-proxy: the upstream is not reached', async t => {
  const target = await webSocketOrigin(t)
  const verdict = asked<true>()
  const { app, url, logged } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, websocket: true, wsHooks: {} } as never], authorize: verdict.ask
  })
  const socket = webSocket(t, `${url}/api/chat`, { headers: { 'Proxy-Authorization': ALICE } })
  const ended = new Promise<string>(resolve => { socket.on('error', ({ message }: Error) => resolve(message)).on('open', () => resolve('open')) })
  await verdict.called
  app.proxyAuthRevoke('alice')
  verdict.give(true)
  t.match(await ended, /403/)
  t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { form: 'websocket', status: 403, reason: 'FST_PROXY_AUTH_FORBIDDEN' } })
  t.equal(target.seen.length, 0)
})
