// Rules and `authorize` in every form of request: what they see, what they refuse, and what reaches nobody.
import type { LookupFunction } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { createPolicy } from '../../lib/index.js'
import type { AuthorizeRequest, PolicyDocument, PolicyForm } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { waysIn } from '../fixtures/ways-in.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
/** A Monday, at ten. */
const clock = () => Date.UTC(2026, 9, 19, 10)

/** The status of a CONNECT, and what came behind it. */
async function connectTo (t: Test, port: number, authority: string, fields = [RIGHT], host?: string): Promise<string> {
  const client = await RawClient.to(t, port, host)
  return (await client.send(connectHead(authority, ...fields)).answer())
}

const statusOf = (answer: string): number => Number(answer.split(' ')[1])

t.test('each condition of a rule: holds requests in absolute-form and to reverse routes, over every version', async t => {
  const target = await origin(t)
  const deny = (name: string, conditions: object) => ({ name, ...conditions, action: 'deny' as const, reason: `no ${name}` })
  const policy = createPolicy({
    default: 'allow',
    rules: [
      deny('method', { methods: ['DELETE'] }),
      deny('path', { paths: ['/private'] }),
      deny('user', { users: ['bob'] }),
      deny('group', { groups: ['guests'], paths: ['/staff'] }),
      deny('scheme', { schemes: ['Basic'], paths: ['/scheme'] }),
      deny('form', { forms: ['reverse'], paths: ['/form'] }),
      deny('http', { forms: ['http'], paths: ['/form'] }),
      deny('client', { clients: ['127.0.0.0/8'], paths: ['/client'] }),
      deny('other client', { clients: ['10.0.0.0/8'] }),
      deny('hours', { days: ['mon'], from: '09:00', until: '11:00', paths: ['/hours'] }),
      deny('other hours', { days: ['tue'] }),
      deny('target', { to: ['127.0.0.1'], paths: ['/target'] }),
      deny('route', { routes: ['/api'], paths: ['/target'] }),
      deny('other route', { routes: ['/ap'] }),
      deny('anonymous', { anonymous: true })
    ]
  }, { clock })
  const refused: Array<[string, { method?: string, path: string, credentials?: string }]> = [
    ['method', { method: 'DELETE', path: '/' }],
    ['path', { path: '/private' }],
    ['path', { path: '/private/x?y' }],
    ['path', { path: '/PRIVATE;x/y' }],
    ['user', { path: '/', credentials: BOB }],
    ['group', { path: '/staff' }],
    ['scheme', { path: '/scheme' }],
    ['(form|http)', { path: '/form' }],
    ['client', { path: '/client' }],
    ['hours', { path: '/hours' }],
    ['(target|route)', { path: '/target' }]
  ]
  const ways = await waysIn(t, { port: target.port, policy, groups: () => ['guests'] })
  for (const way of ways) {
    t.test(way.name, async t => {
      target.seen.length = 0
      for (const [reason, request] of refused) {
        const reply = await way.ask(request)
        t.equal(reply.status, 403, reason)
        t.match(reply.body, new RegExp(`no ${reason}"`))
        t.equal(reply.fields['proxy-authenticate'], undefined)
      }
      t.same(target.seen, [], 'nothing has reached the origin')
      for (const path of ['/', '/privately', '/public/private', '/other?/private']) {
        t.match(await way.ask({ path }), { status: 200, body: 'origin' })
        t.equal(target.seen.at(-1)!.url, path, 'the path that was asked about')
      }
    })
  }
})

t.test('rules that allow by path, and the default that denies: only what each origin reads so gets there, in every form', async t => {
  const target = await origin(t)
  const policy: PolicyDocument = {
    rules: [
      { name: 'orders', users: ['alice'], to: ['127.0.0.1:*'], methods: ['GET'], paths: ['/v1/orders'], special: true, action: 'allow' },
      { name: 'orders by route', users: ['alice'], routes: ['/api'], methods: ['GET'], paths: ['/v1/orders'], action: 'allow' }
    ]
  }
  for (const way of await waysIn(t, { port: target.port, policy, forward: true })) {
    t.test(way.name, async t => {
      for (const path of ['/v1/orders', '/v1/orders/7', '/v1/orders?all']) {
        t.match(await way.ask({ path }), { status: 200 })
        t.equal(target.seen.at(-1)!.url, path)
      }
      const { length } = target.seen
      for (const path of ['/', '/v1/orders2', '/V1/orders', '/v1/orders/../x', '/v1/orders/%2e%2e/x', '/v1//orders', '/v1%2forders', '//v1/orders']) {
        const { status } = await way.ask({ path })
        t.ok(status === 403 || status === 400, `${path}: ${status}`)
      }
      t.equal((await way.ask({ path: '/v1/orders', method: 'POST' })).status, 403)
      t.equal((await way.ask({ path: '/v1/orders', credentials: BOB })).status, 403)
      t.equal(target.seen.length, length, 'none of them has reached the origin')
    })
  }
})

t.test('the path of a reverse route: is compared as the upstream gets it, behind rewriting', async t => {
  const target = await origin(t)
  const { url } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, rewritePrefix: '/internal' }],
    policy: { rules: [{ routes: ['/api'], paths: ['/internal/orders'], action: 'allow' }] }
  })
  const get = async (path: string) => await fetch(`${url}${path}`, { headers: { 'proxy-authorization': ALICE } })
  t.equal((await get('/api/orders')).status, 200)
  t.equal(target.seen.at(-1)!.url, '/internal/orders')
  t.equal((await get('/api/users')).status, 403)
  t.equal((await get('/api/internal/orders')).status, 403)
  t.equal(target.seen.length, 1)
})

t.test('a plugin below a prefix: rules name its routes by the whole of it', async t => {
  const target = await origin(t)
  const { url, log } = await gateway(t, {
    forward: undefined,
    reverse: [{ prefix: '/api', upstream: target.url }],
    policy: { rules: [{ routes: ['/api/'], action: 'allow' }, { routes: ['/apj'], action: 'deny' }] }
  } as GatewayOptions)
  t.equal((await fetch(`${url}/api/x`, { headers: { 'proxy-authorization': ALICE } })).status, 200)
  t.ok(log.some(({ msg }) => /rules name 1 of no reverse route: \/apj/.test(String(msg))))
})

t.test('CONNECT: rules decide by user, target and port, over HTTP/1.1 and HTTP/2', async t => {
  const target = await tcpOrigin(t)
  const policy: PolicyDocument = {
    rules: [
      { name: 'paths', paths: ['/'], action: 'deny', reason: 'no path' },
      { name: 'loopback', users: ['alice'], to: [`127.0.0.1:${target.port}`], special: true, action: 'allow' },
      { name: 'any', users: ['alice'], to: ['127.0.0.1'], special: true, action: 'allow' },
      { name: 'bob', users: ['bob'], to: ['127.0.0.1:*'], action: 'allow' }
    ]
  }
  const options = { forward: true, policy } as const
  const plain = await gateway(t, options)
  const second = await gateway(t, { ...options, fastify: { http2: true } as never })
  t.equal(statusOf(await connectTo(t, plain.port, target.authority)), 200, 'the rule opens the port and the address')
  const refused: Array<[string, string, RegExp]> = [
    [target.authority, BOB, /special-purpose address/],
    ['127.0.0.1:1', ALICE, /no rule allows it/],
    ['[2001:db8::1]:443', ALICE, /no rule allows it/],
    [`[::1]:${target.port}`, ALICE, /no rule allows it/],
    [`[::ffff:127.0.0.1]:${target.port}`, BOB, /special-purpose address|no rule allows it/]
  ]
  for (const [authority, credentials, reason] of refused) {
    const answer = await connectTo(t, plain.port, authority, [`Proxy-Authorization: ${credentials}`])
    t.equal(statusOf(answer), 403, authority)
    t.match(answer, reason)
    const client = await Http2Client.to(t, second.url)
    t.equal((await client.ask({ ':method': 'CONNECT', ':authority': authority, 'proxy-authorization': credentials })).status, 403)
  }
  const client = await Http2Client.to(t, second.url)
  const tunnel = await client.tunnel(target.authority, ALICE)
  tunnel.end()
  t.equal(target.sockets.length, 2)
})

t.test('the listener of the gateway itself, and what forward.deny says: stay closed whatever rules allow', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, {
    forward: { deny: [`127.0.0.1:${target.port}`] },
    policy: { rules: [{ to: ['*:*', '0.0.0.0/0:*'], special: true, action: 'allow' }] }
  })
  t.match(await connectTo(t, gate.port, `127.0.0.1:${gate.port}`), /own listener/)
  t.match(await connectTo(t, gate.port, target.authority), /on the deny list/)
  t.match(await connectTo(t, gate.port, `0x7f.1:${target.port}`), /on the deny list/)
  t.equal(target.sockets.length, 0)
})

t.test('a name whose addresses must tell: each is asked about, and those that are allowed are dialled', async t => {
  const target = await tcpOrigin(t)
  const names: Record<string, string[]> = {
    'inside.test': ['127.0.0.1'], 'both.test': ['10.0.0.1', '127.0.0.1'], 'outside.test': ['192.0.2.1'], 'denied.test': ['127.0.0.7']
  }
  const asked: string[] = []
  const lookup = ((host: string, _options: object, done: (...args: unknown[]) => void) => {
    asked.push(host)
    done(null, names[host]!.map(address => ({ address, family: 4 })))
  }) as LookupFunction
  const { port, log } = await gateway(t, {
    forward: { lookup },
    policy: {
      rules: [
        { name: 'never', to: ['127.0.0.7'], action: 'deny', reason: 'that machine is closed' },
        { name: 'inside', to: ['127.0.0.0/8:*'], special: true, action: 'allow' }
      ]
    }
  })
  t.equal(statusOf(await connectTo(t, port, `inside.test:${target.port}`)), 200)
  t.equal(statusOf(await connectTo(t, port, `both.test:${target.port}`)), 200)
  t.match(await connectTo(t, port, `outside.test:${target.port}`), /403 .*no rule allows it/s)
  t.match(await connectTo(t, port, `denied.test:${target.port}`), /403 .*that machine is closed/s)
  t.same(asked, ['inside.test', 'both.test', 'outside.test', 'denied.test'], 'once each')
  t.equal(target.sockets.length, 2)
  t.notMatch(await connectTo(t, port, `outside.test:${target.port}`), /192\.0\.2\.1/)
  t.ok(log.length > 0)
})

t.test('a name that is denied anyway: is not looked up', async t => {
  const asked: string[] = []
  const lookup = ((host: string, _options: object, done: (...args: unknown[]) => void) => { asked.push(host); done(new Error('no')) }) as LookupFunction
  const { port } = await gateway(t, { forward: { lookup }, policy: { rules: [{ to: ['other.test'], action: 'allow' }] } })
  t.equal(statusOf(await connectTo(t, port, 'origin.test:443')), 403)
  t.same(asked, [])
})

t.test('WebSockets by absolute-form and by a reverse route, passed on or served by @fastify/http-proxy: rules hold them', async t => {
  const target = await webSocketOrigin(t)
  const rules = (action: 'allow' | 'deny') => ({
    default: 'allow', rules: [{ name: 'sockets', forms: ['websocket' as const], action, ...(action === 'deny' && { reason: 'no sockets' }) }]
  } as PolicyDocument)
  for (const route of [{}, { wsHooks: {} }]) {
    for (const action of ['allow', 'deny'] as const) {
      const { url, port, log } = await gateway(t, {
        reverse: [{ prefix: '/api', upstream: target.url, websocket: true, ...route } as never], policy: rules(action)
      })
      const ways = [
        webSocket(t, `${url}/api/chat`, { headers: { 'Proxy-Authorization': ALICE } }),
        webSocket(t, url, { target: `http://${target.authority}/chat`, headers: { 'Proxy-Authorization': ALICE } })
      ]
      const before = target.seen.length
      // Of both at once: either may come first.
      const heard = await Promise.all(ways.map(async socket => await next<Error>(socket, action === 'allow' ? 'open' : 'error')))
      if (action === 'allow') await until(() => target.seen.length - before >= 2)
      else for (const values of heard) t.match(values, [{ message: /403/ }])
      t.equal(target.seen.length - before, action === 'allow' ? 2 : 0)
      const refused = () => log.filter(({ proxy }) => (proxy as { status?: number } | undefined)?.status === 403).length
      if (action === 'deny') await until(() => refused() >= 2)
      t.equal(refused(), action === 'deny' ? 2 : 0, 'each has its line')
      t.ok(port)
    }
  }
})

t.test('a rule about paths, where @fastify/http-proxy serves WebSockets: it denies, and does not allow', async t => {
  const target = await webSocketOrigin(t)
  const { url } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, websocket: true, wsHooks: {} } as never],
    policy: { rules: [{ routes: ['/api'], paths: ['/chat'], action: 'allow' }] }
  })
  t.match(await next<Error>(webSocket(t, `${url}/api/chat`, { headers: { 'Proxy-Authorization': ALICE } }), 'error'), [{ message: /403/ }])
  t.equal(target.seen.length, 0)
})

t.test('report only, a rule or all of them: what would be denied goes through', async t => {
  const target = await origin(t)
  const rule = { name: 'trial', paths: ['/'], reason: 'not for long' } as const
  for (const policy of [
    { default: 'allow', rules: [{ ...rule, action: 'report' }] },
    { report: true, rules: [{ ...rule, action: 'deny' }] }
  ] as PolicyDocument[]) {
    const { url, logged } = await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url }], policy })
    t.equal((await fetch(`${url}/api/x`, { headers: { 'proxy-authorization': ALICE } })).status, 200)
    const { proxy, msg } = await logged(line => line['proxy'] !== undefined)
    t.equal(msg, 'proxied')
    t.match(proxy, { rule: 'trial', wouldDeny: true, status: 200 })
  }
})

t.test('authorize: sees every form, with who asks for what', async t => {
  const target = await webSocketOrigin(t)
  const seen: AuthorizeRequest[] = []
  const { port, url } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url, websocket: true }],
    groups: user => [`${(user as { username: string }).username}s`],
    authorize: request => { seen.push(request); return true }
  })
  const headers = { 'Proxy-Authorization': ALICE }
  t.equal(statusOf(await connectTo(t, port, target.authority)), 200)
  const absolute = await RawClient.to(t, port)
  t.match(await absolute.send(`PUT http://${target.authority}/a?b HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\nContent-Length: 0\r\n\r\n`).answer(), /^HTTP\/1.1 200/)
  t.equal((await fetch(`${url}/api/c?d`, { headers })).status, 200)
  await next(webSocket(t, `${url}/api/chat`, { headers }), 'open')
  await next(webSocket(t, url, { target: `http://${target.authority}/chat`, headers }), 'open')
  const who = { user: 'alice', groups: ['alices'], scheme: 'Basic', anonymous: false, client: '127.0.0.1', identity: { name: 'alice' } }
  const forms: Array<[PolicyForm, object]> = [
    ['connect', { method: 'CONNECT', host: '127.0.0.1', port: target.port }],
    ['http', { method: 'PUT', host: '127.0.0.1', port: target.port, path: '/a?b' }],
    ['reverse', { method: 'GET', route: '/api', path: '/c' }],
    ['websocket', { method: 'GET', route: '/api', path: '/chat' }],
    ['websocket', { method: 'GET', host: '127.0.0.1', port: target.port, path: '/chat' }]
  ]
  t.match(seen, forms.map(([form, more]) => ({ ...who, form, ...more })))
  t.notMatch(JSON.stringify(seen), /alice-secret/)
})

t.test('authorize that refuses: the status, the reason and when to come back arrive, in every form', async t => {
  const target = await webSocketOrigin(t)
  const verdicts: Array<[unknown, number, RegExp]> = [
    [false, 403, /refused by a rule/],
    ['not on Sundays', 403, /not on Sundays/],
    [{ reason: 'later' }, 403, /later/],
    [{ status: 429, reason: 'too much', retryAfter: 1500 }, 429, /retry-after: 2.*too much/is],
    [{ status: 503, retryAfter: 1 }, 503, /retry-after: 1\r/i],
    [undefined, 500, /CHECK_FAILED/],
    [{}, 500, /CHECK_FAILED/],
    [{ status: 407 }, 500, /CHECK_FAILED/],
    [{ status: 200 }, 500, /CHECK_FAILED/],
    [{ reason: 1 }, 500, /CHECK_FAILED/],
    [{ retryAfter: 'soon' }, 500, /CHECK_FAILED/]
  ]
  let verdict: unknown
  let throws = false
  const authorize = () => {
    if (throws) throw new Error('canary')
    return verdict as boolean
  }
  for (const later of [false, true]) {
    const { port } = await gateway(t, {
      reverse: [{ prefix: '/api', upstream: target.url, websocket: true }],
      authorize: later ? async () => authorize() : authorize,
      authorizeTimeout: 200
    })
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    const heads = [
      connectHead(target.authority, RIGHT),
      `GET http://${target.authority}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`,
      `GET /api/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`,
      `GET /api/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n${upgrade}\r\n`,
      `GET http://${target.authority}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n${upgrade}\r\n`
    ]
    const ask = async (head: string) => await (await RawClient.to(t, port)).send(head).answer()
    for (const head of heads) {
      for (const [given, status, text] of verdicts) {
        verdict = given
        const answer = await ask(head)
        t.equal(statusOf(answer), status, JSON.stringify(given))
        t.match(answer, text)
      }
      throws = true
      const answer = await ask(head)
      t.equal(statusOf(answer), 500)
      t.notMatch(answer, /canary/)
      throws = false
    }
  }
  t.equal(target.seen.length, 0)
})

t.test('authorize that is silent: 503 when its time is over; a client that leaves before that leaves nothing', async t => {
  const target = await origin(t)
  const { port, url, app } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url }], authorize: () => new Promise(() => {}), authorizeTimeout: 100
  })
  t.equal((await fetch(`${url}/api/`, { headers: { 'proxy-authorization': ALICE } })).status, 503)
  t.equal(statusOf(await connectTo(t, port, target.authority)), 503)
  const client = await RawClient.to(t, port)
  client.send(connectHead(target.authority, RIGHT)).socket.destroy()
  t.equal(statusOf(await connectTo(t, port, target.authority)), 503)
  t.equal(target.connections, 0)
  t.ok(app)
})

t.test('groups that cannot be told: 500, and nothing is reached', async t => {
  const target = await origin(t)
  for (const groups of [() => { throw new Error('canary') }, () => 'ci', () => [1]]) {
    const { port, url } = await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url }], groups: groups as never, authorize: () => true })
    const reply = await fetch(`${url}/api/`, { headers: { 'proxy-authorization': ALICE } })
    t.equal(reply.status, 500)
    t.notMatch(await reply.text(), /canary/)
    t.equal(statusOf(await connectTo(t, port, target.authority)), 500)
  }
  t.equal(target.connections, 0)
})

t.test('requests without credentials: rules tell them from those of users', async t => {
  const target = await origin(t)
  const { url } = await gateway(t, {
    reverse: [{ prefix: '/open', upstream: target.url, anonymous: true }],
    policy: { rules: [{ anonymous: true, methods: ['GET'], routes: ['/open'], action: 'allow' }, { anonymous: false, users: ['alice'], action: 'allow' }] }
  })
  t.equal((await fetch(`${url}/open/x`)).status, 200)
  t.equal((await fetch(`${url}/open/x`, { method: 'POST' })).status, 403)
  t.equal((await fetch(`${url}/open/x`, { method: 'POST', headers: { 'proxy-authorization': ALICE } })).status, 200)
})
