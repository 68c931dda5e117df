import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawServer } from '../fixtures/raw-server.js'
import { message as anonymous } from '../fixtures/reverse.js'

// What @fastify/http-proxy 11.6.3 over @fastify/reply-from 12.6.5 does by itself (R-NODE-7), one test for each.

const message: typeof anonymous = (method, target, fields, body) => anonymous(method, target, { 'Proxy-Authorization': ALICE, ...fields }, body)
type Route = Record<string, unknown>
/** Undici driven by us, and node's own client. */
const CLIENTS: Route[] = [{}, { undici: false }]

async function behind (t: Test, upstream: string, route: Route = {}): Promise<Gateway> {
  return await gateway(t, { reverse: [{ prefix: '/api', upstream, ...route }] })
}

async function asked (t: Test, text: string, route: Route = {}): Promise<{ upstream: Origin, answer: string }> {
  const upstream = await origin(t)
  const { port } = await behind(t, upstream.url, route)
  const client = await RawClient.to(t, port)
  return { upstream, answer: await client.send(text).end() }
}

async function answered (t: Test, octets: string, route: Route = {}, fields: Record<string, string> = {}): Promise<string> {
  const upstream = `http://127.0.0.1:${await rawServer(t, socket => socket.write(octets, 'latin1'))}`
  const { port } = await behind(t, upstream, route)
  const client = await RawClient.to(t, port)
  return await client.send(message('GET', '/api', fields)).end()
}

const REQUEST = {
  'Proxy-Authorization': ALICE,
  'Proxy-Connection': 'keep-alive',
  'Proxy-Authenticate': 'x',
  'Proxy-Authentication-Info': 'x',
  'Proxy-Support': 'x',
  Proxy: 'http://evil.test',
  TE: 'trailers',
  'Keep-Alive': 'timeout=1',
  Upgrade: 'h2c',
  'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA',
  Trailer: 'X-T',
  Expect: '200-ok'
}

for (const [name, value] of Object.entries(REQUEST)) {
  t.test(`${name} of a request ends at the gateway (R-NODE-7, R-HOP-2, R-HOP-3, R-CHAIN-1)`, async t => {
    for (const route of CLIENTS) {
      const { upstream, answer } = await asked(t, message('GET', '/api', { [name]: value, 'X-Unknown': '1' }), route)
      t.match(answer, /^HTTP\/1.1 (200|417) /)
      for (const { headers } of upstream.seen) t.match(headers, { [name.toLowerCase()]: undefined, 'x-unknown': '1' }, 'others go on (R-HOP-8)')
    }
  })
}

t.test('Connection of the client: it takes away the fields that it names, but no end-to-end field (R-NODE-7, R-HOP-1, R-HOP-5)', async t => {
  for (const route of CLIENTS) {
    const { upstream } = await asked(t, message('POST', '/api', {
      Connection: 'close, X-Hop, Host, Content-Length, Content-Type, Authorization, Cookie, Cache-Control, Via',
      'X-Hop': '1',
      Authorization: 'Bearer a',
      Cookie: 'a=1',
      'Cache-Control': 'no-cache',
      'Content-Type': 'text/plain',
      'Content-Length': '4'
    }, 'body'), route)
    t.match(upstream.seen, [{
      body: Buffer.from('body'),
      headers: { 'x-hop': undefined, authorization: 'Bearer a', cookie: 'a=1', 'cache-control': 'no-cache', 'content-type': 'text/plain', 'content-length': '4', via: /gateway-/ }
    }])
  }
})

t.test('field names that objects have a use for: they are names like others (R-HOP-1, R-HOP-8)', async t => {
  for (const route of CLIENTS) {
    const { upstream, answer } = await asked(t, message('GET', '/api', { Connection: 'close, constructor', Constructor: '1', valueOf: '2', hasOwnProperty: '3' }), route)
    t.match(answer, /^HTTP\/1.1 200 /)
    t.match(upstream.seen[0]!.rawHeaders.join(), /valueof,2,hasownproperty,3/i)
    t.notMatch(upstream.seen[0]!.rawHeaders.join(), /constructor/i)
  }
  t.match(await answered(t, 'HTTP/1.1 200 OK\r\nConnection: constructor\r\nConstructor: 1\r\nvalueOf: 2\r\nContent-Length: 0\r\n\r\n'), /^HTTP\/1.1 200 OK\r\nvalueOf: 2\r\nContent-Length/)
})

const RESPONSE = {
  'Proxy-Authenticate': 'Basic realm="theirs"',
  'Proxy-Authentication-Info': 'nextnonce="theirs"',
  'Proxy-Connection': 'x',
  'Proxy-Support': 'Session-Based-Authentication',
  'Keep-Alive': 'timeout=1234',
  TE: 'x',
  Upgrade: 'h2c'
}

for (const [name, value] of Object.entries(RESPONSE)) {
  t.test(`${name} of an answer ends at the gateway (R-NODE-7, R-CHAIN-8, R-HOP-4)`, async t => {
    for (const route of CLIENTS) {
      const answer = await answered(t, `HTTP/1.1 200 OK\r\n${name}: ${value}\r\nX-Unknown: 1\r\nContent-Length: 2\r\n\r\nok`, route)
      t.match(answer, /^HTTP\/1.1 200 OK\r\nX-Unknown: 1\r\n/)
      t.notMatch(answer, value)
    }
  })
}

t.test('Connection of the upstream: the fields that it names end at the gateway (R-NODE-7, R-HOP-4)', async t => {
  for (const route of CLIENTS) {
    const answer = await answered(t, 'HTTP/1.1 200 OK\r\nConnection: X-Hop, ETag\r\nX-Hop: 1\r\nETag: "1"\r\nContent-Length: 2\r\n\r\nok', route)
    t.notMatch(answer, /x-hop/i)
    t.match(answer, /\r\nETag: "1"\r\n/, 'but no end-to-end field (R-HOP-5)')
  }
})

t.test('a close by the upstream: the connection of the client stays, until the client asks to close (R-NODE-7)', async t => {
  const upstream = await origin(t, (_request, response) => { response.setHeader('Connection', 'close').end('ok') })
  for (const route of CLIENTS) {
    const { port } = await behind(t, upstream.url, route)
    const client = await RawClient.to(t, port)
    for (let i = 0; i < 2; i++) t.match(await client.send(message('GET', '/api', { Connection: 'keep-alive' })).answer(), /\r\nConnection: keep-alive\r\n/)
    t.match(await client.send(message('GET', '/api', { Connection: 'close' })).end(), /\r\nConnection: close\r\n/)
  }
})

t.test('a connection that an upstream authenticates: it serves no other request (R-PSUP-3)', async t => {
  const upstream = await origin(t)
  for (const route of [{ undici: false }, { http: {} }, { upstream: [upstream.url], replyOptions: { getUpstream: () => upstream.url } }]) {
    upstream.seen.length = 0
    const before = upstream.connections
    const { port } = await behind(t, upstream.url, route)
    for (const Authorization of ['Negotiate YWJj', 'ntlm YWJj', 'Basic YWJj']) {
      t.match(await (await RawClient.to(t, port)).send(message('GET', '/api', { Authorization })).end(), /200 OK/)
    }
    t.same(upstream.seen.map(({ headers }) => headers.connection === 'close'), [true, true, false])
    t.equal(upstream.connections - before, 3)
  }
})

t.test('a request and its response: Via is added both ways (R-NODE-7, R-VIA-1)', async t => {
  for (const route of CLIENTS) {
    const { upstream, answer } = await asked(t, message('GET', '/api', { Via: '1.0 a' }), route)
    t.match(upstream.seen, [{ headers: { via: /^1\.0 a, 1\.1 gateway-[0-9a-f]+$/ } }], 'a pseudonym (R-VIA-3)')
    t.match(answer, /\r\nVia: 1\.1 gateway-/)
  }
})

t.test('Max-Forwards of zero: the request ends at the gateway (R-NODE-7, R-MAXF-1)', async t => {
  for (const method of ['OPTIONS', 'TRACE']) {
    const { upstream, answer } = await asked(t, message(method, '/api', { 'Max-Forwards': '0' }))
    t.match(answer, /^HTTP\/1.1 200 /)
    t.equal(upstream.connections, 0)
  }
})

t.test('trailers of the upstream: they are forwarded with their Trailer (R-NODE-7, R-TRL-8)', async t => {
  const octets = 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n'
  for (const route of CLIENTS) {
    const answer = await answered(t, octets, route)
    t.match(answer, /\r\nTrailer: X-T\r\n[^]*\r\n0\r\nX-T: 1\r\n\r\n$/)
  }
})

t.test('trailers that are lost: their Trailer is removed (R-NODE-7, R-TRL-8)', async t => {
  const octets = 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n'
  const onResponse = (_request: unknown, reply: { send (payload: unknown): void }, { stream }: { stream: unknown }) => reply.send(stream)
  t.notMatch(await answered(t, octets, { replyOptions: { onResponse } }), /X-T/)
})

t.test('a 407 of the upstream: it becomes a 502 of the gateway (R-NODE-7, R-CHAIN-6, R-PS-9)', async t => {
  for (const route of CLIENTS) {
    const answer = await answered(t, 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="theirs"\r\nContent-Length: 6\r\n\r\ntheirs', route)
    t.match(answer, /^HTTP\/1.1 502 Bad Gateway\r\n/)
    t.notMatch(answer, /theirs|proxy-authenticate:/i)
    t.match(answer, /received-status=407/)
  }
})

t.test('a 1xx of the upstream: it is forwarded (R-NODE-7, R-FWD-5)', async t => {
  const answer = await answered(t, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.match(answer, /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\nVia: [^\r]*\r\n\r\nHTTP\/1.1 200 OK\r\n/)
})

t.test('Host, a path or anything else that looks like another host: it does not choose the upstream (R-NODE-7, R-TGT-12, S42)', async t => {
  const evil = await origin(t)
  for (const path of ['/api/x', '/api//HOST/x', '/api/@HOST/', '/api/:@HOST/', '/api/http://HOST/', '/api/%2f%2fHOST/', '/api/\\\\HOST/', '/api/..//HOST', '/api/?@HOST', '/api/;@HOST']) {
    const target = path.replace('HOST', evil.authority)
    const { upstream, answer } = await asked(t, message('GET', target, { Host: evil.authority, 'X-Forwarded-Host': evil.authority }))
    t.match(answer, /^HTTP\/1.1 (200|400|404) /, path)
    for (const { headers } of upstream.seen) t.equal(headers.host, upstream.authority)
  }
  t.equal(evil.connections, 0)
})

t.test('a response with or without Date: the client gets the Date of the upstream, or else one of the gateway (R-FWD-4)', async t => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
  t.match(await answered(t, `HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`), `\r\nDate: ${date}\r\n`)
  t.match(await answered(t, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), /\r\nDate: [^\r]+ GMT\r\n/)
})

t.test('an upstream on a unix socket: it serves requests as any other', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'reverse-'))
  const path = join(folder, 'up.sock')
  const server = createServer((request, response) => { response.end(request.url) })
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => { server.close(); rmSync(folder, { recursive: true }) })
  const { port } = await behind(t, `unix+http://${encodeURIComponent(path)}/`)
  const client = await RawClient.to(t, port)
  const answer = await client.send(message('GET', '/api/x?y', { Via: '1.1 a' })).end()
  t.match(answer, /^HTTP\/1.1 200 OK\r\n[^]*\r\nVia: 1.1 gateway-/)
  t.match(answer, '/x?y')
})

t.test('TE of the client: it is not forwarded, so that Connection need not name it (R-HOP-7)', async t => {
  for (const route of CLIENTS) {
    const { upstream } = await asked(t, message('GET', '/api', { TE: 'trailers', Connection: 'close, TE' }), route)
    t.match(upstream.seen, [{ headers: { te: undefined, connection: /^(close|keep-alive)$/ } }])
  }
})

t.test('path and query behind the prefix: they are forwarded as they are, whatever they look like (R-FWD-1, S32)', async t => {
  for (const rest of ['/a%2Fb/%C3%A9', '/a//b/', '/{x}|y^', "/!$&'()*+,;=:@~", '/a?b=/../c&d={e}&&=%zz']) {
    const { upstream } = await asked(t, message('GET', `/api${rest}`))
    t.match(upstream.seen, [{ url: rest }])
  }
})

for (const route of CLIENTS) {
  t.test(`a query right behind the prefix, ${JSON.stringify(route)}: the upstream gets it at the root (F-19)`, async t => {
    for (const [prefixed, target, url] of [
      [{}, '/api?x', '/?x'], [{}, '/api', '/'], [{}, '/api?', '/'], [{}, '/api/?x', '/?x'],
      [{ rewritePrefix: '/base' }, '/api?x', '/base?x'], [{ prefix: '/api/:id', rewritePrefix: '/' }, '/api/a?x', '/?x'],
      [{ replyOptions: { getUpstream: (_request: unknown, base: string) => base } }, '/api?x', '/?x']
    ] as Array<[Route, string, string]>) {
      const { upstream, answer } = await asked(t, message('GET', target), { ...route, ...prefixed })
      t.match(answer, /^HTTP\/1\.1 200 /, target)
      t.match(upstream.seen, [{ url }], target)
    }
  })

  t.test(`a fragment, ${JSON.stringify(route)}: 400 before any credentials, as in absolute-form (F-19)`, async t => {
    for (const target of ['/api/x?y#z', '/api/x#z', '/api#z', '/api?y#', '/api/#/x', '/api/x#?y']) {
      for (const text of [message('GET', target), anonymous('GET', target, { 'Proxy-Authorization': '' })]) {
        const { upstream, answer } = await asked(t, text, { ...route, websocket: true })
        t.match(answer, /^HTTP\/1\.1 400 [^]*"code":"FST_PROXY_AUTH_BAD_TARGET"/, target)
        t.same(upstream.seen, [])
      }
    }
    const { answer } = await asked(t, message('GET', '/api/x#z', { Connection: 'upgrade', Upgrade: 'websocket' }), { ...route, websocket: true })
    t.match(answer, /^HTTP\/1\.1 400 /, 'an upgrade')
  })
}
