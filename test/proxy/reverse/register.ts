import { METHODS } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { readParents } from '../../../lib/policy/parent/read-parents.js'
import { IdentityField } from '../../../lib/proxy/message/identity-field.js'
import type { HttpProxyRoute } from '../../../lib/proxy/reverse/route.js'
import { fakeParent, tunnelling } from '../../fixtures/fake-parent.js'
import { origin } from '../../fixtures/origin.js'
import { permitting } from '../../fixtures/permitting.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { webSocketOrigin } from '../../fixtures/web-sockets.js'

/** The whole answer to one message, with `Connection: close`. */
async function answer (t: Test, port: number, text: string): Promise<string> {
  const client = await RawClient.to(t, port)
  return await client.send(text).end()
}

const WEB_SOCKET = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' }

const statusOf = (text: string): number => Number(text.slice(9, 12))

t.test('wrong credentials: refused before the upstream is contacted (R-407-11)', async t => {
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const upstream = await origin(t)
    const { port } = await reverse(t, { upstream: upstream.url }, { hook })
    const text = await answer(t, port, message('POST', '/api', { 'Proxy-Authorization': 'Test no', 'Content-Length': '4' }, 'body'))
    t.equal(statusOf(text), 407)
    t.match(text, /\r\nproxy-authenticate: Test\r\n/i)
    t.equal(upstream.connections, 0)
  }
})

t.test('credentials that were not asked for: they are accepted (R-GW-5)', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  t.equal(statusOf(await answer(t, port, message('GET', '/api'))), 200)
})

t.test('proxy credentials on a route that needs none: they are not forwarded (R-CHAIN-4)', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url }, { authenticate: async () => {} })
  t.equal(statusOf(await answer(t, port, message('GET', '/api', { Authorization: 'Bearer a' }))), 200)
  t.match(upstream.seen[0]!.headers, { authorization: 'Bearer a', 'proxy-authorization': undefined })
})

t.test('a gate with status 401: both credentials end here, and a 401 of the upstream goes on', async t => {
  const upstream = await origin(t, (_request, response) => { response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="theirs"' }).end() })
  const { port } = await reverse(t, { upstream: upstream.url, status: 401 }, { authenticate: async () => {} })
  const text = await answer(t, port, message('GET', '/api', { Authorization: 'Basic ours', Cookie: 'a=1' }))
  t.equal(statusOf(text), 401)
  t.match(text, 'WWW-Authenticate: Basic realm="theirs"')
  t.match(upstream.seen[0]!.headers, { cookie: 'a=1', authorization: undefined, 'proxy-authorization': undefined })
})

t.test('an identity that cannot be sent to the upstream: 500, and the upstream is not contacted', async t => {
  const upstream = await origin(t)
  const own = new IdentityField({ header: 'x-user', value: () => 'a\nb' }, 'identity')
  const { port } = await reverse(t, { upstream: upstream.url }, { identity: { own, all: [own] } })
  t.match(await answer(t, port, message('GET', '/api')), /^HTTP\/1\.1 500 [^]*FST_PROXY_AUTH_IDENTITY_FAILED/)
  t.equal(upstream.connections, 0)
})

t.test('a WebSocket without further options: it passes through, and http-proxy does not take it', async t => {
  const target = await webSocketOrigin(t)
  const { port } = await reverse(t, { upstream: target.url, websocket: true } as never)
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api/ws', WEB_SOCKET))
  t.match(await client.answer(), /^HTTP\/1\.1 101 [^]*\r\nvia: 1\.1 gw\r\n/i)
})

t.test('a WebSocket with options of http-proxy: http-proxy takes it, and it counts among the exchanges', async t => {
  const target = await webSocketOrigin(t)
  const { port, exchanges } = await reverse(t, { upstream: target.url, websocket: true, wsClientOptions: {} } as never)
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api/ws', WEB_SOCKET))
  t.match(await client.answer(), /^HTTP\/1\.1 101 [^]*\r\nProxy-Authentication-Info: /)
  t.equal(exchanges.size, 1)
})

t.test('every method that node parses: it passes the gate', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  for (const method of METHODS.filter(method => method !== 'CONNECT')) {
    t.equal(statusOf(await answer(t, port, message(method, '/api'))), 200, method)
    t.equal(upstream.seen.pop()!.method, method)
  }
})

t.test('httpMethods in the options: only these methods are accepted', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url, httpMethods: ['GET', 'PROPFIND'] })
  t.equal(statusOf(await answer(t, port, message('PROPFIND', '/api'))), 200)
  t.equal(statusOf(await answer(t, port, message('POST', '/api'))), 404)
})

t.test('content that was read for the verdict, with any client towards the upstream: it arrives all the same (R-DIG-45)', async t => {
  for (const options of [{}, { http: {} }]) {
    const upstream = await origin(t)
    const { port } = await reverse(t, { upstream: upstream.url, ...options }, {
      authenticate: async request => { request.body = Readable.from([await buffer(request.raw)]) }
    })
    t.equal(statusOf(await answer(t, port, message('PUT', '/api', { 'Content-Length': '4' }, 'body'))), 200)
    t.equal(String(upstream.seen[0]!.body), 'body')
  }
})

t.test('a stream from a parser of the application: @fastify/reply-from sends it', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url, proxyPayloads: false }, {
    before: app => app.addContentTypeParser('text/x-stream', (_request, payload, done) => done(null, Readable.from(payload)))
  })
  t.equal(statusOf(await answer(t, port, message('PUT', '/api', { 'Content-Type': 'text/x-stream', 'Content-Length': '4' }, 'body'))), 200)
  t.equal(String(upstream.seen[0]!.body), 'body')
})

t.test('own routes of the application: they take no more methods than before', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url }, { before: app => app.all('/own', async () => 'own') })
  t.equal(statusOf(await answer(t, port, message('GET', '/own'))), 200)
  t.equal(statusOf(await answer(t, port, message('PROPFIND', '/own'))), 404)
})

t.test('content of any type, or of none: it goes on unparsed', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  for (const type of ['odd/', 'application/json', 'application/xml', '', ';;', 'multipart/form-data']) {
    t.equal(statusOf(await answer(t, port, message('POST', '/api', { 'Content-Type': type, 'Content-Length': '4' }, '{ "a'))), 200, type)
    t.match(upstream.seen.pop(), { body: Buffer.from('{ "a'), headers: { 'content-type': type } })
  }
})

t.test('hooks that prepare for parsing: they touch the content only where it is to be parsed', async t => {
  const upstream = await origin(t)
  const before = (app: FastifyInstance) => app.addHook('onRoute', route => {
    route.preParsing = async (_request, _reply, payload) => payload.pipe(createGzip())
  })
  const text = message('POST', '/api', { 'Content-Type': 'text/plain', 'Content-Length': '4' }, 'body')
  const { port } = await reverse(t, { upstream: upstream.url }, { before })
  t.equal(statusOf(await answer(t, port, text)), 200)
  t.equal(String(upstream.seen.pop()!.body), 'body')
  const parsing = await reverse(t, { upstream: upstream.url, proxyPayloads: false }, { before })
  t.not(statusOf(await answer(t, parsing.port, text)), 200)
})

t.test('preValidation in the options: bodies are parsed, as in @fastify/http-proxy', async t => {
  const upstream = await origin(t)
  const bodies: unknown[] = []
  const { port } = await reverse(t, { upstream: upstream.url, preValidation: (request, _reply, done) => { bodies.push(request.body); done() } })
  await answer(t, port, message('POST', '/api', { 'Content-Type': 'application/json', 'Content-Length': '7' }, '{"a":1}'))
  t.same(bodies, [{ a: 1 }])
  t.equal(String(upstream.seen[0]!.body), '{"a":1}')
})

t.test('an upstream client other than undici: it gets the content too', async t => {
  const upstream = await origin(t)
  const { port, proxied } = await reverse(t, { upstream: upstream.url, undici: false } as never)
  for (const [fields, body] of [[{ 'Content-Length': '4' }, 'body'], [{ 'Transfer-Encoding': 'chunked' }, '4\r\nbody\r\n0\r\n\r\n']] as const) {
    t.equal(statusOf(await answer(t, port, message('POST', '/api', { 'Content-Type': 'odd/', ...fields }, body))), 200)
    t.equal(String(upstream.seen.pop()!.body), 'body')
  }
  for (const method of ['POST', 'GET', 'HEAD']) t.equal(statusOf(await answer(t, port, message(method, '/api'))), 200)
  t.match((await proxied(5)).map(({ bytesIn }) => bytesIn), [4, 4, 0, 0, 0])
})

t.test('config of a route: it names the kind of proxy, beside what the options say', async t => {
  const upstream = await origin(t)
  const seen: unknown[] = []
  const { port } = await reverse(t, { upstream: upstream.url, config: { theirs: 1 } }, {
    before: app => app.addHook('onRequest', async ({ routeOptions }) => { seen.push(routeOptions.config) })
  })
  await answer(t, port, message('GET', '/api/x'))
  t.match(seen, [{ proxy: 'reverse', theirs: 1 }])
})

t.test('a request that has passed here before: refused as a loop (R-VIA-4)', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  for (const via of ['1.1 gw', '1.1 other, 1.0 GW (x)', ['1.1 a', '2.0 gw']]) {
    const text = await answer(t, port, message('GET', '/api', { Via: via }))
    t.equal(statusOf(text), 502)
    t.match(text, /Proxy-Status: gw; error=proxy_loop_detected/)
  }
  t.equal(upstream.connections, 0)
  t.equal(statusOf(await answer(t, port, message('GET', '/api', { Via: '1.1 gw2 (gw)' }))), 200)
})

t.test('userinfo in Host: refused, and in no line of the log (R-SEC-1, R-TGT-7)', async t => {
  const upstream = await origin(t)
  const { port, log } = await reverse(t, { upstream: upstream.url })
  const text = await answer(t, port, message('GET', '/api/x', { Host: 'alice:canary@gw.test' }))
  t.match(text, /^HTTP\/1\.1 400 [^]*FST_PROXY_AUTH_BAD_REQUEST/)
  t.match(log.find(({ msg }) => msg === 'incoming request'), { req: { host: 'gw.test' } })
  t.equal(JSON.stringify([text, log]).includes('canary'), false)
  t.equal(upstream.connections, 0)
})

t.test('Max-Forwards of TRACE and OPTIONS: 0 is served here, other values are counted down (R-MAXF-1, R-MAXF-2, R-MAXF-4)', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  t.equal(statusOf(await answer(t, port, message('OPTIONS', '/api', { 'Max-Forwards': '0' }))), 200)
  const trace = await answer(t, port, message('TRACE', '/api/x?y', { 'Max-Forwards': '0', Cookie: 'secret', Authorization: 'secret', 'X-A': '1' }))
  t.match(trace, /\r\ncontent-type: message\/http\r\n/i)
  t.match(trace, /\r\n\r\nTRACE \/api\/x\?y HTTP\/1.1\r\n[^]*X-A: 1\r\n/)
  t.notMatch(trace, /secret|let-me-in/)
  t.equal(upstream.connections, 0)
  await answer(t, port, message('OPTIONS', '/api', { 'Max-Forwards': '1' }))
  t.equal(upstream.seen[0]!.headers['max-forwards'], '0')
  await answer(t, port, message('GET', '/api', { 'Max-Forwards': '0' }))
  t.equal(upstream.seen[1]!.headers['max-forwards'], '0', 'of TRACE and OPTIONS only')
})

t.test('a 503 of the upstream: the request is repeated only where the options ask for it (R-FWD-3)', async t => {
  const asked = async (route: Partial<HttpProxyRoute>): Promise<number> => {
    const upstream = await origin(t, (_request, response) => { response.writeHead(503, { 'Retry-After': '1' }).end() })
    const { port } = await reverse(t, { upstream: upstream.url, ...route } as never)
    t.equal(statusOf(await answer(t, port, message('GET', '/api'))), 503)
    return upstream.seen.length
  }
  t.equal(await asked({}), 1)
  t.equal(await asked({ maxRetriesOn503: 0 }), 1)
  t.equal(await asked({ replyOptions: { retryDelay: ({ attempt }) => attempt < 2 ? 1 : null } }), 3)
  t.equal(await asked({ retryMethods: ['GET'], replyOptions: { maxRetriesOn503: 2 } as object }), 3)
  t.equal(await asked({ maxRetriesOn503: 2, replyOptions: { maxRetriesOn503: 2 } as object }), 3)
  t.equal(await asked({ replyOptions: { retriesCount: 1 } }), 1, 'which is for connections that fail')
})

t.test('requests that no hop may pass on: they are refused', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url })
  t.equal(statusOf(await answer(t, port, message('GET', `${upstream.url}/api`))), 400, 'another host\'s path (R-TGT-11, R-NODE-8)')
  t.equal(statusOf(await answer(t, port, message('GET', '/api', { Host: 'a b' }))), 400)
  t.match(await answer(t, port, message('POST', '/api', { 'Transfer-Encoding': 'gzip, chunked' }, '0\r\n\r\n')), /^HTTP\/1.1 400 [^]*\r\nconnection: close\r\n/i)
  t.equal(upstream.connections, 0)
})

t.test('a client that expects a 100: none with a refusal, and one when the upstream takes the content (R-EXP-1)', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url }, { before: app => app.post('/own', async () => 'own') })
  const fields = { Expect: '100-continue', 'Content-Length': '4' }
  t.equal(statusOf(await answer(t, port, message('POST', '/api', { ...fields, 'Proxy-Authorization': 'Test no' }))), 407)
  const client = await RawClient.to(t, port)
  t.equal(await client.send(message('POST', '/api', fields)).until(text => text.includes('\r\n\r\n')), 'HTTP/1.1 100 Continue\r\n\r\n')
  t.match(await client.send('body').end(), /HTTP\/1.1 200 OK/)
  t.match(upstream.seen, [{ body: Buffer.from('body'), headers: { expect: undefined } }])
  t.match(await (await RawClient.to(t, port)).send(message('POST', '/own', fields)).until(text => text.includes('\r\n\r\n')), /100 Continue/, 'an own route as ever')
})

t.test('a request that was served: one line in the log, without path or credentials', async t => {
  const upstream = await origin(t)
  const { port, log, proxied } = await reverse(t, { upstream: upstream.url })
  await answer(t, port, message('POST', '/api/path?query', { 'Content-Length': '4', Authorization: 'secret' }, 'body'))
  t.match(await proxied(1), [{ user: 'alice', scheme: 'Test', method: 'POST', target: upstream.url, status: 200, bytesIn: 4, bytesOut: 6 }])
  t.notMatch(JSON.stringify(await proxied(1)), /path|query/)
  t.notMatch(JSON.stringify(log), /let-me-in|secret/)
})

t.test('a server that stops: it waits for exchanges under way, then ends them', async t => {
  const upstream = await origin(t, () => { started() })
  let started = (): void => {}
  const under = new Promise<void>(resolve => { started = resolve })
  const { port, app, exchanges, proxied } = await reverse(t, { upstream: upstream.url }, { before: app => { app.addHook('preClose', () => exchanges.drain(1)) } })
  const text = answer(t, port, message('GET', '/api'))
  await under
  t.equal(exchanges.size, 1)
  await app.close()
  t.equal(await text, '')
  t.match(await proxied(1), [{ status: 503, reason: 'FST_PROXY_AUTH_CLOSING' }])
})

t.test('options that were given: they stay unchanged', async t => {
  const upstream = await origin(t)
  const freeze = <T extends object>(value: T): T => {
    for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) freeze(each)
    return Object.freeze(value)
  }
  const route = freeze({ upstream: upstream.url, undici: { tls: {}, connections: 2 }, http: undefined, replyOptions: {}, config: {}, wsClientOptions: {}, wsHooks: {} })
  const { port } = await reverse(t, route as never)
  t.equal(statusOf(await answer(t, port, message('GET', '/api'))), 200)
})

t.test('a route without a prefix: it takes all that the application does not', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url, prefix: undefined } as never, { before: app => app.get('/own', async () => 'own') })
  t.match(await answer(t, port, message('GET', '/own')), /\r\n\r\nown$/)
  t.equal(statusOf(await answer(t, port, message('GET', '/any/path'))), 200)
  t.equal(upstream.seen[0]!.url, '/any/path')
})

t.test('a request by inject: it works as with any route', async t => {
  const upstream = await origin(t, (_request, response) => { response.setHeader('x-a', '1').end('content') })
  const { app } = await reverse(t, { upstream: upstream.url })
  const { statusCode, headers, body } = await app.inject({ url: '/api', headers: { 'proxy-authorization': PASS } })
  t.match({ statusCode, headers, body }, { statusCode: 200, headers: { 'x-a': '1', via: '1.1 gw' }, body: 'content' })
})

t.test('userinfo in the Host of what is no path is not ours to take out: refused by its form (F-69)', async t => {
  const { port } = await reverse(t, { upstream: 'http://127.0.0.1:1' })
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', 'http://gw.test/api/x', { Host: 'a@gw.test' })).end(), /^HTTP\/1\.1 400 /)
})

t.test('parents of a route: they lead to its upstream, and are refused beside a client of its own', async t => {
  const upstream = await origin(t)
  const parent = await fakeParent(t, tunnelling())
  const parents = readParents([{ url: `http://127.0.0.1:${parent.port}`, passthrough: true }], 'parents')
  const { port } = await reverse(t, { upstream: upstream.url }, { parents })
  t.equal(statusOf(await answer(t, port, message('GET', '/api'))), 200)
  t.match(parent.heads, [`Proxy-Authorization: ${PASS}\r\n`])
  const bad = { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /parents/ }
  await t.rejects(reverse(t, { upstream: upstream.url, http2: true }, { parents }), bad)
  await t.rejects(reverse(t, { upstream: upstream.url, websocket: true, wsHooks: { onConnect () {} } } as never, { parents }), bad)
})

t.test('a WebSocket that http-proxy serves, and rules: it is asked about once, and refused before the upstream is asked', async t => {
  const target = await webSocketOrigin(t)
  const seen: unknown[] = []
  for (const action of ['allow', 'deny'] as const) {
    const { permissions } = permitting([{ routes: ['/api'], action }], ({ identity, ...request }) => { seen.push(request); return true })
    const { port, proxied } = await reverse(t, { upstream: target.url, websocket: true, wsClientOptions: {} } as never, { permissions })
    const client = await RawClient.to(t, port)
    client.send(message('GET', '/api/ws', WEB_SOCKET))
    t.equal(statusOf(await client.answer()), action === 'allow' ? 101 : 403)
    client.socket.destroy()
    t.equal((await proxied(1)).length, 1)
  }
  t.match(seen, [{ form: 'websocket', route: '/api', user: 'alice' }])
  t.equal(seen.length, 1)
  t.equal(target.seen.length, 1)
})
