import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { LimitReached } from '../../../lib/errors.js'
import { FakeLimiter, FickleMeter, GivenMeter } from '../../fixtures/meters.js'
import { listen, origin } from '../../fixtures/origin.js'
import { permitting } from '../../fixtures/permitting.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'
import { rawServer } from '../../fixtures/raw-server.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { until } from '../../fixtures/until.js'

t.test('a response of the upstream: head, content and trailers go on as they were sent (R-FWD-4, R-TRL-8)', async t => {
  const upstream = await origin(t, (_request, response) => {
    response.sendDate = false
    response.writeHead(299, 'Quite', ['X-Mixed', '\xe9', 'Trailer', 'X-T', 'x-mixed', '2', 'Connection', 'close, X-Hop', 'X-Hop', '1'])
    response.write('con')
    response.addTrailers([['X-T', 'a'], ['X-T', 'b'], ['Proxy-Support', 'x']])
    response.end('tent')
  })
  const { port } = await reverse(t, { upstream: upstream.url })
  const client = await RawClient.to(t, port)
  const text = await client.send(message('GET', '/api', { Connection: 'keep-alive' })).until(text => text.includes('\r\n0\r\n') && text.endsWith('\r\n\r\n'))
  const date = /\r\nDate: ([^\r]*)\r\n/.exec(text)?.[1]
  t.ok(Math.abs(Date.parse(date!) - Date.now()) < 10_000, 'Date is added where it was missing')
  const [head, ...rest] = text.replace(date!, 'now').split('\r\n\r\n')
  t.equal(head, [
    'HTTP/1.1 299 Quite', 'X-Mixed: \xe9', 'Trailer: X-T', 'x-mixed: 2', 'Via: 1.1 gw', 'Proxy-Authentication-Info: nextnonce="n"',
    'Date: now', 'Connection: keep-alive', 'Keep-Alive: timeout=72', 'Transfer-Encoding: chunked'
  ].join('\r\n'))
  // Since 26.9 node makes one chunk of what is written in one tick (F-73).
  t.match(rest.join('\r\n\r\n'), /^(3\r\ncon\r\n4\r\ntent|7\r\ncontent)\r\n0\r\nX-T: a\r\nX-T: b\r\n\r\n$/)
})

t.test('a response that cannot have trailers: it goes out without Trailer (R-TRL-8)', async t => {
  const upstream = await origin(t, (request, response) => {
    response.writeHead(request.url === '/none' ? 204 : 200, request.url === '/length' ? { 'Content-Length': 0 } : {})
    response.end()
  })
  const { port } = await reverse(t, { upstream: upstream.url, replyOptions: { rewriteHeaders: headers => ({ ...headers, trailer: 'X-T' }) } })
  const asked = [
    message('HEAD', '/api/head'), message('GET', '/api/none'), message('GET', '/api/length'),
    message('GET', '/api/old').replace('HTTP/1.1', 'HTTP/1.0')
  ]
  for (const text of asked) {
    const client = await RawClient.to(t, port)
    const answer = await client.send(text).end()
    t.match(answer, /^HTTP\/1.1 20[04] /)
    t.notMatch(answer, /trailer/i)
  }
})

t.test('a client that cannot take trailers: it gets none (R-TRL-8)', async t => {
  const upstream = await origin(t, (_request, response) => {
    response.writeHead(200, { Trailer: 'X-T' })
    response.addTrailers({ 'X-T': '1' })
    response.end('x')
  })
  const { port } = await reverse(t, { upstream: upstream.url })
  const client = await RawClient.to(t, port)
  const answer = await client.send(message('GET', '/api').replace('HTTP/1.1', 'HTTP/1.0')).end()
  t.match(answer, /\r\n\r\nx$/)
})

t.test('a slow client: the upstream is slowed down', async t => {
  let sent = 0
  const size = 64 * 1024
  const upstream = await origin(t, (_request, response) => {
    const body = new Readable({ read () { sent < 400 * size ? this.push(Buffer.alloc(size)) : this.push(null); sent += size } })
    body.pipe(response)
  })
  const { port, proxied } = await reverse(t, { upstream: upstream.url })
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(message('GET', '/api'))
  const stalled = async (): Promise<number> => {
    for (let before = -1; ;) {
      await new Promise(resolve => setImmediate(resolve))
      const connected = upstream.seen.length === 1
      if (connected && sent === before) return sent
      before = connected ? sent : -1
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  t.ok(await stalled() < 400 * size, 'the rest waits')
  client.socket.resume()
  await client.end()
  t.equal((await proxied(1))[0]?.['bytesOut'], 400 * size)
})

t.test('a response that breaks off: the connection of the client is cut', async t => {
  for (const undici of [undefined, false]) {
    const upstream = await origin(t, (_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('half', () => response.destroy())
    })
    const { port, proxied } = await reverse(t, { upstream: upstream.url, undici } as never)
    const client = await RawClient.to(t, port)
    const answer = await client.send(message('GET', '/api', { Connection: 'keep-alive' })).end()
    t.match(answer, /\r\n\r\nhalf$/)
    t.match(await proxied(1), [{ status: 200, bytesOut: 4, reason: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' }])
  }
})

t.test('a 407 of the upstream, with each client: it becomes a 502 (R-CHAIN-6)', async t => {
  const upstream = await origin(t, (_request, response) => {
    response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="theirs"', 'X-Theirs': '1' })
    response.end('theirs')
  })
  for (const settings of [{}, { undici: false }]) {
    const { url } = await reverse(t, { upstream: upstream.url, ...settings } as never)
    const answer = await fetch(`${url}/api`, { headers: { 'proxy-authorization': 'Test let-me-in' } })
    t.equal(answer.status, 502)
    t.equal(answer.headers.get('proxy-authenticate'), null)
    t.equal(answer.headers.get('x-theirs'), null)
    t.match(answer.headers.get('proxy-status'), /received-status=407/)
    t.match(await answer.json(), { code: 'FST_PROXY_AUTH_UPSTREAM_CHALLENGED' })
  }
})

t.test('a client of the options that gives fields as a record only: the response goes on, without Trailer (R-TRL-8)', async t => {
  const undici = {
    request (_options: unknown, done: (error: null, answer: object) => void) {
      done(null, { statusCode: 200, headers: { 'x-a': '1', trailer: 'X-T' }, body: Readable.from(['body']) })
    }
  }
  const { port } = await reverse(t, { upstream: 'http://up.test', undici } as never)
  const client = await RawClient.to(t, port)
  const answer = await client.send(message('GET', '/api')).end()
  t.match(answer, /^HTTP\/1.1 200 OK\r\nx-a: 1\r\nVia: 1.1 gw\r\n/)
  t.match(answer, /\r\n4\r\nbody\r\n0\r\n\r\n$/)
  t.notMatch(answer, /trailer/i)
})

t.test('trailers that cannot be written: the response is cut, and the upstream is at fault', async t => {
  const undici = {
    request (_options: unknown, done: (error: null, answer: object) => void) {
      const body = Object.assign(Readable.from(['body']), { rawHeaders: [], rawTrailers: ['x-t', 'a\0b'] })
      done(null, { statusCode: 200, headers: {}, body })
    }
  }
  const { port, proxied } = await reverse(t, { upstream: 'http://up.test', undici } as never)
  const client = await RawClient.to(t, port)
  t.notMatch(await client.send(message('GET', '/api')).end(), /\r\n0\r\n/)
  t.match(await proxied(1), [{ status: 200, reason: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' }])
})

/** All that a client gets of an upstream that answers with those octets. */
async function got (t: Test, octets: string, { method = 'GET', ...route }: { method?: string, undici?: boolean } = {}): Promise<string> {
  const upstream = await rawServer(t, socket => socket.write(octets, 'latin1'))
  const { port } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}`, ...route } as never)
  const client = await RawClient.to(t, port)
  return await client.send(message(method, '/api')).end()
}

t.test('responses without content: Content-Length stays in a 304 and for HEAD, and a 204 has none', async t => {
  for (const route of [{}, { undici: false }]) {
    const notModified = await got(t, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nTrailer: X-T\r\n\r\n', route)
    t.match(notModified, /^HTTP\/1.1 304 Not Modified\r\nContent-Length: 5\r\n/)
    t.notMatch(notModified, /trailer/i)
    t.notMatch(await got(t, 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', route), /content-length/i)
    t.match(await got(t, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { ...route, method: 'HEAD' }), /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n/)
  }
})

t.test('a reason phrase and fields beyond ASCII: they stay as they came', async t => {
  for (const route of [{}, { undici: false }]) {
    const text = await got(t, 'HTTP/1.1 200 \xc3\x87a va\r\nX-A: \xe9\r\nContent-Length: 0\r\n\r\n', route)
    t.match(text, /^HTTP\/1.1 200 \xc3\x87a va\r\nX-A: \xe9\r\n/)
  }
})

t.test('a reason phrase for an HTTP/2 client: it is dropped without a warning', async t => {
  const upstream = await origin(t, (_request, response) => { response.writeHead(200, 'Fine').end() })
  const { port } = await reverse(t, { upstream: upstream.url }, { fastify: { http2: true } as never })
  const warnings: Error[] = []
  const keep = (warning: Error) => warnings.push(warning)
  process.on('warning', keep)
  t.teardown(() => process.off('warning', keep))
  const session = connect(`http://127.0.0.1:${port}`)
  const [head] = await once(session.request({ ':path': '/api', 'proxy-authorization': PASS }).resume(), 'response')
  session.destroy()
  t.equal(head[':status'], 200)
  t.same(warnings, [])
})

t.test('a trailer field that Connection names: it ends here (R-HOP-1)', async t => {
  const text = await got(t, 'HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Hop: 1\r\nX-T: 1\r\n\r\n')
  t.match(text, /\r\n0\r\nX-T: 1\r\n\r\n$/)
})

t.test('the head of an event stream: it does not wait for the first event', async t => {
  const upstream = await rawServer(t, socket => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'))
  const { port } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}` })
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', '/api')).until(text => text.includes('\r\n\r\n')), /event-stream/)
})

t.test('a client that reads nothing: it is cut off after bodyTimeout', async t => {
  const upstream = await origin(t, (_request, response) => response.end(Buffer.alloc(50_000_000)))
  const { port, proxied } = await reverse(t, { upstream: upstream.url, undici: { bodyTimeout: 500 } })
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(message('GET', '/api'))
  t.match(await proxied(1), [{ status: 200, reason: 'idle' }])
})

t.test('a bodyTimeout of 0: the client is not cut off', async t => {
  const upstream = await origin(t, (_request, response) => response.end(Buffer.alloc(5_000_000)))
  const { port, proxied } = await reverse(t, { upstream: upstream.url, undici: { bodyTimeout: 0 } })
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api'))
  t.match(await proxied(1), [{ bytesOut: 5_000_000, reason: undefined }])
})

t.test('an exchange after a 101: it is over when both sides have ended, or when it is ended (R-UPG-3)', async t => {
  const target = await rawOrigin(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
    socket.on('end', () => socket.end())
  })
  const { port, exchanges, proxied } = await reverse(t, { upstream: target.url, websocket: true } as never)
  for (const end of ['client', 'closing'] as const) {
    const client = await RawClient.to(t, port)
    client.send(message('GET', '/api/ws', { Connection: 'Upgrade', Upgrade: 'websocket' }))
    t.match(await client.until(text => text.endsWith('hello')), /^HTTP\/1.1 101 /)
    t.equal(exchanges.size, 1)
    if (end === 'client') client.send('abc').socket.end()
    else await exchanges.drain(0)
    await client.end()
    const lines = await proxied(end === 'client' ? 1 : 2)
    t.match(lines.at(-1), { status: 101, bytesIn: end === 'client' ? 3 : 0, bytesOut: 5, reason: end === 'client' ? undefined : 'closing' })
    t.equal(exchanges.size, 0)
  }
})

t.test('the form and the path of a request: the line has them, the path as the client sent it and only where it is asked for', async t => {
  const upstream = await origin(t)
  for (const logsPaths of [false, true]) {
    const { port, proxied } = await reverse(t, { upstream: upstream.url, websocket: true } as never, { logsPaths })
    for (const fields of [{}, { Connection: 'upgrade', Upgrade: 'websocket' }] as Array<Record<string, string>>) {
      const client = await RawClient.to(t, port)
      t.match(await client.send(message('GET', '/api/a?b', fields)).answer(), /^HTTP\/1\.1 200 /)
      client.socket.destroy()
    }
    const path = logsPaths ? '/api/a?b' : undefined
    t.match(await proxied(2), [{ form: 'reverse', target: upstream.url, path, address: '127.0.0.1' }, { form: 'websocket', path }])
  }
})

/** Lets alice in from nowhere, as on a socket in the file system. */
async function fromNowhere (request: FastifyRequest): Promise<void> {
  request.proxyAuth = { user: {}, name: 'alice', info: null, scheme: 'Test', realm: 'r' }
  Object.defineProperty(request, 'ip', { value: undefined })
}

t.test('rules: they are asked about route, method and the path that the upstream gets, and its line has what they say', async t => {
  const upstream = await origin(t)
  const seen: unknown[] = []
  const { permissions } = permitting([
    { name: 'read', users: ['alice'], routes: ['/api'], methods: ['GET'], paths: ['/inner/a'], clients: ['127.0.0.1'], forms: ['reverse'], action: 'allow' }
  ], async ({ identity, ...request }) => { seen.push(request); return request.path !== '/inner/a/closed' || { status: 429, reason: 'later', retryAfter: 1000 } })
  const { url, proxied } = await reverse(t, { upstream: upstream.url, rewritePrefix: '/inner' }, { permissions })
  const ask = async (path: string, method = 'GET') => await fetch(`${url}/api${path}`, { method, headers: { 'proxy-authorization': PASS } })
  t.equal((await ask('/a?b')).status, 200)
  t.equal((await ask('/b')).status, 403)
  t.equal((await ask('/a', 'DELETE')).status, 403)
  const later = await ask('/a/closed')
  t.match([later.status, later.headers.get('retry-after')], [429, '1'])
  t.strictSame(upstream.seen.map(({ url }) => url), ['/inner/a?b'])
  t.match(seen, [{ form: 'reverse', route: '/api', method: 'GET', path: '/inner/a', client: '127.0.0.1' }, { path: '/inner/a/closed' }])
  const permitted = { groups: [], rule: 'read', decision: 'allow', wouldDeny: false }
  const refused = { rule: null, decision: 'deny', denial: 'no rule allows it', status: 403 }
  t.match(await proxied(4), [{ ...permitted, status: 200 }, refused, refused, { ...permitted, status: 429, denial: 'later' }])
})

t.test('a client without an address: rules about addresses of clients do not let it through', async t => {
  const upstream = await origin(t)
  const { permissions } = permitting([{ clients: ['0.0.0.0/0', '::/0'], methods: ['GET'], action: 'allow' }, { methods: ['HEAD'], action: 'allow' }])
  const { url } = await reverse(t, { upstream: upstream.url }, { permissions, authenticate: fromNowhere })
  t.equal((await fetch(`${url}/api`)).status, 403)
  t.equal((await fetch(`${url}/api`, { method: 'HEAD' })).status, 200)
})

t.test('rules that change: a response under way that they forbid ends', async t => {
  const upstream = await origin(t, (_request, response) => { response.write('begun') })
  const { permissions, change } = permitting([{ name: 'all', routes: ['/api'], action: 'allow' }])
  const { port, exchanges, proxied } = await reverse(t, { upstream: upstream.url }, { permissions })
  const client = await RawClient.to(t, port)
  await client.send(message('GET', '/api')).until(text => text.includes('begun'))
  exchanges.recheck()
  t.equal(exchanges.size, 1)
  change([])
  exchanges.recheck()
  await client.end()
  t.match(await proxied(1), [{ status: 200, reason: 'forbidden', rule: 'all' }])
})

/** The URL of an upstream that sends back what it gets. */
async function echoing (t: Test, answer: (response: ServerResponse) => void = () => {}): Promise<string> {
  return `http://127.0.0.1:${await listen(t, createServer((incoming, response) => {
    answer(response)
    response.setHeader('content-length', incoming.headers['content-length'] ?? 0)
    incoming.pipe(response)
  }))}`
}

t.test('content that is metered, both ways and with each client: it arrives as it was, and the line counts it', async t => {
  const body = 'some text'.repeat(40_000)
  const onResponse = (_request: unknown, reply: { send (payload: unknown): void }, response: { stream: Readable }) => { reply.send(response.stream) }
  for (const route of [{}, { http: true }, { replyOptions: { onResponse } }]) {
    const meter = new FickleMeter()
    const limiter = new FakeLimiter(meter)
    const { port, proxied } = await reverse(t, { upstream: await echoing(t), ...route } as never, { limiter })
    const client = await RawClient.to(t, port)
    const text = await client.send(message('PUT', '/api', { 'Content-Length': String(body.length), 'Content-Type': 'text/x' }, body)).end()
    t.equal(readAnswer(text).body.length, body.length)
    t.match(await proxied(1), [{ status: 200, bytesIn: body.length, bytesOut: body.length }])
    t.strictSame(meter.moved, { up: body.length, down: body.length })
    t.match(limiter.asked, [{ user: 'alice', kind: 'request' }])
    await until(() => limiter.released === 1)
  }
})

t.test('content that Fastify has parsed: it waits for leave for all of it, once however often it is sent', async t => {
  let asked = 0
  const upstream = await echoing(t, response => {
    asked += 1
    response.statusCode = asked < 3 ? 503 : 200
  })
  const meter = new GivenMeter(3, Infinity)
  const limiter = new FakeLimiter(meter)
  const retryDelay = ({ res, attempt }: { res?: { statusCode: number }, attempt: number }) => res?.statusCode === 503 && attempt < 5 ? 1 : null
  const { port } = await reverse(t, { upstream, proxyPayloads: false, preValidation: (_request: unknown, _reply: unknown, done: () => void) => done(), replyOptions: { retryDelay } } as never, { limiter })
  const client = await RawClient.to(t, port)
  client.send(message('POST', '/api', { 'Content-Length': '7', 'Content-Type': 'application/json' }, '{"a":1}'))
  await until(() => meter.waiting.up !== undefined)
  t.equal(asked, 0)
  meter.give('up', 4)
  t.equal(readAnswer(await client.end()).body, '{"a":1}')
  t.strictSame([asked, meter.moved.up, limiter.asked.length], [3, 7, 1])
})

t.test('a client that leaves while its content, or it itself, waits for the limits: the upstream is not asked', async t => {
  const upstream = await origin(t)
  let letIn = () => {}
  for (const [meter, verdict] of [[new GivenMeter(), undefined], [undefined, async () => await new Promise<void>(resolve => { letIn = resolve })]] as const) {
    const limiter = new FakeLimiter(meter, verdict)
    const { port, proxied } = await reverse(t, { upstream: upstream.url, proxyPayloads: false, preValidation: (_request: unknown, _reply: unknown, done: () => void) => done() } as never, { limiter })
    const client = await RawClient.to(t, port)
    client.send(message('POST', '/api', { 'Content-Length': '7', 'Content-Type': 'application/json' }, '{"a":1}'))
    await until(() => limiter.asked.length === 1)
    client.socket.destroy()
    t.match(await proxied(1), [{ status: 499 }])
    letIn()
    await until(() => limiter.released === 1)
    t.strictSame(upstream.seen, [])
  }
})

t.test('a limit that is reached, at once or later, with rules or without: 429, and the upstream is not asked', async t => {
  const upstream = await origin(t)
  const refuse = () => { throw new LimitReached(5000) }
  for (const permissions of [undefined, permitting([{ name: 'r', action: 'allow' }]).permissions]) {
    for (const verdict of [refuse, async () => refuse()]) {
      const limiter = new FakeLimiter(undefined, verdict)
      const { port, proxied } = await reverse(t, { upstream: upstream.url }, { limiter, permissions: permissions! })
      const client = await RawClient.to(t, port)
      t.match(readAnswer(await client.send(message('GET', '/api')).end()), { status: 429, fields: { 'retry-after': '5' } })
      t.match(await proxied(1), [{ status: 429, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
      t.equal(limiter.asked[0]!.rule, permissions === undefined ? null : 'r')
    }
  }
  t.strictSame(upstream.seen, [])
})

t.test('another protocol that is metered: octets arrive as they were, and a limit ends it', async t => {
  const upstream = await rawServer(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  const meter = new FickleMeter()
  const limiter = new FakeLimiter(meter)
  const { port, proxied } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}`, websocket: true } as never, { limiter })
  const client = await RawClient.to(t, port)
  const body = 'some text'.repeat(40_000)
  await client.send(message('GET', '/api/ws', { Connection: 'Upgrade', Upgrade: 'websocket' })).answer()
  await client.send(body).until(text => text.length === body.length)
  t.equal(client.text, body)
  limiter.ends[0]!(new LimitReached(1))
  t.match(await proxied(1), [{ status: 101, bytesIn: body.length, bytesOut: body.length, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
  t.match(limiter.asked, [{ kind: 'tunnel' }])
})
