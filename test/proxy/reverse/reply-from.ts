import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import type { HttpProxyRoute } from '../../../lib/proxy/reverse/route.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawServer } from '../../fixtures/raw-server.js'
import { PASS, message, reverse } from '../../fixtures/reverse.js'
import { until } from '../../fixtures/until.js'

const headers = { 'proxy-authorization': PASS, authorization: 'Bearer a' }

/** The status, code and Proxy-Status of an answer, without the id of the request. */
async function failure (t: Test, route: Partial<HttpProxyRoute>): Promise<[number, string, string | null]> {
  const { url, log } = await reverse(t, { upstream: 'http://up.test', ...route } as never)
  const answer = await fetch(`${url}/api`, { headers })
  const body = await answer.text()
  t.notMatch(body, /127\.0\.0\.1/, 'no address in it (R-PROB-4)')
  t.notMatch(JSON.stringify(log), /let-me-in/)
  return [answer.status, JSON.parse(body).code, answer.headers.get('proxy-status')?.replace(/; request-id="req-\w+"$/, '') ?? null]
}

t.test('reply.from by any caller, with any options: proxy credentials are not forwarded (R-CHAIN-3)', async t => {
  const upstream = await origin(t)
  const routes: Array<Partial<HttpProxyRoute>> = [
    { handler: (_request, reply) => reply.from('/x') },
    { handler: (_request, reply) => reply.from() },
    { handler: (_request, reply) => reply.from('/x', { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'Proxy-Authorization': PASS }) }) },
    { preHandler: (request, reply) => { reply.from('/x', { rewriteRequestHeaders: (_request, headers) => ({ ...request.headers, ...headers }) }) } },
    { replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'proxy-authorization': PASS, 'PROXY-CONNECTION': 'x' }) } },
    { undici: false as never },
    { undici: false as never, replyOptions: { rewriteRequestHeaders: (_request, headers) => ({ ...headers, 'Proxy-Authorization': PASS }) } }
  ]
  for (const route of routes) {
    const { url } = await reverse(t, { upstream: upstream.url, ...route })
    t.equal((await fetch(`${url}/api/x`, { headers })).status, 200)
    const { rawHeaders, headers: got } = upstream.seen.pop()!
    t.equal(got.authorization, 'Bearer a')
    t.notMatch(rawHeaders.join(), /proxy-/i)
    t.equal(got.via, '1.1 gw')
  }
})

t.test('NTLM by a client that cannot reserve connections: the connection is not kept', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url, undici: false as never })
  for (const [authorization, connection] of [['Bearer a', 'keep-alive'], ['NTLM TlRM', 'close']] as const) {
    t.equal((await fetch(`${url}/api`, { headers: { ...headers, authorization } })).status, 200)
    t.match(upstream.seen.pop()!.headers, { authorization, connection })
  }
})

t.test('an upstream status beyond 599, by each client: it goes on, and the log has no warning (F-55)', async t => {
  for (const status of [600, 999]) {
    const upstream = await origin(t, (_request, response) => { response.writeHead(status, 'Odd').end('odd') })
    for (const client of [{}, { undici: false }]) {
      const { port, log, proxied } = await reverse(t, { upstream: upstream.url, ...client as object })
      const text = await (await RawClient.to(t, port)).send(message('GET', '/api')).end()
      t.match(text, new RegExp(`^HTTP/1\\.1 ${status} Odd\r\n[^]*odd`))
      t.match(await proxied(1), [{ status }])
      t.strictSame(log.filter(line => (line as { level: number }).level >= 40), [])
    }
  }
})

t.test('getUpstream in the options: the request goes to the upstream that it names', async t => {
  const upstream = await origin(t)
  let asked = 0
  const { url, proxied } = await reverse(t, { upstream: '', replyOptions: { getUpstream: () => { asked += 1; return upstream.url } } })
  t.equal((await fetch(`${url}/api`, { headers })).status, 200)
  t.match(await proxied(1), [{ target: upstream.url }])
  t.equal(asked, 1)
})

t.test('failures of the upstream: own codes, 502 or 504, and no address', async t => {
  const quiet = `http://127.0.0.1:${await rawServer(t)}`
  const noHttp = `http://127.0.0.1:${await rawServer(t, socket => socket.end('no http\r\n\r\n'))}`
  const gone = `http://127.0.0.1:${await rawServer(t, socket => socket.destroy())}`
  const refused = `http://127.0.0.1:${await closedPort()}`
  const clients: Array<Partial<HttpProxyRoute>> = [{}, { undici: false as never }]
  for (const client of clients) {
    t.same(await failure(t, { ...client, upstream: refused }), [502, 'FST_PROXY_AUTH_CONNECTION_REFUSED', 'gw; error=connection_refused'])
    t.same(await failure(t, { ...client, upstream: noHttp }), [502, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL', 'gw; error=http_protocol_error'])
    t.same(await failure(t, { ...client, upstream: gone }), [502, 'FST_PROXY_AUTH_UPSTREAM_TERMINATED', 'gw; error=connection_terminated'])
    t.same(await failure(t, { ...client, upstream: quiet, replyOptions: { timeout: 1 } }), [504, 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT', 'gw; error=connection_read_timeout'])
    const [status, code] = await failure(t, { ...client, upstream: 'http://nowhere.invalid' })
    t.same([status, code], [502, 'FST_PROXY_AUTH_DNS'])
  }
})

t.test('failures of an upstream that speaks HTTP/2: own codes, 502 or 504', async t => {
  t.same((await failure(t, { upstream: `http://127.0.0.1:${await closedPort()}`, http2: {} })).slice(0, 2), [502, 'FST_PROXY_AUTH_CONNECTION_REFUSED'])
  t.same((await failure(t, { upstream: `http://127.0.0.1:${await rawServer(t)}`, http2: { requestTimeout: 50 } })).slice(0, 2), [504, 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT'])
})

t.test('a 100 that was not asked for: 502 by undici, and skipped by the client of node (F-15)', async t => {
  const port = await rawServer(t, socket => socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  const upstream = `http://127.0.0.1:${port}`
  t.same(await failure(t, { upstream }), [502, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL', 'gw; error=http_protocol_error'])
  const { url } = await reverse(t, { upstream, undici: false as never })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'ok')
})

t.test('a status of the upstream that is not valid: 502', async t => {
  const upstream = `http://127.0.0.1:${await rawServer(t, socket => socket.end('HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n'))}`
  for (const client of [{}, { undici: false as never }]) {
    t.same((await failure(t, { ...client, upstream })).slice(0, 2), [502, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL'])
  }
})

t.test('onError of the options: it sends the response, and gets our error with its cause', async t => {
  const seen: Error[] = []
  const { url } = await reverse(t, {
    upstream: 'http://nowhere.invalid',
    replyOptions: { onError: (reply, { error }) => { seen.push(error); reply.code(200).send('instead') } }
  })
  const answer = await fetch(`${url}/api`, { headers })
  t.equal(answer.status, 200)
  t.equal(await answer.text(), 'instead')
  t.match(seen, [{ code: 'FST_PROXY_AUTH_DNS', statusCode: 502, cause: { syscall: 'getaddrinfo' } }])
})

t.test('functions of the options that throw: 500, and no exchange remains', async t => {
  const upstream = await origin(t)
  const boom = () => { throw new Error('boom') }
  for (const replyOptions of [{ rewriteRequestHeaders: boom }, { rewriteHeaders: boom }, { onResponse: boom }, { rewriteHeaders: boom, onResponse: boom }]) {
    const { url, exchanges } = await reverse(t, { upstream: upstream.url, replyOptions })
    const answer = await fetch(`${url}/api`, { headers })
    t.equal(answer.status, 500)
    t.match(await answer.json(), { message: 'boom' })
    t.equal(exchanges.size, 0)
  }
})

t.test('a response that cannot be written: the client gets a 5xx', async t => {
  const undici = {
    request (_options: unknown, done: (error: null, answer: object) => void) {
      done(null, { statusCode: 200, headers: { 'bad name': '1' }, body: Readable.from(['x']) })
    }
  }
  const { url } = await reverse(t, { upstream: 'http://up.test', undici } as never)
  t.ok((await fetch(`${url}/api`, { headers })).status >= 500)
})

t.test('content that another client would not send: it is not announced', async t => {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url, undici: false as never })
  for (const method of ['GET', 'HEAD']) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(message(method, '/api', { 'Content-Length': '4' }, 'body')).end(), /^HTTP\/1.1 200 /)
    t.equal(upstream.seen.pop()!.headers['content-length'], undefined)
  }
})

t.test('a reply that was sent meanwhile: it stays as it is', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, {
    upstream: upstream.url,
    handler: (_request, reply) => {
      reply.from('/')
      reply.send('meanwhile')
    }
  })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'meanwhile')
})

t.test('the client has gone before reply.from is called: nothing is sent', async t => {
  const upstream = await origin(t)
  const { port, proxied } = await reverse(t, {
    upstream: upstream.url,
    handler: (_request, reply) => {
      reply.raw.destroy()
      reply.from('/x')
    }
  })
  const client = await RawClient.to(t, port)
  t.equal(await client.send(message('GET', '/api')).end(), '')
  t.match(await proxied(1), [{ status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
  t.equal(upstream.connections, 0)
})

t.test('reply.from without a path: it takes that of the request, and the query only once', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url, handler: (_request, reply) => reply.from() })
  for (const path of ['/api/a', '/api/a?b=c']) {
    t.equal((await fetch(`${url}${path}`, { headers })).status, 200)
    t.equal(upstream.seen.pop()!.url, path)
  }
})

t.test('reply.from with rewriteHeaders of its own: it has the say, though @fastify/http-proxy\'s would have had nothing to do', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url, handler: (_request, reply) => reply.from('/', { rewriteHeaders: headers => ({ ...headers, 'x-own': '1' }) }) })
  t.equal((await fetch(`${url}/api`, { headers })).headers.get('x-own'), '1')
})

t.test('onError of the options throws: the client gets a 500, the process lives', async t => {
  const { url } = await reverse(t, { upstream: `http://127.0.0.1:${await closedPort()}`, replyOptions: { onError: () => { throw new Error('boom') } } })
  for (let i = 0; i < 2; i++) t.equal((await fetch(`${url}/api`, { headers })).status, 500)
})

t.test('reply.from cannot send, and a response has gone out before: that stays', async t => {
  const { url } = await reverse(t, {
    upstream: 'http://up.test',
    handler: (_request, reply) => {
      reply.send('before')
      reply.from('/../x')
    }
  })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'before')
})

t.test('content in the options, with another client: it is sent, too', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url, undici: false as never, replyOptions: { body: { a: 1 } } })
  t.equal((await fetch(`${url}/api`, { method: 'POST', headers, body: 'other' })).status, 200)
  t.match(upstream.seen, [{ body: Buffer.from('{"a":1}'), headers: { 'content-length': '7', 'content-type': 'application/json' } }])
})

t.test('another client fails with an error that says nothing: 502', async t => {
  const undici = { request (_options: unknown, done: (error: Error) => void) { done(new Error('odd')) } }
  t.same((await failure(t, { undici: undici as never })).slice(0, 2), [502, 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL'])
})

t.test('by another client: a client that is slow slows its upstream down, one that leaves lets go of it', async t => {
  const length = 30_000_000
  let left!: () => void
  const gone = new Promise<void>(resolve => { left = resolve })
  const upstream = await origin(t, (request, response) => {
    if (request.url === '/leaves') {
      response.once('close', left)
      response.write('x')
    } else {
      response.end(Buffer.alloc(length))
    }
  })
  const { port, proxied } = await reverse(t, { upstream: upstream.url, undici: false as never })
  const slow = await RawClient.to(t, port)
  slow.socket.pause()
  slow.send(message('GET', '/api/slow'))
  await until(() => upstream.seen.length === 1)
  setTimeout(() => slow.socket.resume(), 50)
  await slow.end()
  t.match(await proxied(1), [{ bytesOut: length, reason: undefined }])
  const leaving = await RawClient.to(t, port)
  await leaving.send(message('GET', '/api/leaves')).until(text => text.includes('\r\n\r\n'))
  leaving.socket.destroy()
  await gone
  t.match((await proxied(2))[1], { status: 200, reason: 'aborted' })
})

t.test('retryDelay, with each client: it sees the fields of the response', async t => {
  for (const client of [{}, { undici: false }]) {
    const upstream = await origin(t, (_request, response) => { response.writeHead(418, { 'X-Again': '1' }).end() })
    const seen: unknown[] = []
    const retryDelay = ({ res, attempt }: { res: unknown, attempt: number }) => {
      seen.push((res as { headers: Record<string, unknown> }).headers['x-again'])
      return attempt < 1 ? 1 : null
    }
    const { url } = await reverse(t, { upstream: upstream.url, replyOptions: { retryDelay: retryDelay as never }, ...client as object })
    t.equal((await fetch(`${url}/api`, { headers })).status, 418)
    t.strictSame(seen, ['1', '1'])
  }
})

t.test('the address of the upstream: it is in the log where the client of the options tells it', async t => {
  const upstream = await origin(t)
  const h2 = createServer((_request: unknown, response: { end (): void }) => response.end())
  await new Promise<void>(resolve => { h2.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { h2.close() })
  const { port } = h2.address() as AddressInfo
  for (const [route, address] of [
    [{ upstream: upstream.url, undici: false }, '127.0.0.1'],
    [{ upstream: `http://127.0.0.1:${port}`, http2: true }, '127.0.0.1'],
    [{ upstream: [upstream.url], replyOptions: { getUpstream: () => upstream.url } }, undefined]
  ] as const) {
    const { url, proxied } = await reverse(t, route as never)
    t.equal((await fetch(`${url}/api`, { headers })).status, 200)
    const [line] = await proxied(1)
    t.equal(line!['address'], address)
  }
})
