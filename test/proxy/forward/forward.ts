import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import { origin } from '../../fixtures/origin.js'
import { parentProxy } from '../../fixtures/parent-proxy.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { until } from '../../fixtures/until.js'
import { tellOfSession } from '../../../lib/proxy/forward/forward.js'

const head = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: gateway.test', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')

t.test('policy, strip, send, relay: and one line about it', async t => {
  const { authority, url, seen } = await origin(t)
  const { port, proxied } = await gateway(t, { via: 'gw' })
  const client = await RawClient.to(t, port)
  const { status, fields, body } = readAnswer(await client.send(`${head(`POST ${url}/a?b`, 'X-A: 1', 'Content-Length: 3')}abc`).answer())
  t.strictSame([status, fields['via'], body], [200, '1.1 gw', 'origin'])
  t.match(seen, [{ method: 'POST', url: '/a?b', headers: { host: authority, 'x-a': '1', via: '1.1 gw' }, body: Buffer.from('abc') }])
  t.notOk('proxy-authorization' in seen[0]!.headers)
  await until(() => proxied().length === 1)
  t.match(proxied(), [{ user: 'alice', scheme: 'Basic', method: 'POST', target: url, status: 200, bytesIn: 3, bytesOut: 6 }])
})

t.test('a field that tells upstreams of reverse routes who a user is: a client cannot send it on, where there is one', async t => {
  for (const identity of [{ header: 'X-Proxy-User' }, undefined]) {
    const { url, seen } = await origin(t)
    const client = await RawClient.to(t, (await gateway(t, { identity })).port)
    t.equal(readAnswer(await client.send(head(`GET ${url}/`, 'X_Proxy_User: mallory', 'X-A: 1')).answer()).status, 200)
    t.match(seen[0]!.headers, { x_proxy_user: identity === undefined ? 'mallory' : undefined, 'x-a': '1' })
  }
})

t.test('a TRACE that may go no further: the proxy responds as the last recipient, and sends nothing on (R-MAXF-1)', async t => {
  const { url, connections } = await origin(t)
  const client = await RawClient.to(t, (await gateway(t)).port)
  t.match(await client.send(head(`TRACE ${url}/`, 'Max-Forwards: 0')).answer(), /^HTTP\/1\.1 200 [^]*message\/http/)
  t.equal(connections, 0)
})

t.test('a version that a hook of the application has put there: Via has it, and never is there no Via', async t => {
  const { port: to, seen } = await origin(t)
  const { port } = await gateway(t, { via: 'gw', after: (app) => app.addHook('onRequest', async ({ raw }) => { raw.httpVersion = '3.0' }) })
  const client = await RawClient.to(t, port)
  t.match(await client.send(head(`GET http://127.0.0.1:${to}/`)).answer(), /^HTTP\/1\.1 200 /)
  t.match(seen, [{ headers: { via: '3.0 gw' } }])
})

t.test('an exchange that fails before anything is sent: it has its line in the log too', async t => {
  const { port, proxied } = await gateway(t, { via: 'gw' })
  const client = await RawClient.to(t, port)
  t.match(await client.send(head('GET http://192.168.0.1/')).answer(), /^HTTP\/1\.1 403 /)
  t.match(await client.send(head('GET http://127.0.0.1:1/', 'Via: 1.1 gw')).answer(), /^HTTP\/1\.1 502 [^]*proxy_loop_detected/)
  await until(() => proxied().length === 2)
  t.match(proxied(), [{ status: 403, reason: 'FST_PROXY_AUTH_TARGET_DENIED' }, { status: 502, reason: 'FST_PROXY_AUTH_LOOP' }])
})

t.test('a client that left while the name was looked up: nothing is dialled', async t => {
  const { port: to, connections } = await origin(t)
  let found!: () => void
  let asked!: () => void
  const looking = new Promise<void>(resolve => { asked = resolve })
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => {
    found = () => { callback(null, [{ address: '127.0.0.1', family: 4 }]) }
    asked()
  }
  const { port, proxied } = await gateway(t, { forward: { special: ['origin.test:*'], lookup: lookup as never } })
  const client = await RawClient.to(t, port)
  client.send(head(`GET http://origin.test:${to}/`))
  await looking
  client.socket.destroy()
  await until(() => proxied().length > 0)
  found()
  await new Promise(resolve => setImmediate(resolve))
  t.match(proxied(), [{ status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
  t.equal(connections, 0)
})

t.test('a policy that has to look something up: it is awaited', async t => {
  const { url, authority } = await origin(t)
  const asked: unknown[] = []
  const check = async (target: unknown, user: unknown) => asked.push([target, user]) > 0
  const [, port] = authority.split(':')
  const { port: proxy } = await gateway(t, { forward: { special: ['127.0.0.1:*'], check } })
  const client = await RawClient.to(t, proxy)
  t.match(await client.send(head(`GET ${url}/`)).answer(), /^HTTP\/1\.1 200 /)
  t.match(asked, [[{ host: '127.0.0.1', port: Number(port), scheme: 'http' }, { name: 'alice' }]])
})

t.test('a server that stops before there is a response: the log says why the exchange was ended', async t => {
  const silent = await rawOrigin(t, () => {})
  const { app, port, proxied } = await gateway(t, { drainTimeout: 20 })
  const client = await RawClient.to(t, port)
  client.send(head(`GET ${silent.url}/`))
  await until(() => silent.received.length === 1)
  await app.close()
  t.equal(await client.end(), '')
  t.match(proxied(), [{ status: 503, reason: 'FST_PROXY_AUTH_CLOSING' }])
})

t.test('a user revoked before there is a response: the log says why the exchange was ended', async t => {
  const silent = await rawOrigin(t, () => {})
  const { app, port, proxied } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send(head(`GET ${silent.url}/`))
  await until(() => silent.received.length === 1)
  app.proxyAuthRevoke('alice')
  t.equal(await client.end(), '')
  await until(() => proxied().length === 1)
  t.match(proxied(), [{ status: 403, reason: 'FST_PROXY_AUTH_FORBIDDEN' }])
})

t.test('an early response: the exchange lasts until the request is through', async t => {
  const early = await rawOrigin(t, socket => socket.write('HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n'))
  const { app, port } = await gateway(t, { drainTimeout: 20 })
  const client = await RawClient.to(t, port)
  client.send(`${head(`POST ${early.url}/`, 'Content-Length: 9')}abc`)
  t.match(await client.answer(), /^HTTP\/1\.1 413 /)
  client.send(`defghi${head(`POST ${early.url}/`, 'Content-Length: 9')}abc`)
  t.match(await client.answer(), /^HTTP\/1\.1 413 /, 'the rest is read, and the connection goes on')
  const closed = once(client.socket, 'close')
  await app.close() // which would wait for ever for the six octets
  client.socket.end()
  await closed
})

t.test('a client that leaves after an early response: the exchange ends, though node does not report it', async t => {
  const early = await rawOrigin(t, socket => socket.write('HTTP/1.1 413 Too much\r\nContent-Length: 0\r\n\r\n'))
  const { app, port } = await gateway(t, { drainTimeout: 600_000 })
  const client = await RawClient.to(t, port)
  client.send(`${head(`POST ${early.url}/`, 'Content-Length: 9')}abc`)
  t.match(await client.answer(), /^HTTP\/1\.1 413 /)
  client.socket.destroy()
  await app.close() // which would wait for as long as `drainTimeout` says
})

t.test('userinfo in Host: the request is refused, and no line of the log has it', async t => {
  const { port, log } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send('GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: user:canary@127.0.0.1:1\r\n\r\n')
  t.match(await client.end(), /^HTTP\/1\.1 400 /)
  t.not(log.length, 0)
  t.notMatch(JSON.stringify(log), /canary/)
})

t.test('a target for which there is a parent: the parent gets what a target would, and so does the log', async t => {
  const parent = await parentProxy(t)
  const { port, proxied } = await gateway(t, { via: 'gw', forward: { parents: [{ url: `http://127.0.0.1:${parent.port}`, name: 'up' }] } })
  const client = await RawClient.to(t, port)
  t.match(await client.send(head('GET http://target.test/a', 'X-A: 1', 'Connection: x-b', 'X-B: 1')).answer(), /^HTTP\/1\.1 200 /)
  t.match(parent.seen, [{ line: 'GET http://target.test/a', fields: { host: 'target.test', via: '1.1 gw', 'x-a': '1', 'x-b': undefined, 'proxy-authorization': undefined } }])
  await until(() => proxied().length === 1)
  t.match(proxied(), [{ status: 200, target: 'http://target.test', parent: 'up' }])
})

t.test('the form and the path of a request: the line has them, the path only where it is asked for', async t => {
  const { url } = await origin(t)
  for (const paths of [false, true]) {
    const { port, proxied } = await gateway(t, { log: { paths } })
    const client = await RawClient.to(t, port)
    t.match(await client.send(head(`GET ${url}/a?b`)).answer(), /^HTTP\/1\.1 200 /)
    t.match(await client.send(head(`GET ${url}/a?b`, 'Connection: upgrade', 'Upgrade: chat')).answer(), /^HTTP\/1\.1 200 /)
    await until(() => proxied().length === 2)
    const path = paths ? '/a?b' : undefined
    t.match(proxied(), [{ form: 'http', target: url, path }, { form: 'websocket', target: url, path }])
  }
})

t.test('rules: a request is asked about with method and path, and its line has what they say', async t => {
  const { url, seen } = await origin(t)
  const rule = { name: 'read', users: ['alice'], to: ['127.0.0.1:*'], clients: ['127.0.0.1'], forms: ['http'], methods: ['GET'], paths: ['/a'], action: 'allow' } as const
  const { port, proxied } = await gateway(t, { policy: { rules: [rule] } })
  const ask = async (line: string) => readAnswer(await (await RawClient.to(t, port)).send(head(line)).answer())
  t.match(await ask(`GET ${url}/a/b?c`), { status: 200 })
  t.match(await ask(`GET ${url}/b`), { status: 403 })
  t.match(await ask(`DELETE ${url}/a`), { status: 403 })
  t.match(seen, [{ url: '/a/b?c' }])
  t.equal(seen.length, 1)
  await until(() => proxied().length === 3)
  t.match(proxied(), [{ groups: [], rule: 'read', decision: 'allow', wouldDeny: false }, { rule: null, decision: 'deny', denial: 'no rule allows it' }, { rule: null }])
})

t.test('rules, and a client on a socket in the file system: it has no address, and rules about addresses of clients do not allow it', async t => {
  const { url } = await origin(t)
  const folder = await mkdtemp(join(tmpdir(), 'gateway-')) // a path has a hundred octets, and no more
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'socket')
  const rule = { to: ['127.0.0.1:*'], action: 'allow' } as const
  await gateway(t, { path, policy: { rules: [{ ...rule, clients: ['0.0.0.0/0', '::/0'], methods: ['GET'] }, { ...rule, methods: ['HEAD'] }] } })
  const ask = async (method: string) => {
    const client = await RawClient.over(t, connect({ path, allowHalfOpen: true }), 'connect')
    return readAnswer(await client.send(head(`${method} ${url}/`, 'Connection: close')).end()).status
  }
  t.equal(await ask('GET'), 403)
  t.equal(await ask('HEAD'), 200)
})

const CHALLENGE = ['X', '1', 'WWW-Authenticate', 'Basic, NTLM']
const told = (fields: string[], status = 401, raw: object = { httpVersion: '1.1', headers: {}, socket: {} }) => {
  return tellOfSession([...fields], status, { raw: { shouldKeepAlive: true }, request: { raw } } as never)
}

t.test('an origin asks to authenticate the connection: the client learns that its own will do (R-PSUP-1)', async t => {
  t.strictSame(told(CHALLENGE), [...CHALLENGE, 'Proxy-Support', 'Session-Based-Authentication', 'Connection', 'Proxy-Support'])
})

t.test('any other response: it stays as it is', async t => {
  t.strictSame(told(CHALLENGE, 200), CHALLENGE)
  t.strictSame(told(['WWW-Authenticate', 'Basic realm="NTLM"']), ['WWW-Authenticate', 'Basic realm="NTLM"'])
  t.strictSame(told(CHALLENGE, 401, { httpVersion: '1.1', headers: { via: '1.1 a' }, socket: {} }), CHALLENGE)
})
