import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { intrude } from '../fixtures/intrusive.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { message } from '../fixtures/reverse.js'

/** What the upstream gets, and the client, of one request: octet for octet. */
async function through (t: Test, text: string, answer: string, options: GatewayOptions): Promise<{ up: string, down: string }> {
  const upstream = await rawOrigin(t, socket => socket.write(answer, 'latin1'))
  const { port } = await gateway(t, { via: 'gw', reverse: [{ prefix: '/api', upstream: upstream.url }], ...options })
  const client = await RawClient.to(t, port)
  const down = await client.send(text).end()
  const up = upstream.received.join('--').replaceAll(String(upstream.port), 'PORT')
  return { up, down: down.replace(/\r\nDate: [^\r]*/, '') }
}

const PLAIN = 'HTTP/1.1 200 Fine\r\nDate: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: "origin"\r\nVary: Accept\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nbody'
const CHUNKED = 'HTTP/1.1 206 Partial\r\nX-A: \xe9\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n'
const NONE = 'HTTP/1.1 304 Not Modified\r\nETag: "origin"\r\n\r\n'
const LONG = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(5000)}`

const gzipped = gzipSync('content').toString('latin1')
const rows: Array<[name: string, text: string, answer: string]> = [
  ['GET', message('GET', '/api/a?b=c', { 'Proxy-Authorization': ALICE, Accept: '*/*', 'Accept-Encoding': 'gzip', Cookie: 'session=theirs', Authorization: 'Bearer a', Origin: 'http://site.test' }), PLAIN],
  ['Accept-Version', message('GET', '/api/a', { 'Proxy-Authorization': ALICE, 'Accept-Version': '1.x' }), PLAIN],
  ['Accept-Version at the prefix itself, with content', message('PUT', '/api', { 'Proxy-Authorization': ALICE, 'Accept-Version': '7', 'Content-Length': '4' }, 'body'), CHUNKED],
  ['content of an odd type', message('POST', '/api', { 'Proxy-Authorization': ALICE, 'Content-Type': 'odd/', 'Content-Length': '4' }, '{"a"'), CHUNKED],
  ['compressed content', message('POST', '/api', { 'Proxy-Authorization': ALICE, 'Content-Type': 'application/json', 'Content-Encoding': 'gzip', 'Content-Length': String(gzipped.length) }, gzipped), PLAIN],
  ['a preflight that nobody answers here', message('OPTIONS', '/api', { 'Proxy-Authorization': ALICE, Origin: 'http://site.test', 'Access-Control-Request-Method': 'PUT' }), PLAIN],
  ['HEAD', message('HEAD', '/api', { 'Proxy-Authorization': ALICE }), 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'],
  ['an odd method', message('PROPFIND', '/api/{x}', { 'Proxy-Authorization': ALICE, Depth: '1' }), CHUNKED],
  ['an answer without content', message('GET', '/api', { 'Proxy-Authorization': ALICE, 'If-None-Match': '"origin"' }), NONE],
  ['what compression would compress', message('GET', '/api', { 'Proxy-Authorization': ALICE, 'Accept-Encoding': 'gzip' }), LONG]
]

for (const [name, text, answer] of rows) {
  t.test(`octet for octet as through a bare application: ${name} (R-HOP-8)`, async t => {
    const bare = await through(t, text, answer, {})
    t.match(bare.up, /^[A-Z]+ \//)
    for (const hook of ['preHandler', 'onRequest'] as const) {
      t.same(await through(t, text, answer, { hook, before: intrude }), bare)
    }
  })
}

t.test('a reverse route in a bare application: it adds what is documented and nothing else', async t => {
  const fields = { 'Proxy-Authorization': ALICE, 'X-B': '\xe9', Accept: '*/*', Authorization: 'Bearer a' }
  const { up, down } = await through(t, message('GET', '/api/a?b', fields), PLAIN, {})
  t.equal(up, [
    'GET /a?b HTTP/1.1', 'host: 127.0.0.1:PORT', 'connection: keep-alive', 'X-B: \xe9', 'Accept: */*', 'Authorization: Bearer a',
    'x-forwarded-for: 127.0.0.1', 'x-forwarded-host: gw.test', 'x-forwarded-proto: http', 'forwarded: for=127.0.0.1;host=gw.test;proto=http',
    'Via: 1.1 gw', '', ''
  ].join('\r\n'))
  t.equal(down, [
    'HTTP/1.1 200 Fine', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'ETag: "origin"', 'Vary: Accept', 'Content-Type: text/html',
    'Content-Length: 4', 'Via: 1.1 gw', 'Connection: close', '', 'body'
  ].join('\r\n'))
})

t.test('hooks of the application: they see proxied requests and may refuse them', async t => {
  const seen: unknown[] = []
  const { up, down } = await through(t, message('GET', '/api', { 'Proxy-Authorization': ALICE }), PLAIN, {
    before: app => {
      app.addHook('onRequest', async ({ routeOptions }) => { seen.push(routeOptions.config.proxy) })
      app.addHook('onResponse', async (_request, reply) => { seen.push(reply.statusCode) })
      app.addHook('preHandler', async (_request, reply) => reply.code(429).send('slowly'))
    }
  })
  t.match(down, /^HTTP\/1.1 429 [^]*slowly$/)
  t.equal(up, '')
  t.same(seen, ['reverse', 429])
})

t.test('a refusal of the gateway: it leaves without what the hooks of the application put on it', async t => {
  const text = message('GET', '/api', { 'Proxy-Authorization': [] })
  const bare = await through(t, text, PLAIN, {})
  const { down } = await through(t, text, PLAIN, { before: intrude })
  t.match(bare.down, /^HTTP\/1.1 407 /)
  const fields = (answer: string): string[] => {
    const lines = answer.split('\r\n\r\n')[0]!.split('\r\n').map(line => line.toLowerCase())
    return lines.filter(line => !/^(content-length|content-encoding|transfer-encoding):/.test(line)).sort()
  }
  t.same(fields(down), fields(bare.down), 'but compressed, if compression wants it')
})
