import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, MockAgent } from 'undici'
import { createReverseClient } from '../../../lib/proxy/reverse/client.js'
import type { OutgoingRequest } from '../../../lib/proxy/reverse/client.js'
import { listen, origin } from '../../fixtures/origin.js'
import type { Seen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawServer } from '../../fixtures/raw-server.js'
import { message, reverse } from '../../fixtures/reverse.js'
import { until } from '../../fixtures/until.js'

/** What an upstream sees of a request of that text. */
async function seen (t: Test, text: string, options: object = {}): Promise<Seen> {
  const upstream = await origin(t)
  const { port } = await reverse(t, { upstream: upstream.url, ...options })
  const client = await RawClient.to(t, port)
  const answer = await client.send(text).end()
  t.match(answer, /^HTTP\/1.1 200 OK\r\n/)
  return upstream.seen[0]!
}

t.test('fields of a request: they arrive in their order, case and lines', async t => {
  const { rawHeaders } = await seen(t, message('GET', '/api', { 'X-B': ['1', '2'], Accept: '*/*', 'x-a': '\xe9' }), { forwarded: false })
  t.same(rawHeaders.slice(4), ['X-B', '1', 'X-B', '2', 'Accept', '*/*', 'x-a', '\xe9', 'Via', '1.1 gw'])
})

t.test('a path of the client: it arrives as it was written (R-FWD-1)', async t => {
  for (const path of ['/{x}"<>`^|', '/a%7Bb%2fc%C3%A9', '/a//b', '/a;b=c/d,e', "/'()!*@:$&+=~"]) {
    t.equal((await seen(t, message('GET', `/api${path}`))).url, path)
    t.equal((await seen(t, message('GET', `/api${path}?q={a}&b=%zz`))).url, `${path}?q={a}&b=%zz`)
  }
})

t.test('dots and backslashes in a path, which mean something else behind a prefix: they are normalized', async t => {
  t.equal((await seen(t, message('GET', '/api/a/./b'))).url, '/a/b')
  t.equal((await seen(t, message('GET', '/api/a\\b'))).url, '/a/b')
})

t.test('content of a request by any method, even GET: it arrives', async t => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE', 'PURGE']) {
    const { body, headers, method: got } = await seen(t, message(method, '/api', { 'Content-Length': '4' }, 'body'))
    t.equal(got, method)
    t.equal(String(body), 'body')
    t.equal(headers['content-length'], '4')
  }
})

t.test('chunked content: it arrives in chunks', async t => {
  const { body, headers } = await seen(t, message('POST', '/api', { 'Transfer-Encoding': 'chunked' }, '4\r\nbody\r\n0\r\n\r\n'))
  t.equal(String(body), 'body')
  t.equal(headers['transfer-encoding'], 'chunked')
})

t.test('a request without content: none is sent', async t => {
  t.equal((await seen(t, message('POST', '/api', { 'Content-Length': '0' }))).headers['content-length'], '0')
  const { headers } = await seen(t, message('GET', '/api'))
  t.notOk('content-length' in headers || 'transfer-encoding' in headers)
})

t.test('content in the options, or null: it takes the place of the content of the request', async t => {
  const text = message('POST', '/api', { 'Content-Length': '4', 'Content-Type': 'text/plain' }, 'body')
  const given = await seen(t, text, { replyOptions: { body: { a: 1 } } })
  t.match(given, { body: Buffer.from('{"a":1}'), headers: { 'content-length': '7', 'content-type': 'application/json' } })
  const none = await seen(t, text, { replyOptions: { body: null } })
  t.match(none, { body: Buffer.from(''), headers: { 'content-length': '0', 'content-type': undefined } })
})

t.test('content that Fastify parses because the options want it to: it is serialized anew', async t => {
  const options = { proxyPayloads: false }
  const fields = { 'Content-Type': 'application/json' }
  const parsed = await seen(t, message('POST', '/api', { ...fields, 'Content-Length': '9' }, '{ "a": 1}'), options)
  t.match(parsed, { body: Buffer.from('{"a":1}'), headers: { 'content-length': '7' } })
  const falsy = await seen(t, message('POST', '/api', { ...fields, 'Content-Length': '5' }, 'false'), options)
  t.match(falsy, { body: Buffer.from(''), headers: { 'content-length': '0' } }, 'no promise that cannot be kept')
})

t.test('content read before the verdict and kept in the body as a stream: it goes to the upstream', async t => {
  const kept = async (request: FastifyRequest): Promise<void> => {
    const content = await buffer(request.raw)
    request.body = Readable.from([content], { objectMode: false })
  }
  for (const route of [{}, { undici: false as const }, { proxyPayloads: false }, { proxyPayloads: false, undici: false as const }]) {
    for (const method of ['POST', 'GET']) {
      if (method === 'POST' && 'proxyPayloads' in route) continue // parsed: see Fastify
      const upstream = await origin(t)
      const { port, proxied } = await reverse(t, { upstream: upstream.url, ...route as object }, { authenticate: kept, hook: 'onRequest' })
      const client = await RawClient.to(t, port)
      t.match(await client.send(message(method, '/api', { 'Content-Length': '4' }, 'body')).end(), /^HTTP\/1.1 200 /)
      const dropped = method === 'GET' && 'undici' in route
      t.match(upstream.seen, [{ method, body: Buffer.from(dropped ? '' : 'body') }], JSON.stringify(route))
      t.match(await proxied(1), [{ bytesIn: dropped ? 0 : 4 }])
    }
  }
})

t.test('a timeout in the options that is exceeded: the response is a 504', async t => {
  const upstream = await origin(t, () => {})
  const { url, proxied } = await reverse(t, { upstream: upstream.url, replyOptions: { timeout: 1 } })
  const answer = await fetch(url + '/api', { headers: { 'proxy-authorization': 'Test let-me-in' } })
  t.equal(answer.status, 504)
  t.match(await proxied(1), [{ status: 504, reason: 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT' }])
})

t.test('a retry that the options ask for: the response before it is let go', async t => {
  let asked = 0
  const upstream = await origin(t, (_request, response) => {
    asked += 1
    response.statusCode = asked < 3 ? 503 : 200
    response.end('x'.repeat(200_000))
  })
  const { url, proxied } = await reverse(t, { upstream: upstream.url, undici: { connections: 1 }, replyOptions: { retryDelay: ({ res, attempt }) => res?.statusCode === 503 && attempt < 5 ? 1 : null } })
  const answer = await fetch(url + '/api', { headers: { 'proxy-authorization': 'Test let-me-in' } })
  t.equal(answer.status, 200, 'though one connection is all there is')
  await answer.text()
  t.equal(asked, 3)
  t.match(await proxied(1), { length: 1 })
})

t.test('a 1xx of the upstream: it goes on to the client, but not to HTTP/1.0 (R-FWD-5)', async t => {
  const upstream = await rawServer(t, socket => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n')
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  const { port } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}` })
  const client = await RawClient.to(t, port)
  t.match(await client.send(message('GET', '/api')).end(), /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\nVia: 1.1 gw\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  const old = await RawClient.to(t, port)
  t.match(await old.send(message('GET', '/api').replace('HTTP/1.1', 'HTTP/1.0')).end(), /^HTTP\/1.1 200 OK\r\n/, 'but not to HTTP/1.0')
})

t.test('an upgrade that the client asks for: the upstream is asked for it, and its 101 goes on (R-UPG-1)', async t => {
  const upstream = await rawServer(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
  })
  const { port, exchanges } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}`, websocket: true } as never)
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api', { Connection: 'Upgrade', Upgrade: 'websocket' }))
  t.match(await client.until(text => text.endsWith('hello')), /^HTTP\/1\.1 101 /)
  await exchanges.drain(0)
  await client.end()
})

t.test('endless 1xx responses to a client that reads nothing: no more are sent than fit', async t => {
  const hint = `HTTP/1.1 103 Early Hints\r\nLink: <${'a'.repeat(10_000)}>\r\n\r\n`
  const count = 2_000
  const client: { now?: RawClient } = {}
  const upstream = await rawServer(t, socket => {
    client.now!.socket.pause()
    socket.end(hint.repeat(count) + 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', () => client.now!.socket.resume())
  })
  const { port } = await reverse(t, { upstream: `http://127.0.0.1:${upstream}` })
  client.now = await RawClient.to(t, port)
  const text = await client.now.send(message('GET', '/api')).end()
  t.ok(text.split('103 Early Hints').length - 1 < count)
  t.match(text, /HTTP\/1.1 200 OK/)
})

t.test('a client that leaves: its request to the upstream ends', async t => {
  const upstream = await origin(t, () => client.socket.destroy())
  const left = new Promise(resolve => upstream.server.once('connection', socket => socket.once('close', resolve)))
  const { port, proxied, exchanges } = await reverse(t, { upstream: upstream.url })
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api'))
  await left
  t.match(await proxied(1), [{ status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
  t.equal(exchanges.size, 0)
})

t.test('an instance of undici in the options: requests go through it', async t => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  agent.get('http://up.test').intercept({ path: '/x' }).reply(200, 'mocked', { headers: { 'x-a': '1' } })
  const { port } = await reverse(t, { upstream: 'http://up.test', undici: agent as never })
  const client = await RawClient.to(t, port)
  const answer = await client.send(message('GET', '/api/x')).end()
  t.match(answer, /\r\nx-a: 1\r\n/)
  t.match(answer, /mocked/)
})

t.test('a connection that the upstream has authenticated: it serves one client connection only (R-PSUP-3)', async t => {
  const upstream = await origin(t, (request, response) => { response.end(String(request.socket.remotePort)) })
  const agent = new Agent()
  t.teardown(async () => { await agent.destroy() })
  for (const undici of [undefined, agent]) {
    const { port } = await reverse(t, { upstream: upstream.url, undici: undici as never }, { authenticate: async () => {} })
    const client = await RawClient.to(t, port)
    const ask = async (from: RawClient, authorization?: string) => {
      const fields = { Connection: 'keep-alive', ...(authorization !== undefined && { Authorization: authorization }) }
      return (await from.send(message('GET', '/api', fields)).answer()).split('\r\n\r\n')[1]
    }
    const first = await ask(client, 'NTLM TlRM')
    // What the options bring along cannot keep a connection for anybody: one for each such request.
    t.equal(await ask(client, 'NTLM TlRM') === first, undici === undefined)
    t.not(await ask(await RawClient.to(t, port)), first)
  }
})

t.test('a parent proxy in the options: it gets its own credentials, and no others (R-CHAIN-1)', async t => {
  const asked: string[][] = []
  const upstream = await origin(t)
  const parent = createServer()
  parent.on('connect', (request, socket) => {
    asked.push(request.rawHeaders)
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const target = connect(upstream.port, '127.0.0.1')
    socket.pipe(target).pipe(socket)
    for (const side of [socket, target]) side.on('error', () => {})
  })
  const proxy = `http://us:secret@127.0.0.1:${await listen(t, parent)}`
  for (const undici of [{ proxy }, { proxy: new URL(proxy) }, { proxy: { uri: proxy } }]) {
    const { port } = await reverse(t, { upstream: 'http://up.test', undici: undici as never })
    const client = await RawClient.to(t, port)
    t.match(await client.send(message('GET', '/api', { 'X-A': ['1', '2', '3'] })).end(), /\r\n\r\norigin$/)
    t.match(asked.pop()?.join(), `,proxy-authorization,Basic ${Buffer.from('us:secret').toString('base64')},`)
    t.match(upstream.seen.pop(), { headers: { host: 'up.test', 'x-a': '1, 2, 3', 'proxy-authorization': undefined } })
  }
})

t.test('an application that closes: the client of the options ends only if destroyAgent is set', async t => {
  for (const destroyAgent of [true, false]) {
    const agent = new Agent()
    const { app } = await reverse(t, { upstream: 'http://up.test', undici: agent as never, destroyAgent })
    await app.close()
    t.equal((agent as unknown as { destroyed: boolean }).destroyed, destroyAgent)
  }
})

t.test('an upstream that stalls, requests whose clients leave: so many wait for a connection, the next is 503', async t => {
  const stalled: Socket[] = []
  const port = await rawServer(t, socket => { stalled.push(socket) })
  const agent = new Agent({ connections: 1, pipelining: 1 })
  const client = createReverseClient(agent, undefined, { maxWaiting: 3 })
  t.teardown(async () => {
    await client.close()
    await agent.destroy()
  })
  const left = new Error('the client has left')
  const aborts: Array<() => void> = []
  const ends: Array<string | undefined> = []
  const ask = () => {
    const outgoing = { request: { raw: {}, proxyAuth: null }, destination: { origin: `http://127.0.0.1:${port}`, path: '/' }, query: '', method: 'GET', fields: [], content: null, relay: {} }
    let hasLeft = false
    aborts.push(() => { hasLeft = true })
    client.send(outgoing as unknown as OutgoingRequest, {
      onRequestStart (controller) { if (hasLeft) controller.abort(left) },
      onResponseStart () {},
      onResponseEnd () { ends.push('ended') },
      onResponseError (_controller, error: Error & { code?: string }) { ends.push(error === left ? 'left' : error.code) }
    })
  }
  ask()
  await until(() => stalled.length === 1)
  for (let i = 0; i < 4; i++) ask()
  t.same(ends, ['FST_PROXY_AUTH_UPSTREAM_BUSY'])
  for (const abort of aborts.slice(1)) abort() // their clients have left
  ask()
  t.same(ends, ['FST_PROXY_AUTH_UPSTREAM_BUSY', 'FST_PROXY_AUTH_UPSTREAM_BUSY'], 'which undici does not see yet')
  stalled[0]!.write('HTTP/1.1 204 No\r\n\r\n')
  await until(() => ends.length === 6)
  t.same(ends.slice(2), ['ended', ...Array(3).fill('left')])
  ask()
  await until(() => stalled.length === 2) // there is room again, and none of the others was sent
  stalled[1]!.destroy()
  await until(() => ends.length === 7)
})
