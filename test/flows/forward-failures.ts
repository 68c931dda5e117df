import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { closedPort } from '../fixtures/closed-port.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { listenerCounts } from '../fixtures/listener-counts.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { stalledListener } from '../fixtures/stalled-listener.js'
import { until } from '../fixtures/until.js'

const LOOPBACK = { special: ['127.0.0.1:*', 'origin.test:*'] }
type Lookup = (name: string, options: unknown, callback: (error: Error | null, addresses?: unknown[]) => void) => void

const request = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: gateway.test', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')

/** What alice gets for a target, with the connection still open. */
async function ask (t: Test, { port }: Gateway, target: string, method = 'GET') {
  const client = await RawClient.to(t, port)
  client.send(request(`${method} ${target}`))
  return { client, ...readAnswer(method === 'HEAD' ? await client.until(text => text.includes('\r\n\r\n')) : await client.answer()) }
}

/** How many connections a server has. */
async function connections (server: Server): Promise<number> {
  return await new Promise(resolve => server.getConnections((_error, count) => resolve(count)))
}

const failsWith = (code: string): Lookup => (_name, _options, callback) => { callback(Object.assign(new Error(`getaddrinfo ${code} origin.test`), { code })) }

interface Failure {
  name: string
  status: 502 | 504
  code: string
  type: string
  options?: GatewayOptions
  /** Not for node's client, which asks `OPTIONS *`. */
  lenient?: true
  /** Where alice asks. Left out: `http://origin.test/`. */
  target?: (t: Test) => Promise<string>
}
const answers = (text: string, end = false) => async (t: Test) =>
  (await rawOrigin(t, socket => { end ? socket.end(text, 'latin1') : socket.write(text, 'latin1') })).url

const FAILURES: Failure[] = [
  { name: 'nobody listens', status: 502, code: 'CONNECTION_REFUSED', type: 'connection_refused', target: async () => `http://127.0.0.1:${await closedPort()}` },
  { name: 'no such name', status: 502, code: 'DNS', type: 'dns_error', options: { forward: { ...LOOPBACK, lookup: failsWith('ENOTFOUND') as never } } },
  { name: 'the resolver fails', status: 502, code: 'DNS', type: 'dns_error', options: { forward: { ...LOOPBACK, lookup: failsWith('EAI_AGAIN') as never } } },
  {
    name: 'the resolver throws', status: 502, code: 'DNS', type: 'dns_error', options: { forward: { ...LOOPBACK, lookup: (() => { throw new Error('10.1.2.3') }) as never } }
  },
  { name: 'the resolver never answers', status: 504, code: 'DNS_TIMEOUT', type: 'dns_timeout', options: { forward: { ...LOOPBACK, dnsTimeout: 30, lookup: (() => {}) as never } } },
  {
    name: 'the connection is not accepted in time',
    status: 504,
    code: 'CONNECT_TIMEOUT',
    type: 'connection_timeout',
    options: { forward: { ...LOOPBACK, connectTimeout: 60 } },
    target: async t => `http://127.0.0.1:${(await stalledListener(t)).port}`
  },
  {
    name: 'no route',
    status: 502,
    code: 'UNROUTABLE',
    type: 'destination_ip_unroutable',
    options: { forward: { special: ['127.0.0.1:*'], localAddress: '192.0.2.1' } },
    target: async t => (await origin(t)).url
  },
  { name: 'no head in time', status: 504, code: 'UPSTREAM_TIMEOUT', type: 'connection_read_timeout', options: { forward: { ...LOOPBACK, headersTimeout: 60 } }, target: answers('') },
  {
    name: 'half a head in time',
    status: 504,
    code: 'UPSTREAM_TIMEOUT',
    type: 'connection_read_timeout',
    options: { forward: { ...LOOPBACK, headersTimeout: 60 } },
    target: answers('HTTP/1.1 200 OK\r\nX-A:')
  },
  { name: 'closed without an answer', status: 502, code: 'UPSTREAM_TERMINATED', type: 'connection_terminated', target: answers('', true) },
  { name: 'closed in the head', status: 502, code: 'UPSTREAM_TERMINATED', type: 'connection_terminated', target: answers('HTTP/1.1 200 OK\r\nX-A:', true) },
  {
    name: 'reset',
    status: 502,
    code: 'UPSTREAM_TERMINATED',
    type: 'connection_terminated',
    target: async t => (await rawOrigin(t, socket => { socket.resetAndDestroy() })).url
  },
  { name: 'no HTTP', status: 502, code: 'UPSTREAM_PROTOCOL', type: 'http_protocol_error', target: answers('SSH-2.0-x\r\n') },
  { name: 'HTTP of a version unknown', status: 502, code: 'UPSTREAM_PROTOCOL', type: 'http_protocol_error', target: answers('HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n') },
  { name: 'a status that is none', status: 502, code: 'UPSTREAM_PROTOCOL', type: 'http_protocol_error', target: answers('HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n') },
  {
    name: 'a head of 64 KiB',
    status: 502,
    lenient: true,
    code: 'UPSTREAM_HEAD_TOO_LARGE',
    type: 'http_response_header_section_size',
    target: answers(`HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(65_536)}\r\nContent-Length: 0\r\n\r\n`)
  },
  { name: 'an unasked 100 (F-15)', status: 502, lenient: true, code: 'UPSTREAM_PROTOCOL', type: 'http_protocol_error', target: answers('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') },
  {
    name: 'an unasked 101',
    status: 502,
    code: 'UPSTREAM_PROTOCOL',
    type: 'http_protocol_error',
    target: answers('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')
  }
]

for (const { name, status, code, type, lenient = false, options = {}, target = async () => 'http://origin.test' } of FAILURES) {
  t.test(`${name}: ${status} with a body that shows nothing of the inside (R-PS-4, R-PS-5, R-SEC-7)`, async t => {
    const around = await gateway(t, { via: 'gw', forward: LOOPBACK, ...options })
    const url = await target(t)
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      if (method === 'OPTIONS' && lenient) continue
      const { client, status: got, fields, body } = await ask(t, around, method === 'OPTIONS' ? url : `${url}/x`, method)
      t.equal(got, status, method)
      t.match(fields['proxy-status'], new RegExp(`^gw; error=${type}; request-id="req-\\w+"$`))
      t.equal(fields['cache-control'], 'no-store')
      t.ok(Number(fields['content-length']) > 0)
      if (method !== 'HEAD') {
        t.match(JSON.parse(body), { code: `FST_PROXY_AUTH_${code}`, statusCode: status })
        t.notMatch(JSON.parse(body).message, /\d|origin\.test/)
      }
      t.equal(client.closed, false, 'the connection goes on')
    }
    await until(() => around.proxied().length >= 2)
    t.match(around.proxied().slice(0, 2), Array(2).fill({ user: 'alice', scheme: 'Basic', status, reason: `FST_PROXY_AUTH_${code}`, bytesOut: 0 }))
  })
}

t.test('a 407 of the origin: it becomes a 502 that tells of it, while a 401 passes (R-CHAIN-6, R-CHAIN-7, R-CHAIN-8, R-PS-9, S48)', async t => {
  const around = await gateway(t, { via: 'gw' })
  const up = await ask(t, around, await answers('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="up"\r\nSet-Cookie: a\r\nContent-Length: 2\r\n\r\nno')(t))
  t.equal(up.status, 502)
  t.match(up.fields['proxy-status'], /^gw; error=http_request_denied; received-status=407; request-id="req-\w+"$/)
  t.notMatch(Object.keys(up.fields).join(), /authenticate|cookie/)
  const origin = await ask(t, around, await answers('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="o"\r\nContent-Length: 2\r\n\r\nno')(t))
  t.match(origin, { status: 401, body: 'no', fields: { 'www-authenticate': 'Basic realm="o"' } })
})

t.test('a client without right credentials: no failure is explained to it, and nothing is tried (R-PS-1, R-PS-7, R-407-11)', async t => {
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const { status, fields } = readAnswer(await client.send(request('GET http://10.0.0.1/').replace(ALICE, 'Basic eDp5')).answer())
  t.equal(status, 407)
  t.notOk('proxy-status' in fields)
})

t.test('a failure behind an interim response: it can still be told', async t => {
  const around = await gateway(t)
  const { client, status } = await ask(t, around, await answers('HTTP/1.1 103 Early\r\n\r\n', true)(t))
  t.equal(status, 103)
  t.match(await client.answer(), /^HTTP\/1\.1 502 [^]*connection_terminated/)
})

t.test('a response that the origin breaks off: it is cut, so that it is not taken for whole', async t => {
  const rows: Array<[name: string, rest: string, end: boolean, reason: string]> = [
    ['a length, closed', 'Content-Length: 9\r\n\r\nabc', true, 'UPSTREAM_TERMINATED'],
    ['chunks, closed', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', true, 'UPSTREAM_TERMINATED'],
    ['a length, stalled', 'Content-Length: 9\r\n\r\nabc', false, 'UPSTREAM_TIMEOUT'],
    ['chunks, stalled', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', false, 'UPSTREAM_TIMEOUT'],
    ['a chunk that is none', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n', false, 'UPSTREAM_PROTOCOL'],
    ['a trailer that frames', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 1\r\n\r\n', false, 'UPSTREAM_PROTOCOL']
  ]
  for (const [name, rest, end, reason] of rows) {
    t.test(name, async t => {
      const around = await gateway(t, { forward: { ...LOOPBACK, ...(reason === 'UPSTREAM_TIMEOUT' && { bodyTimeout: 60 }) } })
      const { url, open } = await rawOrigin(t, socket => {
        socket.write('HTTP/1.1 200 OK\r\n')
        setTimeout(() => { end ? socket.end(rest) : socket.write(rest) }, 10)
      })
      const client = await RawClient.to(t, around.port)
      const text = await client.send(request(`GET ${url}/`)).end()
      t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
      t.notMatch(text, /\r\n0\r\n\r\n$/)
      await until(() => around.proxied().length === 1 && open.size === 0)
      t.match(around.proxied(), [{ status: 200, bytesOut: 3, reason: `FST_PROXY_AUTH_${reason}` }])
    })
  }
})

t.test('a response to HTTP/1.0 that breaks off: the connection is reset, so that it is not taken for whole', async t => {
  const around = await gateway(t, { forward: { ...LOOPBACK, bodyTimeout: 60 } })
  const { url } = await rawOrigin(t, socket => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'))
  const client = await RawClient.to(t, around.port)
  const reset = once(client.socket, 'error')
  await client.send(request(`GET ${url}/`).replace('HTTP/1.1', 'HTTP/1.0')).end()
  t.match(await reset, [{ code: 'ECONNRESET' }], 'a reset, so that nobody takes it for whole')
  await until(() => around.proxied().length === 1)
  t.match(around.proxied(), [{ reason: 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT' }])
})

t.test('a request that fails at the origin: it is not tried a second time (R-FWD-3)', async t => {
  const rows: Array<[name: string, answer: (socket: Socket) => void, status: number]> = [
    ['503', socket => { socket.write('HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n') }, 503],
    ['closed', socket => { socket.end() }, 502],
    ['reset', socket => { socket.resetAndDestroy() }, 502]
  ]
  const around = await gateway(t)
  for (const [name, answer, status] of rows) {
    for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS']) {
      const { url, received } = await rawOrigin(t, answer)
      t.equal((await ask(t, around, `${url}/`, method)).status, status, `${method} ${name}`)
      t.equal(received.length, 1)
    }
  }
  // A kept connection that the origin closes just then: the failure is told, not hidden by another try.
  let closing: Socket | undefined
  const { url, received } = await rawOrigin(t, socket => {
    closing = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    socket.once('data', () => { socket.destroy() })
  })
  t.equal((await ask(t, around, `${url}/`, 'POST')).status, 200)
  await new Promise(resolve => setTimeout(resolve, 20))
  if (closing?.destroyed === false) t.equal((await ask(t, around, `${url}/`, 'POST')).status, 502)
  t.equal(received.length, 1)
})

t.test('an upload that the origin does not wait for: the answer comes, and the connection goes on', async t => {
  const around = await gateway(t)
  const { url } = await rawOrigin(t, socket => socket.resetAndDestroy())
  const client = await RawClient.to(t, around.port)
  const body = 'x'.repeat(1_000_000)
  t.match(await client.send(request(`POST ${url}/`, `Content-Length: ${2 * body.length}`) + body).answer(), /^HTTP\/1\.1 502 /)
  t.match(await client.send(body + request(`GET http://127.0.0.1:${await closedPort()}/`)).answer(), /^HTTP\/1\.1 502 [^]*connection_refused/)
})

t.test('the time limit for a response head: it counts from the end of the request content', async t => {
  const around = await gateway(t, { forward: { ...LOOPBACK, headersTimeout: 150 } })
  const { url } = await rawOrigin(t, () => {})
  const client = await RawClient.to(t, around.port)
  client.send(request(`POST ${url}/`, 'Transfer-Encoding: chunked'))
  for (let i = 0; i < 4; i++) {
    await new Promise(resolve => setTimeout(resolve, 80))
    t.equal(client.text, '', 'the client is still sending')
    client.send('1\r\na\r\n')
  }
  t.match(await client.send('0\r\n\r\n').answer(), /^HTTP\/1\.1 504 /)
})

t.test('a client that stops in the middle of an upload or a download: it is cut off', async t => {
  // Much longer than a busy machine stands still: an origin that says nothing for that long is another failure.
  const around = await gateway(t, { forward: { ...LOOPBACK, bodyTimeout: 1000 } })
  const { url, open } = await rawOrigin(t, socket => {
    if (open.size > 1) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n${'x'.repeat(64_000_000)}`)
  })
  const up = await RawClient.to(t, around.port)
  t.equal(await up.send(`${request(`POST ${url}/`, 'Content-Length: 9')}abc`).end(), '')
  await until(() => open.size === 0)
  const keep = await RawClient.to(t, Number(new URL(url).port))
  await until(() => open.size === 1)
  const down = await RawClient.to(t, around.port)
  down.socket.pause()
  down.send(request(`GET ${url}/`))
  await until(() => around.proxied().length === 2)
  t.match(around.proxied(), [{ status: 499, bytesIn: 3 }, { status: 200, reason: 'idle' }])
  keep.socket.destroy()
  await until(() => open.size === 0)
})

t.test('a client that vanishes: its exchange ends with it', async t => {
  const warnings: string[] = []
  const warn = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', warn)
  t.teardown(() => process.removeListener('warning', warn))
  const { url, open, received } = await rawOrigin(t, (socket, head) => {
    if (head.startsWith('GET /down')) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n${'x'.repeat(1_000_000)}`)
  })
  const around = await gateway(t)
  const before = listenerCounts(around.app.server)
  const wait = request('GET http://a.test/').replace(ALICE, 'Basic eDp5')
  const leave: Array<[name: string, text: string, ready: (client: RawClient) => boolean]> = [
    ['before the answer', request(`GET ${url}/`), () => open.size === 1],
    ['in an upload', `${request(`POST ${url}/`, 'Content-Length: 9')}abc`, () => open.size === 1],
    ['in an upload by chunks', `${request(`POST ${url}/`, 'Transfer-Encoding: chunked')}3\r\nabc\r\n1`, () => open.size === 1],
    ['in a download', request(`GET ${url}/down`), client => client.text.length > 100_000],
    ['in a 407', wait, client => client.text !== ''],
    ['in the upload behind a 407', `${wait.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 9999999\r\n\r\n')}abc`, client => client.text !== ''],
    ['while OPTIONS * waits', request(`OPTIONS ${url}`), () => open.size === 1]
  ]
  for (const [name, text, ready] of leave) {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      const client = await RawClient.to(t, around.port)
      client.send(text)
      await until(() => ready(client))
      client.socket[how]()
      await until(async () => open.size === 0 && await connections(around.app.server) === 0)
      t.pass(`${name}, ${how}`)
    }
  }
  t.equal(received.length, 10, 'one connection for each that got so far')
  t.strictSame(listenerCounts(around.app.server), before)
  t.strictSame(warnings, [])
  const closed = once(around.app.server, 'close')
  await around.app.close()
  await closed
})

t.test('a thousand requests on one connection, and a thousand that are given up: they leave nothing behind', async t => {
  const { url, server } = await origin(t, (_request, response, body) => { response.end(body) })
  const around = await gateway(t, { level: 'error' })
  const client = await RawClient.to(t, around.port)
  const get = request(`GET ${url}/`)
  await client.send(get).answer()
  const [socket] = await sockets(around.app.server, client)
  const before = listenerCounts(socket!)
  for (let i = 0; i < 1000; i++) await client.send(get).answer()
  t.strictSame(listenerCounts(socket!), before)
  for (let i = 0; i < 1000; i += 50) {
    const clients = await Promise.all(Array.from({ length: 50 }, async () => await RawClient.to(t, around.port)))
    for (const each of clients) each.send(get)
    await new Promise(setImmediate)
    for (const each of clients) each.socket.destroy()
  }
  await until(async () => await connections(around.app.server) === 1)
  await around.app.close()
  await until(async () => await connections(server) === 0)
})

/** The server's end of a client's connection. */
async function sockets (server: Server, client: RawClient): Promise<Socket[]> {
  const { promise, resolve } = ((): { promise: Promise<Socket>, resolve: (socket: Socket) => void } => {
    let resolve!: (socket: Socket) => void
    return { promise: new Promise<Socket>(_resolve => { resolve = _resolve }), resolve }
  })()
  server.once('request', request => { resolve(request.socket) })
  await client.send('GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n').answer()
  return [await promise]
}

t.test('bad targets: 400, and userinfo nowhere (R-TGT-6, R-TGT-8, R-TGT-9, R-TGT-10, R-SEC-1)', async t => {
  const urls: string[] = []
  const around = await gateway(t, {
    before: app => { app.addHook('onRequest', async ({ url, originalUrl, raw }) => { urls.push(url, originalUrl, raw.url!) }) }
  })
  const targets = [
    'http://canary:canary@127.0.0.1/', 'http://canary@a.test', 'https://canary:x@a.test/%zz', 'http://canary:a/b@a.test/', 'http://canary:#@a.test/', 'http://a.test\\@canary.test/',
    'ftp://a.test/', 'ws://a.test/', 'gopher://canary@a.test/', 'http://a.test/#f', 'http://a.test/x?y#f', 'http:///x', 'http://', 'http://a.test:0/', 'http://a.test:65536/', 'http://a..test/',
    'http://[::1/', 'http://[::1%25lo]/', 'http://1.2.3.4.5/', '*'
  ]
  for (const target of targets) {
    const client = await RawClient.to(t, around.port)
    const text = await client.send(request(`GET ${target}`, 'Connection: close')).end()
    t.match(text, /^HTTP\/1\.1 400 /, target)
    t.notMatch(text, /canary/, target)
  }
  t.notMatch(JSON.stringify([around.log, urls].flat()).replaceAll('canary.test', ''), /canary/)
})

t.test('a request with credentials, served or failed: no line of the log holds them, at any level (R-SEC-1)', async t => {
  const { url } = await origin(t)
  const around = await gateway(t, { level: 'trace', forward: { ...LOOPBACK, lookup: failsWith('ENOTFOUND') as never } })
  const secrets = ['Authorization: Basic canary', 'Cookie: canary', 'X-Key: canary']
  const targets = [url, 'http://10.0.0.1/', `http://127.0.0.1:${await closedPort()}/`, 'http://origin.test/', await answers('', true)(t), await answers('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n')(t)]
  for (const credentials of [ALICE, `Basic ${Buffer.from('alice:canary').toString('base64')}`]) {
    for (const target of targets) {
      const client = await RawClient.to(t, around.port)
      await client.send(request(`GET ${target}?canary`, ...secrets, 'Connection: close').replace(ALICE, credentials)).end()
    }
  }
  const log = JSON.stringify(around.log.map(({ req, ...line }) => line))
  for (const secret of ['canary', 'alice-secret', ALICE.slice(6), Buffer.from('alice:canary').toString('base64')]) t.notOk(log.includes(secret), secret)
  t.notMatch(JSON.stringify(around.log), /alice-secret|YWxpY2/)
})

t.test('one line for each forwarded request: no path, no query', async t => {
  const { url } = await origin(t)
  const around = await gateway(t, { strategies: [basic()] })
  const client = await RawClient.to(t, around.port)
  await client.send(request(`GET ${url}/path?query`)).answer()
  await client.send(request('GET http://192.168.1.1/path')).answer()
  await client.send(request(`GET ${url}/`).replace(ALICE, 'Basic eDp5')).answer()
  await until(() => around.proxied().length === 2)
  t.match(around.proxied(), [
    { user: 'alice', scheme: 'Basic', method: 'GET', target: url, status: 200, bytesIn: 0, bytesOut: 6 },
    { user: 'alice', scheme: 'Basic', method: 'GET', target: 'http://192.168.1.1', status: 403, bytesIn: 0, bytesOut: 0, reason: 'FST_PROXY_AUTH_TARGET_DENIED' }
  ])
  t.ok(around.proxied().every(({ durationMs }) => Number.isInteger(durationMs)))
  t.notMatch(JSON.stringify(around.proxied()), /path|query/)
})

t.test('a server that stops: exchanges under way may end, for a time', async t => {
  let finish!: () => void
  const { url } = await rawOrigin(t, (socket, head) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc')
    if (head.startsWith('GET /ends')) finish = () => { socket.write('def') }
  })
  const { app, port, proxied } = await gateway(t, { drainTimeout: 2000 })
  const [ends, stays] = [await RawClient.to(t, port), await RawClient.to(t, port)]
  ends.send(request(`GET ${url}/ends`, 'Connection: close'))
  stays.send(request(`GET ${url}/stays`))
  for (const client of [ends, stays]) await client.until(text => text.endsWith('abc'))
  const closed = app.close()
  t.match(await RawClient.to(t, port).then(async late => await late.send(request(`GET ${url}/`)).answer(), () => 'refused'), /^(?:HTTP\/1\.1 503 |refused)/)
  finish()
  t.match(await ends.end(), /\r\n\r\nabcdef$/)
  t.match(await stays.end(), /\r\n\r\nabc$/)
  await closed
  t.match(proxied(), [{ status: 200, bytesOut: 6, reason: undefined }, { status: 200, bytesOut: 3, reason: 'closing' }])
})
