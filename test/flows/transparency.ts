import { METHODS } from 'node:http'
import { networkInterfaces } from 'node:os'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { bothLoopbacks } from '../fixtures/localhost.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { closedPort } from '../fixtures/closed-port.js'

const CREDENTIALS = `Proxy-Authorization: ${ALICE}`
const withoutDate = (text: string) => text.replace(/^date: .*GMT\r\n/im, '')

/** A request on a connection of its own, which ends behind the answer. */
async function ask (t: Test, port: number, line: string, fields: string[] = [], body = '', host = '127.0.0.1'): Promise<string> {
  const client = await RawClient.to(t, port, host)
  return await client.send([`${line} HTTP/1.1`, 'Host: gateway.test', 'Connection: close', ...fields, '', body].join('\r\n')).end()
}

/** What an application does to its own pages: sessions, helmet, CORS, compression, and hooks that go past Fastify. */
function dress (app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'set-cookie': ['session=1; HttpOnly', 'csrf=2'], 'content-security-policy': "default-src 'self'", 'x-frame-options': 'DENY' })
    reply.headers({ 'access-control-allow-origin': '*', vary: 'Origin', 'cache-control': 'public, max-age=3600', 'x-powered-by': 'app', server: 'app', date: 'never' })
    reply.raw.setHeader('Set-Cookie', 'raw=1')
    reply.raw.setHeader('X-Raw', ['1', '2'])
    reply.raw.setHeader('Date', 'never')
  })
  for (const hook of ['preParsing', 'preValidation', 'preHandler'] as const) {
    app.addHook(hook as 'preHandler', async (_request, reply) => { reply.header(`x-${hook}`, '1').raw.setHeader(`X-Raw-${hook}`, '1') })
  }
  app.addHook('preSerialization', async () => ({ hello: 'app' }))
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.headers({ 'x-sent': '1', location: '/login', 'strict-transport-security': 'max-age=1' })
    reply.raw.setHeader('X-Raw-Sent', '1')
    return typeof payload === 'string' ? payload.toUpperCase() : payload
  })
  app.get('/', { constraints: { version: '1.0.0' } }, async () => 'versioned')
  app.get('/x', { constraints: { version: '2.0.0', host: 'gateway.test' } }, async () => 'versioned')
  app.all('/*', async () => 'application')
}

const ANSWERS: Array<[name: string, line: string, answer: string]> = [
  ['lines of one name, apart', 'GET /', 'HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nX-A: \xe9\r\nSet-Cookie: b=2\r\nVary: Accept\r\nContent-Length: 3\r\n\r\nabc'],
  ['an application behind', 'GET /x', 'HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\nCache-Control: private\r\nContent-Length: 0\r\n\r\n'],
  ['chunks and trailers', 'POST /', 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'],
  ['compressed', 'GET /', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08'],
  ['an interim answer', 'GET /', 'HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HEAD', 'HEAD /', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'],
  ['204', 'DELETE /', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'],
  ['304', 'GET /', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9\r\n\r\n'],
  ['an error of the origin', 'PROPFIND /', 'HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'],
  ['a challenge of the origin', 'GET /', 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="o"\r\nContent-Length: 0\r\n\r\n'],
  ['a status of its own', 'GET /', 'HTTP/1.1 799 Own\r\nContent-Length: 0\r\n\r\n'],
  ['a preflight', 'OPTIONS /', 'HTTP/1.1 204 No\r\nAccess-Control-Allow-Origin: http://a.test\r\n\r\n']
]

t.test('what an application puts on its own responses: a forwarded response has none of it, octet for octet', async t => {
  const bare = await gateway(t, { via: 'gw' })
  const dressed = await gateway(t, { via: 'gw', before: dress })
  for (const [name, line, answer] of ANSWERS) {
    t.test(name, async t => {
      const { url } = await rawOrigin(t, socket => socket.end(answer.replaceAll(/^HTTP.*\r\n/gm, '$&Date: today\r\n'), 'latin1'))
      const [method, path] = line.split(' ')
      const fields = [CREDENTIALS, 'Accept-Version: 1.x', 'Accept-Encoding: gzip', 'Origin: http://a.test', 'Cookie: session=1', 'Content-Length: 0']
      const [expected, found] = [
        await ask(t, bare.port, `${method} ${url}${path}`, fields), await ask(t, dressed.port, `${method} ${url}${path}`, fields)
      ]
      const bySetHeader = name === 'lines of one name, apart' // node keeps the lines of a field together once setHeader was used
      t.equal(found, bySetHeader ? expected.replace('X-A: \xe9\r\nSet-Cookie: b=2\r\n', 'Set-Cookie: b=2\r\nX-A: \xe9\r\n') : expected)
      t.ok(expected.includes('Date: today') && expected.includes(answer.split('\r\n')[0]!))
    })
  }
})

t.test('an application that alters its own responses: what reaches the origin is the same', async t => {
  const { url, seen } = await origin(t)
  for (const before of [() => {}, dress]) {
    const { port } = await gateway(t, { via: 'gw', before })
    await ask(t, port, `POST ${url}/x?y`, [CREDENTIALS, 'Accept-Version: 2.0.0', 'X-A: \xe9', 'Content-Type: application/json', 'Content-Length: 2'], '{a')
  }
  const [bare, dressed] = seen
  t.strictSame(dressed, bare)
  t.equal(seen.length, 2)
})

t.test('what an application puts on its own responses, in hooks or an error handler: a refusal of ours has none of it', async t => {
  const refused = await closedPort()
  const rows: Array<[line: string, fields: string[], status: number]> = [
    ['GET http://a.test/', [], 407], ['GET http://10.0.0.1/', [CREDENTIALS], 403], [`GET http://127.0.0.1:${refused}/`, [CREDENTIALS], 502],
    ['GET http://u@a.test/', [], 400], ['GET http://a.test/', ['Proxy-Authorization: Basic ='], 400], [`CONNECT 127.0.0.1:${refused}`, [CREDENTIALS], 502],
    ['CONNECT a.test:443', [], 407], [`TRACE http://127.0.0.1:${refused}/`, [CREDENTIALS, 'Max-Forwards: 0'], 200]
  ]
  const OURS = /^(?:proxy-authenticate|proxy-status|cache-control|content-type|content-length|connection|date)$/
  for (const handler of [false, true]) {
    const { port } = await gateway(t, {
      before: app => {
        dress(app)
        if (!handler) return
        app.setErrorHandler((error, _request, reply) => {
          reply.headers({ 'x-handled': '1', 'set-cookie': 'handled=1' }).raw.setHeader('X-Raw-Handled', '1')
          return reply.send(error)
        })
      }
    })
    for (const [line, fields, status] of rows) {
      const answer = readAnswer(await ask(t, port, line, fields))
      t.equal(answer.status, status, line)
      t.strictSame(Object.keys(answer.fields).filter(name => !OURS.test(name)), [], line)
      t.not(answer.fields['cache-control'], 'public, max-age=3600')
      t.match(answer.fields['date'], /GMT$/)
    }
  }
})

t.test('hooks at the root: they see proxied requests, count them, tell them apart and may refuse them', async t => {
  const { url, seen } = await origin(t)
  const counts: Record<string, number> = {}
  const ended: string[] = []
  const before = (app: FastifyInstance) => {
    app.addHook('onRequest', async (request, reply) => {
      const { proxy = 'own' } = request.routeOptions.config
      counts[proxy] = (counts[proxy] ?? 0) + 1
      if (proxy === 'own') reply.header('x-own', '1')
      if (proxy !== 'own' && request.url.endsWith('/greedy')) return reply.code(429).headers({ 'retry-after': '7', 'set-cookie': 'x' }).send('slow down')
    })
    app.addHook('onResponse', async ({ method, proxyAuth }, { statusCode }) => { ended.push(`${method} ${statusCode} ${proxyAuth?.name ?? '-'}`) })
    app.get('/own', async () => 'own')
  }
  const { port } = await gateway(t, { before })
  await ask(t, port, `GET ${url}/`, [CREDENTIALS])
  await ask(t, port, `GET ${url}/`)
  const greedy = readAnswer(await ask(t, port, `GET ${url}/greedy`, [CREDENTIALS]))
  t.match(greedy, { status: 429, body: 'slow down', fields: { 'retry-after': '7' } })
  t.notOk('set-cookie' in greedy.fields)
  await ask(t, port, `CONNECT 127.0.0.1:${await closedPort()}`, [CREDENTIALS])
  t.equal(readAnswer(await ask(t, port, 'GET /own')).fields['x-own'], '1')
  t.strictSame(counts, { forward: 3, connect: 1, own: 1 })
  t.strictSame(ended, ['GET 200 alice', 'GET 407 -', 'GET 429 -', 'CONNECT 502 alice', 'GET 200 -'])
  t.equal(seen.length, 1)
})

/** An application with routes of every kind, some declared before what is in between, some behind. */
async function application (t: Test, between: (app: FastifyInstance) => unknown): Promise<number> {
  const app = Fastify({ logger: false })
  routes(app, 'before')
  await between(app)
  routes(app, 'behind')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return (app.server.address() as AddressInfo).port
}
function routes (app: FastifyInstance, name: string): void {
  app.all(`/${name}/all`, async () => 'all')
  app.all(`/${name}/wild/*`, async request => (request.params as Record<string, string>)['*'])
  app.get(`/${name}/versioned`, { constraints: { version: '1.2.0' } }, async () => 'one')
  app.get(`/${name}/versioned`, async () => 'plain')
  app.get(`/${name}/hosted`, { constraints: { host: 'other.test' } }, async () => 'hosted')
  app.post(`/${name}/echo`, async ({ body }) => body)
  app.get(`/${name}/fails`, async () => { throw new Error('own') })
}

t.test('an application with the plugin: it responds as it did without it (R-NODE-8)', async t => {
  const { default: proxyAuth } = await import('../../lib/index.js')
  const { basic } = await import('../fixtures/gateway.js')
  const options = { realm: 'Gateway', strategies: [basic()], forward: { special: ['127.0.0.1:*'] } }
  const bare = await application(t, () => {})
  const ours = await application(t, async app => { await app.register(proxyAuth, options) })
  const same = async (line: string, fields: string[] = [], body = '') => {
    const expected = withoutDate(await ask(t, bare, line, fields, body))
    t.equal(withoutDate(await ask(t, ours, line, fields, body)), expected, `${line} ${fields.join()}`)
    return Number(expected.split(' ')[1])
  }
  const statuses = new Set<number>()
  for (const name of ['before', 'behind']) {
    for (const method of METHODS) {
      if (method === 'CONNECT') continue
      for (const path of ['all', 'wild/a/b', 'nowhere']) statuses.add(await same(`${method} /${name}/${path}`))
    }
    for (const version of ['1.x', '1.2.0', '2.0.0', 'nonsense']) statuses.add(await same(`GET /${name}/versioned`, [`Accept-Version: ${version}`]))
    await same(`GET /${name}/hosted`, ['Host: other.test'])
    for (const [type, body] of [['application/json', '{"a":1}'], ['application/json', '{'], [';;;', 'a'], ['text/plain', 'a']]) {
      statuses.add(await same(`POST /${name}/echo`, [`Content-Type: ${type}`, `Content-Length: ${body!.length}`], body))
    }
    await same(`POST /${name}/echo`, ['Content-Type: text/plain', 'Transfer-Encoding: chunked'], '1\r\na\r\n0\r\n\r\n')
    for (const expect of ['100-continue', 'foo']) await same(`POST /${name}/echo`, ['Content-Type: text/plain', 'Content-Length: 3', `Expect: ${expect}`], 'abc')
    await same(`POST /${name}/all`, ['Content-Length: 0', 'Expect: 100-continue'])
    await same(`GET /${name}/all`, ['Expect: 100-continue', 'Content-Length: 3'], 'abc')
    await same(`GET /${name}/fails`)
    await same(`GET /${name}/all`, ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: x'])
    await same(`GET /${name}/wild/%2F%25`)
    await same(`GET /${name}/wild/%zz`)
    await same(`GET //${name}/all`)
    await same(`GET /${name}/wild/http://a.test/`)
    await same(`GET /${name}/all`, [CREDENTIALS, 'Via: 1.1 gw', 'Max-Forwards: 0'])
  }
  await same('OPTIONS *')
  await same('GET /none')
  t.ok([200, 400, 404, 415].every(status => statuses.has(status)), 'the rows have all kinds of answers')
})

t.test('a request by inject: it is for the application', async t => {
  const { app } = await gateway(t, { before: app => { app.get('/own', async () => 'own') } })
  t.match(await app.inject('/own'), { statusCode: 200, body: 'own' })
  t.match(await app.inject({ url: 'http://other.test/own' }), { statusCode: 200, body: 'own' }, 'it sends origin-form')
  t.match(await app.inject('/none'), { statusCode: 404 })
})

t.test('a request in another form than origin-form: it does not reach the own routes of the application (R-TGT-11, R-TGT-13, R-VIA-4, R-NODE-8)', async t => {
  const { port: to } = await origin(t, (_request, response) => response.end('origin'))
  const machine = Object.values(networkInterfaces()).flat().flatMap(entry => entry === undefined || entry.address.startsWith('fe80') ? [] : [entry.address])
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => { callback(null, [{ address: '127.0.0.1', family: 4 }]) }
  let reached = 0
  const secret = async () => { reached += 1; return 'secret' }
  const before = (app: FastifyInstance) => {
    app.all('/admin', secret)
    app.all('/*', secret)
  }
  const everywhere = [...machine, '127.0.0.1', '::1'].map(address => address.includes(':') ? `[${address}]:*` : `${address}:*`)
  const special = [...everywhere, '127.0.0.2:*', '0.0.0.0:*', '*.test:*', 'localhost:*', '[::ffff:7f00:1]:*', '[::]:*']
  const { port } = await gateway(t, { host: '0.0.0.0', before, after: app => { app.get('/late', secret) }, forward: { special, lookup: lookup as never } })
  const own = [...everywhere.map(pattern => pattern.slice(0, -2)), '127.0.0.2', '0.0.0.0', '[::]', 'localhost', 'LOCALHOST.', 'gateway.test', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '127.1']
  for (const host of own) {
    for (const line of [`GET http://${host}:${port}/admin`, `POST http://${host}:${port}/late`, `OPTIONS http://${host}:${port}`]) {
      const { status, body, fields } = readAnswer(await ask(t, port, line, [CREDENTIALS]))
      t.equal(status, 403, line)
      t.match(body, /own listener/)
      t.match(fields['proxy-status'], /error=destination_ip_prohibited; details="own listener"; request-id="req-\w+"$/)
    }
  }
  for (const line of ['GET http://gateway.test/admin', `GET http://127.0.0.1:${port}/admin`, 'GET http://a.test/admin', 'HEAD http://a.test/', 'PROPFIND http://a.test/admin', 'GET ftp://a.test/admin']) {
    t.match(await ask(t, port, line), /^HTTP\/1\.1 (?:407|400) /, 'without credentials')
  }
  for (const path of ['/admin', '/late', '', '/x']) t.match(await ask(t, port, `GET http://127.0.0.1:${to}${path}`, [CREDENTIALS]), /origin$/)
  t.equal(reached, 0)
  t.match(await ask(t, port, 'GET /admin'), /secret$/)
})

const { skip, patch } = await bothLoopbacks()
t.test('both addresses of localhost are one server: absolute-form, CONNECT, Expect', { skip }, async t => {
  t.teardown(patch())
  const { url, authority } = await origin(t)
  const { app } = await gateway(t, { host: 'localhost', before: app => { app.post('/own', async ({ body }) => body) } })
  for (const { address, port } of app.addresses() as AddressInfo[]) {
    t.match(await ask(t, port, `GET ${url}/`, [CREDENTIALS], '', address), /^HTTP\/1\.1 200 [^]*origin$/, address)
    t.match(await ask(t, port, `GET ${url}/`, [], '', address), /^HTTP\/1\.1 407 /)
    const tunnel = await RawClient.to(t, port, address)
    t.match(await tunnel.send(`CONNECT ${authority} HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
    t.match(await tunnel.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n').end(), /origin$/)
    const expecting = await RawClient.to(t, port, address)
    t.match(await expecting.send(`POST ${url}/ HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`).answer(), /^HTTP\/1\.1 407 /)
    const own = ['Expect: 100-continue', 'Content-Type: text/plain', 'Content-Length: 3']
    t.match(await ask(t, port, 'POST /own', own, 'abc', address), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*abc$/)
  }
})
