import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { LimitReached } from '../../../lib/errors.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { IdentityField, NO_IDENTITY } from '../../../lib/proxy/message/identity-field.js'
import { followWebSocket, webSocketOptions } from '../../../lib/proxy/reverse/http-proxy-websocket.js'
import { FakeLimiter, FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { listen } from '../../fixtures/origin.js'
import { permitting } from '../../fixtures/permitting.js'
import type { Permitting } from '../../fixtures/permitting.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { until } from '../../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../../fixtures/web-sockets.js'

const ASK = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }

/** What the upstream of a WebSocket is asked with. */
async function asked (t: Test, route: object, fields: Record<string, string | string[]>): Promise<IncomingHttpHeaders> {
  const server = createServer()
  const upgrade = new Promise<IncomingHttpHeaders>(resolve => server.on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.on('error', () => {})
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    t.teardown(() => socket.destroy())
    resolve(headers)
  }))
  const upstream = `http://127.0.0.1:${await listen(t, server)}`
  const { port, exchanges } = await reverse(t, { upstream, websocket: true, ...route } as never)
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', '/api/ws', { ...ASK, ...fields })).answer(), /^HTTP\/1.1 101 /)
  t.equal(exchanges.size, 1)
  return await upgrade
}

t.test('fields of a handshake: Authorization and cookies go to the upstream, proxy fields do not (R-CHAIN-3, R-CHAIN-7)', async t => {
  const headers = await asked(t, {}, { Authorization: 'Bearer a', Cookie: 'a=1', Via: '1.1 a', 'X-Forwarded-For': '10.0.0.1', 'Proxy-Connection': 'x', Proxy: 'x' })
  t.match(headers, { authorization: 'Bearer a', cookie: 'a=1', via: '1.1 a, 1.1 gw', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'gw.test' })
  t.notMatch(Object.keys(headers).join(), /proxy/)
})

t.test('a gate that acts as origin: Authorization ends here', async t => {
  t.equal((await asked(t, { status: 401 }, { Authorization: 'Basic a' })).authorization, undefined)
})

t.test('forwarded off in the options: the upstream is told nothing of the client', async t => {
  const headers = await asked(t, { forwarded: false }, {})
  t.notMatch(Object.keys(headers).join(), /forwarded/)
  t.equal(headers.via, '1.1 gw')
})

t.test('rewriting in the options: it is applied, and proxy fields still end here (R-CHAIN-3)', async t => {
  const rewriteRequestHeaders = (headers: object, request: { headers: object }) => ({ ...headers, ...request.headers, 'X-More': '1' })
  const headers = await asked(t, { wsClientOptions: { rewriteRequestHeaders, headers: { 'x-fixed': '1' } } }, { Authorization: 'Bearer a', 'Proxy-Authentication-Info': 'x' })
  t.match(headers, { authorization: 'Bearer a', 'x-more': '1', 'x-fixed': '1', via: '1.1 gw' })
  t.notMatch(Object.keys(headers).join(), /proxy/)
})

t.test('a WebSocket of @fastify/http-proxy: Via is appended, and who asked is told unless the options say no (R-VIA-2)', async t => {
  const fields = { Via: ['1.1 a', '1.0 b'], Cookie: 'a=1' }
  t.match(await asked(t, { wsClientOptions: {} }, fields), { via: '1.1 a, 1.0 b, 1.1 gw', cookie: 'a=1', 'x-forwarded-for': '127.0.0.1' })
  t.equal((await asked(t, { wsClientOptions: {}, forwarded: false }, fields))['x-forwarded-for'], undefined)
})

t.test('the websocket option: without it there are no settings, and objects of the user stay as they are', async t => {
  const rules = { pseudonym: 'gw', forwarded: true, consumed: new Set<string>(), identity: NO_IDENTITY }
  t.same(webSocketOptions({ upstream: 'http://up.test' }, rules), {})
  const wsReconnect = Object.freeze({ pingInterval: 1 })
  const options = webSocketOptions({ upstream: 'http://up.test', websocket: true, wsReconnect }, rules) as { wsReconnect: object }
  t.same(options.wsReconnect, wsReconnect)
  t.not(options.wsReconnect, wsReconnect)
})

t.test('http-proxy passes on what requests would: Authorization and cookies, as far as they are there (R-CHAIN-3, R-CHAIN-7)', async t => {
  const rules = { pseudonym: 'gw', forwarded: false, consumed: new Set<string>(), identity: NO_IDENTITY }
  const { wsClientOptions } = webSocketOptions({ websocket: true, upstream: '' } as never, rules) as { wsClientOptions: { rewriteRequestHeaders: (headers: object, request: object) => object } }
  for (const headers of [{ authorization: 'Bearer a', cookie: 'a=1' }, { cookie: 'a=1' }, {}]) {
    const request = { headers: { ...headers, 'proxy-authorization': 'x' }, raw: { headers: {}, httpVersion: '1.1' }, proxyAuth: null }
    t.same(wsClientOptions.rewriteRequestHeaders({}, request), { ...headers, via: '1.1 gw' })
  }
})

t.test('101 responses from one server of http-proxy: each has the fields of its own gate', async t => {
  const wss = new EventEmitter()
  const follow = (nonce: string) => {
    const raw = { socket: Object.assign(new EventEmitter(), { bytesRead: 0, bytesWritten: 0, destroy () {} }) }
    const fields: Record<string, string> = { 'proxy-authentication-info': `nextnonce="${nonce}"` }
    const reply = { wsProxy: { wss }, raw: { headersSent: false }, getHeader: (name: string) => fields[name] }
    followWebSocket({ raw, method: 'GET', proxyAuth: null, log: { info () {} } } as never, reply as never, 'http://up.test', new Exchanges(), {}, () => {})
    return raw
  }
  const [first, second] = [follow('1'), follow('2')]
  for (const [raw, nonce] of [[second, '2'], [first, '1']] as const) {
    const lines: string[] = []
    wss.emit('headers', lines, raw)
    t.same(lines, [`Proxy-Authentication-Info: nextnonce="${nonce}"`])
  }
  t.equal(wss.listenerCount('headers'), 0)
})

t.test('a client that has left before its WebSocket is followed: a failure, with its line in the log, and nothing is kept', async t => {
  const wss = new EventEmitter()
  const exchanges = new Exchanges()
  const lines: object[] = []
  const log = { info: (line: object) => { lines.push(line) } }
  let failure: unknown
  followWebSocket({ raw: { socket: { destroyed: true } }, method: 'GET', proxyAuth: null, log } as never, { wsProxy: { wss } } as never, 'http://up.test', exchanges, {}, why => { failure = why })
  t.match(failure, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.match(lines, [{ proxy: { status: 499, bytesOut: 0 } }])
  t.strictSame([exchanges.size, wss.listenerCount('headers')], [0, 0])
})

t.test('a WebSocket that is to be followed when the wait of a stopping server is over: a failure, and nothing is kept', async t => {
  const wss = new EventEmitter()
  const exchanges = new Exchanges()
  await exchanges.drain(1)
  let failure: unknown
  followWebSocket({ raw: { socket: new EventEmitter() }, method: 'GET', proxyAuth: null, log: { info () {} } } as never, { wsProxy: { wss } } as never, 'http://up.test', exchanges, {}, why => { failure = why })
  t.match(failure, { code: 'FST_PROXY_AUTH_CLOSING' })
  t.strictSame([exchanges.size, wss.listenerCount('headers')], [0, 0])
})

t.test('an identity field that the client sends: the user of the gate takes its place', async t => {
  const own = new IdentityField({ header: 'x-user' }, 'identity')
  const rules = { pseudonym: 'gw', forwarded: false, consumed: new Set<string>(), identity: { own, all: [own] } }
  const { wsClientOptions } = webSocketOptions({ websocket: true, upstream: '' } as never, rules) as { wsClientOptions: { rewriteRequestHeaders: (headers: object, request: object) => object } }
  const request = { headers: {}, raw: { headers: {}, httpVersion: '1.1' }, proxyAuth: { name: 'alice' } }
  t.match(wsClientOptions.rewriteRequestHeaders({ x_user: 'mallory' }, request), { 'x-user': 'alice', x_user: undefined })
})

/** Asks for a WebSocket that http-proxy answers. */
async function given (t: Test, route: object = {}, path = '/api/ws', fields: Record<string, string> = {}) {
  const target = await webSocketOrigin(t)
  const gate = await reverse(t, { upstream: target.url, websocket: true, wsClientOptions: {}, ...route } as never)
  const client = await RawClient.to(t, gate.port)
  client.send(message('GET', path, { ...ASK, ...fields }))
  return { ...gate, target, client }
}

t.test('a WebSocket that http-proxy takes: it has the fields of the gate, counts as an exchange, and is logged (R-UPG-1)', async t => {
  const { client, exchanges, proxied, target } = await given(t)
  t.match(await client.answer(), /^HTTP\/1.1 101 [^]*\r\nProxy-Authentication-Info: nextnonce="n"\r\n/)
  t.equal(exchanges.size, 1)
  await exchanges.drain(0)
  await client.end()
  t.match(await proxied(1), [{ user: 'alice', target: target.url, status: 101, reason: 'closing' }])
  t.equal(exchanges.size, 0)
})

t.test('a response of http-proxy that is no 101: it says that it closes (R-UPG-2)', async t => {
  const { client, proxied } = await given(t, {}, '/api/ws/%2e%2e/%2e%2e/x')
  t.match(await client.end(), /^HTTP\/1.1 400 [^]*\r\nconnection: close\r\n/i)
  t.match(await proxied(1), [{ status: 400, reason: undefined }])
})

t.test('finishRequest in the options: it sends the handshake, also of a retry that has no client', async t => {
  const rules = { pseudonym: 'gw', forwarded: false, consumed: new Set<string>(), identity: NO_IDENTITY }
  const sent: unknown[] = []
  const finishRequest = (...all: unknown[]) => { sent.push(...all) }
  const { wsClientOptions } = webSocketOptions({ websocket: true, upstream: '', wsClientOptions: { finishRequest, handshakeTimeout: 7 } } as never, rules) as {
    wsClientOptions: { handshakeTimeout: number, finishRequest: (handshake: object, target: object) => void }
  }
  const [handshake, target] = [new EventEmitter(), {}]
  wsClientOptions.finishRequest(handshake, target)
  t.strictSame(sent, [handshake, target])
  t.equal(wsClientOptions.handshakeTimeout, 7)
})

t.test('onConnect of the options: called when both sides stand, and the target of a closed client is closed', async t => {
  const route = { upstream: 'http://up.test', websocket: true }
  const rules = { pseudonym: 'gw', forwarded: true, consumed: new Set<string>(), identity: NO_IDENTITY }
  const seen: unknown[] = []
  for (const wsHooks of [undefined, { onConnect: (...all: unknown[]) => { seen.push(...all) } }]) {
    const options = webSocketOptions({ ...route, wsHooks } as never, rules) as { wsHooks: { onConnect: (context: unknown, source: object, target: object) => void } }
    let terminated = 0
    const target = { terminate () { terminated += 1 } }
    options.wsHooks.onConnect('context', { readyState: 3 }, target)
    t.equal(terminated, 1)
    options.wsHooks.onConnect('context', { readyState: 1 }, target)
    t.equal(terminated, 1)
    if (wsHooks !== undefined) t.strictSame(seen, ['context', { readyState: 1 }, target])
  }
})

t.test('a WebSocket that http-proxy takes: the log has scheme and authority of the upstream, its address, and no path unless asked', async t => {
  for (const logsPaths of [false, true]) {
    const target = await webSocketOrigin(t)
    const gate = await reverse(t, { upstream: `${target.url}/inner/`, websocket: true, wsClientOptions: {} } as never, { logsPaths })
    const client = webSocket(t, `${gate.url}/api/ws?q=1`, { headers: { 'Proxy-Authorization': PASS } })
    await next(client, 'open')
    client.send('ping')
    t.equal(String((await next(client, 'message'))[0]), 'ping')
    client.terminate()
    const [line] = await gate.proxied(1)
    t.match(line, { form: 'websocket', target: target.url, address: '127.0.0.1', path: logsPaths ? '/api/ws?q=1' : undefined })
    t.equal(/inner|q=1/.test(JSON.stringify(line)), logsPaths)
  }
})

const READ = { name: 'sockets', users: ['alice'], routes: ['/api'], forms: ['websocket'], methods: ['GET'], clients: ['127.0.0.1'], action: 'allow' } as const

/** Asks for a WebSocket that http-proxy serves, and that has to be permitted. */
async function permitted (t: Test, { permissions }: Permitting, authenticate?: (request: FastifyRequest) => Promise<void>) {
  const target = await webSocketOrigin(t)
  const gate = await reverse(t, { upstream: target.url, websocket: true, wsClientOptions: {} } as never, { permissions, ...(authenticate && { authenticate }) })
  const client = await RawClient.to(t, gate.port)
  return { ...gate, target, client: client.send(message('GET', '/api/ws', ASK)) }
}

t.test('rules that allow a WebSocket that http-proxy serves: it opens, has them in its line, and ends when they forbid it', async t => {
  for (const authorize of [undefined, async () => true, () => true]) {
    const rules = permitting([READ], authorize)
    const { client, exchanges, proxied } = await permitted(t, rules)
    t.match(await client.answer(), /^HTTP\/1.1 101 /)
    exchanges.recheck()
    t.equal(exchanges.size, 1)
    rules.change([])
    exchanges.recheck()
    await client.end()
    t.match(await proxied(1), [{ status: 101, reason: 'forbidden', groups: [], rule: 'sockets', decision: 'allow' }])
  }
})

t.test('rules or a function that refuse a WebSocket that http-proxy serves: the upstream is not asked, and there is one line', async t => {
  const refusing: Array<[Permitting, RegExp, object]> = [
    [permitting([]), /^HTTP\/1\.1 403 [^]*no rule allows it/, { status: 403, rule: null, decision: 'deny', denial: 'no rule allows it' }],
    [permitting([READ], () => 'not today'), /^HTTP\/1\.1 403 [^]*not today/, { status: 403, rule: 'sockets', decision: 'allow', denial: 'not today' }],
    [permitting([READ], async () => ({ status: 429, retryAfter: 2000 })), /^HTTP\/1\.1 429 [^]*retry-after: 2\r/i, { status: 429, denial: 'refused by a rule' }],
    [permitting([READ], async () => { throw new Error('canary') }), /^HTTP\/1\.1 500 /, { status: 500, reason: 'FST_PROXY_AUTH_CHECK_FAILED', denial: undefined }]
  ]
  for (const [rules, answer, line] of refusing) {
    const { client, exchanges, proxied, target } = await permitted(t, rules)
    const text = await client.end()
    t.match(text, answer)
    t.notMatch(text, /canary/)
    t.match(await proxied(1), [{ form: 'websocket', target: target.url, bytesIn: 0, bytesOut: 0, ...line }])
    t.equal(exchanges.size, 0)
    t.equal(target.seen.length, 0)
  }
})

t.test('a client without an address: rules about addresses of clients do not let its WebSocket through', async t => {
  const { client } = await permitted(t, permitting([READ]), async request => {
    request.proxyAuth = { user: {}, name: 'alice', info: null, scheme: 'Test', realm: 'r' }
    Object.defineProperty(request, 'ip', { value: undefined }) // as on a socket in the file system
  })
  t.match(await client.end(), /^HTTP\/1\.1 403 /)
})

/** Asks for a WebSocket that http-proxy serves, which limits hold. */
async function limited (t: Test, limiter: FakeLimiter, route: object = {}, permissions?: Permitting) {
  const target = await webSocketOrigin(t)
  const gate = await reverse(t, { upstream: target.url, websocket: true, wsClientOptions: {}, ...route } as never, { limiter, ...permissions })
  const sockets: Socket[] = []
  gate.app.server.on('connection', socket => sockets.push(socket))
  const client = webSocket(t, `${gate.url}/api/ws`, { headers: { 'Proxy-Authorization': PASS } })
  return { ...gate, target, client, sockets }
}

t.test('a limit that is reached by a WebSocket that http-proxy serves: 429, the upstream is not asked, and there is one line', async t => {
  const refuse = () => { throw new LimitReached(5000) }
  for (const verdict of [refuse, async () => refuse()]) {
    const { client, proxied, target, exchanges } = await limited(t, new FakeLimiter(undefined, verdict), {}, permitting([READ]))
    const [, response] = await next(client, 'unexpected-response') as [unknown, { statusCode: number, headers: object }]
    t.match(response, { statusCode: 429, headers: { 'retry-after': '5' } })
    t.match(await proxied(1), [{ status: 429, reason: 'FST_PROXY_AUTH_LIMIT_REACHED', bytesIn: 0 }])
    t.strictSame([exchanges.size, target.seen.length], [0, 0])
  }
})

t.test('a client that leaves, or whose user is revoked, while the limits are asked for its WebSocket: the upstream is not asked', async t => {
  for (const how of ['left', 'ended'] as const) {
    let letIn!: () => void
    const limiter = new FakeLimiter(undefined, async () => await new Promise<void>(resolve => { letIn = resolve }))
    const { sockets, proxied, target, exchanges } = await limited(t, limiter)
    await until(() => limiter.asked.length === 1)
    if (how === 'left') sockets[0]!.destroy()
    else exchanges.endById(limiter.asked[0]!.id)
    t.match(await proxied(1), [{ status: how === 'left' ? 499 : 403 }])
    letIn()
    await until(() => limiter.released === 1)
    t.strictSame([exchanges.size, target.seen.length], [0, 0])
  }
})

t.test('a client that has left when the limits refuse its WebSocket: there is one line', async t => {
  let refuse!: (failure: Error) => void
  const limiter = new FakeLimiter(undefined, async () => await new Promise<void>((_resolve, reject) => { refuse = reject }))
  const { sockets, proxied, exchanges } = await limited(t, limiter)
  await until(() => limiter.asked.length === 1)
  sockets[0]!.destroy()
  t.match(await proxied(1), [{ status: 499 }])
  refuse(new LimitReached(1))
  await new Promise(resolve => setImmediate(resolve))
  t.equal((await proxied(1)).length, 1)
  t.equal(exchanges.size, 0)
})

t.test('a WebSocket that http-proxy serves, ended by a limit, with octets that have no leave or without: it has one line, and gives back its place', async t => {
  for (const meter of [new GivenMeter(Infinity, 0), new GivenMeter(Infinity)]) {
    const limiter = new FakeLimiter(meter)
    const { client, proxied, exchanges } = await limited(t, limiter)
    await next(client, 'open')
    client.on('error', () => {})
    client.send('some text')
    await next(client, 'message')
    limiter.ends[0]!(new LimitReached(1))
    t.match(await proxied(1), [{ status: 101, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
    t.strictSame([exchanges.size, limiter.released], [0, 1])
  }
})

t.test('a WebSocket that http-proxy serves under limits: messages arrive as they were, both ways, and what has gone is asked for', async t => {
  for (const [meter, perMessageDeflate] of [[new FickleMeter(), false], [new FickleMeter(), true], [undefined, false]] as const) {
    const limiter = new FakeLimiter(meter)
    const hooked: unknown[] = []
    const { client, proxied } = await limited(t, limiter, { wsHooks: { onConnect: () => { hooked.push('onConnect') } }, wsServerOptions: { perMessageDeflate } })
    await next(client, 'open')
    const text = 'some text'.repeat(20_000)
    for (let i = 0; i < 5; i++) {
      client.send(text)
      t.equal(String((await next(client, 'message'))[0]), text)
    }
    t.strictSame(hooked, ['onConnect'])
    t.match(limiter.asked, [{ user: 'alice', kind: 'tunnel' }])
    if (meter === undefined) limiter.ends[0]!(new LimitReached(1))
    else client.terminate()
    const [line] = await proxied(1)
    t.match(line, { status: 101, reason: meter === undefined ? 'FST_PROXY_AUTH_LIMIT_REACHED' : undefined })
    t.equal(limiter.released, 1)
    if (meter === undefined) continue
    t.ok(meter.moved.down > 0)
    t.ok(meter.moved.up > 0 && meter.moved.up <= Number(line!['bytesIn']))
    if (!perMessageDeflate) t.ok(Math.min(meter.moved.up, meter.moved.down) >= 5 * text.length)
  }
})

t.test('a WebSocket that http-proxy serves, and that waits for leave: no more is read', async t => {
  for (const direction of ['up', 'down'] as const) {
    const meter = direction === 'up' ? new GivenMeter(0, Infinity) : new GivenMeter(Infinity, 0)
    const { client, target } = await limited(t, new FakeLimiter(meter))
    await next(client, 'open')
    await until(() => target.server.clients.size === 1)
    const [far] = [...target.server.clients]
    let got = 0
    const [sender, receiver] = direction === 'up' ? [client, far!] : [far!, client]
    receiver.on('message', () => { got += 1 })
    const count = 400
    for (let i = 0; i < count; i++) sender.send(Buffer.alloc(65_536))
    await until(() => meter.waiting[direction] !== undefined)
    await new Promise(resolve => setTimeout(resolve, 50))
    t.ok(got < count / 2, `${got} messages have gone`)
    meter.give(direction, Infinity)
    await until(() => got === count)
  }
})

t.test('a WebSocket that http-proxy connects anew, under limits: what the other upstream says is asked for as well', async t => {
  for (const own of [true, false]) {
    const hooked: string[] = []
    const wsHooks = { onConnect: () => { hooked.push('onConnect') }, ...(own && { onReconnect: () => { hooked.push('onReconnect') } }) }
    const meter = new FickleMeter()
    const wsReconnect = { pingInterval: 3000, reconnectInterval: 100, reconnectOnClose: true }
    const { client, target } = await limited(t, new FakeLimiter(meter), { wsHooks, wsReconnect })
    await next(client, 'open')
    client.send('a')
    await next(client, 'message')
    for (const socket of target.server.clients) socket.close(1001)
    await until(() => hooked.length === 2)
    t.strictSame(hooked, ['onConnect', own ? 'onReconnect' : 'onConnect'])
    const { down } = meter.moved
    client.send('b'.repeat(5_000))
    await next(client, 'message')
    await until(() => meter.moved.down >= down + 5_000)
  }
})

t.test('a WebSocket that http-proxy serves, and that ends with octets that have no leave yet: they count, unless a limit or the server ends that', async t => {
  for (const how of ['left', 'limit'] as const) {
    const meter = new GivenMeter(Infinity, 0)
    const limiter = new FakeLimiter(meter)
    const { client, proxied, exchanges } = await limited(t, limiter)
    await next(client, 'open')
    client.send('some text')
    await next(client, 'message')
    await until(() => meter.waiting.down !== undefined)
    client.terminate()
    await until(() => client.readyState === client.CLOSED)
    t.strictSame([exchanges.size, limiter.released], [1, 0])
    if (how === 'left') meter.give('down', Infinity)
    else {
      await new Promise(resolve => setTimeout(resolve, 50)) // its connection has closed here as well by then
      limiter.ends[0]!(new LimitReached(1))
    }
    t.match(await proxied(1), [{ status: 101, reason: how === 'left' ? undefined : 'FST_PROXY_AUTH_LIMIT_REACHED' }])
    t.strictSame([exchanges.size, limiter.released], [0, 1])
  }
})
