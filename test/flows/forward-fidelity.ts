import { METHODS } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { listen, origin } from '../fixtures/origin.js'
import type { Seen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { until } from '../fixtures/until.js'

const CREDENTIALS = `Proxy-Authorization: ${ALICE}`

/** A request of alice's, on a connection of its own that ends behind the answer. */
async function ask (t: Test, { port }: Gateway, line: string, fields: string[] = [], body = '', version = '1.1'): Promise<string> {
  const client = await RawClient.to(t, port)
  const host = fields.some(field => /^host:/i.test(field)) ? [] : ['Host: gateway.test']
  return await client.send([`${line} HTTP/${version}`, ...host, CREDENTIALS, 'Connection: close', ...fields, '', body].join('\r\n')).end()
}

/** The fields that an origin saw, without those that undici writes by itself: Host first, Connection, Content-Length last. */
function received ({ rawHeaders }: Seen): string[] {
  const lines = rawHeaders.flatMap((name, i) => i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : [])
  return lines.filter(line => !/^(?:host|connection|content-length|transfer-encoding): /.test(line))
}
const withoutDate = (text: string) => text.replace(/^Date: .*\r\n/m, '')

/** A gateway in front of an origin that answers each connection once, with this. */
async function answering (t: Test, answer: string | ((socket: Socket) => void), options: GatewayOptions = {}) {
  const self = await rawOrigin(t, socket => {
    if (typeof answer === 'string') socket.write(answer, 'latin1')
    else answer(socket)
  })
  return { origin: self, around: await gateway(t, { via: 'gw', ...options }) }
}

t.test('fields of a request: order, case, lines and octets (R-HOP-8, R-CHAIN-7)', async t => {
  const { url, seen } = await origin(t)
  const fields = ['User-Agent: x', 'accept: */*', 'X-B: 1', 'Cookie: a=1', 'X-A: \xe9\xff', 'x-b: 2', 'cookie: b=2', 'AUTHORIZATION: Basic b3JpZ2lu', 'X-B: 1', 'X-Empty: ', '__proto__: x', 'X_Y: z']
  await ask(t, await gateway(t, { via: 'gw' }), `POST ${url}/`, [...fields, 'Content-Length: 3'], 'abc')
  t.strictSame(received(seen[0]!), [...fields, 'Via: 1.1 gw'])
  t.equal(seen[0]!.headers['content-length'], '3')
})

t.test('a target in absolute-form: Host is its authority, whatever Host said (R-TGT-2, R-TGT-3, R-TGT-12, S29)', async t => {
  const { url, authority, seen } = await origin(t)
  const around = await gateway(t)
  for (const host of ['other.test', 'gateway.test:1', '127.0.0.1:1', authority]) {
    t.match(await ask(t, around, `GET ${url.replace('http', 'HTTP')}/`, [`HOST: ${host}`]), /^HTTP\/1\.1 200 /)
    t.equal(seen.at(-1)!.headers.host, authority)
    t.equal(seen.at(-1)!.rawHeaders.filter(name => /^host$/i.test(name)).length, 1)
  }
})

t.test('request fields of this hop: they end here (R-HOP-1, R-HOP-2, R-HOP-3, R-HOP-9, R-CHAIN-1, R-CHAIN-3)', async t => {
  const { url, seen } = await origin(t)
  const gone = [
    'Proxy-Connection: keep-alive', 'Keep-Alive: timeout=5', 'TE: trailers, deflate', 'Trailer: X-T', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk', 'Proxy: http://evil.test',
    'Connection: x-hop, X-Other', 'X-Hop: 1', 'x-other: 2', 'X-HOP: 3', 'Connection: Upgrade, HTTP2-Settings', 'Proxy-Support: x', 'Proxy-Authenticate: x', 'Proxy-Authentication-Info: x'
  ]
  t.match(await ask(t, await gateway(t, { via: 'gw' }), `GET ${url}/`, [...gone, 'X-Kept: 1']), /^HTTP\/1\.1 200 /)
  t.strictSame(received(seen[0]!), ['X-Kept: 1', 'Via: 1.1 gw'])
})

t.test('Connection that names fields of the ends or of the gateway: none of these is taken away (R-HOP-5)', async t => {
  const { url, seen, authority } = await origin(t)
  const around = await gateway(t, { via: 'gw' })
  const kept = ['Authorization: Basic b3JpZ2lu', 'Cookie: a=1', 'Via: 1.0 before', 'Cache-Control: no-cache', 'X-Forwarded-For: 192.0.2.1', 'Max-Forwards: 5']
  const named = [...kept.map(field => field.split(':')[0]), 'Host', 'Content-Length', 'Content-Type', 'Transfer-Encoding', 'Proxy-Authorization']
  await ask(t, around, `POST ${url}/`, [`Connection: ${named.join(', ')}`, ...kept, 'Content-Type: text/plain', 'Content-Length: 3'], 'abc')
  t.strictSame(received(seen[0]!), [...kept, 'Content-Type: text/plain', 'Via: 1.1 gw'])
  t.match(seen[0], { headers: { host: authority, 'content-length': '3' }, body: Buffer.from('abc') })
})

t.test('credentials for the gateway where no strategy asks for them: they are removed all the same (R-CHAIN-4)', async t => {
  const { url, seen } = await origin(t)
  const anybody = { strategy: foreign('anybody', function () { this.success({ username: 'anybody' }) }), scheme: null }
  await ask(t, await gateway(t, { strategies: [anybody], via: 'gw' }), `GET ${url}/`, ['proxy-authorization2: x'])
  t.strictSame(received(seen[0]!), ['proxy-authorization2: x', 'Via: 1.1 gw'])
})

t.test('fields of an answer: order, case, lines and octets (R-HOP-8, R-CHAIN-7, R-VIA-1, R-VIA-2, R-PS-3)', async t => {
  const fields = [
    'SERVER: x', 'Set-Cookie: a=1; Path=/', 'X-A: \xe9\xff', 'set-cookie: b=2', 'WWW-Authenticate: Basic realm="o"', 'WWW-AUTHENTICATE: Negotiate', 'Authentication-Info: nextnonce="o"',
    'Via: 1.1 before', 'Proxy-Status: before; error=x', 'Location: http://b.test/', 'Date: today', 'X-Empty: ', 'Content-Length: 2'
  ]
  const { origin, around } = await answering(t, `HTTP/1.1 401 Wer da?\r\n${fields.join('\r\n')}\r\n\r\nno`)
  const lines = fields.join('\r\n').replace('X-Empty: ', 'X-Empty: ')
  t.equal(await ask(t, around, `GET ${origin.url}/`), `HTTP/1.1 401 Wer da?\r\n${lines}\r\nVia: 1.1 gw\r\nProxy-Support: Session-Based-Authentication\r\nConnection: Proxy-Support, close\r\n\r\nno`)
})

t.test('response fields of this hop: they end here (R-HOP-4, R-CHAIN-8, R-PAI-11, R-PSUP-4)', async t => {
  const gone = [
    'Proxy-Authenticate: Basic realm="up"', 'Proxy-Authentication-Info: nextnonce="z"', 'Proxy-Connection: keep-alive', 'Proxy-Support: Session-Based-Authentication', 'Keep-Alive: timeout=1',
    'Connection: X-Hop, close', 'X-Hop: 1', 'Upgrade: h2c', 'TE: x'
  ]
  const { origin, around } = await answering(t, `HTTP/1.1 200 OK\r\n${gone.join('\r\n')}\r\nDate: today\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n`)
  const client = await RawClient.to(t, around.port)
  const request = `GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n\r\n`
  for (let i = 0; i < 2; i++) {
    t.equal(await client.send(request).answer(), 'HTTP/1.1 200 OK\r\nDate: today\r\nX-Kept: 1\r\nContent-Length: 0\r\nVia: 1.1 gw\r\nConnection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n',
      'and the origin\'s close is not the client\'s')
  }
})

t.test('a response without Date: Date is added (R-FWD-4)', async t => {
  const { origin, around } = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.match(await ask(t, around, `GET ${origin.url}/`), /\r\nDate: [^\r]*GMT\r\n/)
})

t.test('a request with any method: the method reaches the origin as sent (R-TGT-1)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  for (const method of METHODS) {
    if (method === 'CONNECT') continue
    const text = await ask(t, around, `${method} ${url}/m`, ['Content-Length: 3'], 'abc')
    t.match(text, /^HTTP\/1\.1 200 /, method)
    const { method: got, url: path, body, headers } = seen.at(-1)!
    t.strictSame([got, path, String(body), headers['content-type']], [method, '/m', 'abc', undefined])
  }
  t.match(await ask(t, around, `QUERY ${url}/`, ['Content-Length: 3'], 'abc'), /^HTTP\/1\.1 200 /, 'without a content type')
})

const PATHS = [
  '/%zz', '/%', '/a%2Fb//c/../d', '//x', '//', '/?x=%', '/?', '/a;b=c?d;e', '/?a=b?c=d', '/{a}|^`"<>', '/\\a\\..\\b', '/http://b.test/', '/@', '/:80', '/*', '/%2e%2e/%2E', '/.',
  '/a%00b', `/${'x'.repeat(8192)}`, `/?${'%'.repeat(4000)}`, '/%25%zz', '/%C3%28'
]
t.test('any path and query: they reach the origin as sent (R-FWD-1, R-TGT-4)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  for (const path of PATHS) {
    t.match(await ask(t, around, `GET ${url}${path}`), /^HTTP\/1\.1 200 /, path.slice(0, 30))
    t.equal(seen.at(-1)!.url, path)
  }
  for (const [path, sent] of [['', '/'], ['?x', '/?x']]) {
    await ask(t, around, `GET ${url}${path}`)
    t.equal(seen.at(-1)!.url, sent)
  }
})

t.test('a message that Fastify would reject, alter or route by its own rules: it reaches the origin as sent', async t => {
  const { url, seen } = await origin(t)
  const versioned = (path: string) => ({ after: (app: Gateway['app']) => { app.get(path, { constraints: { version: '1.2.0' } }, async () => 'app') } })
  const fastify = { maxParamLength: 5, bodyLimit: 1, ignoreTrailingSlash: true, caseSensitive: false, ignoreDuplicateSlashes: true } as never
  const around = await gateway(t, {
    fastify, before: app => { app.get('/early', { constraints: { version: '2.0.0' } }, async () => 'app') }, ...versioned('/late')
  })
  const rows: Array<[line: string, fields: string[], body: string]> = [
    ['POST /x', ['Content-Type: ;;;', 'Content-Length: 3'], 'abc'],
    ['POST /x', ['Content-Type: application/json', 'Content-Length: 3'], '{"a'],
    ['POST /x', ['Content-Type: application/json', 'Content-Length: 0'], ''],
    ['DELETE /X//Y/', ['Content-Type: text/plain', 'Transfer-Encoding: chunked'], '1\r\na\r\n0\r\n\r\n'],
    ['GET /early', ['Accept-Version: 2.x'], ''],
    ['GET /late', ['Accept-Version: nonsense'], ''],
    ['GET /late', ['ACCEPT-VERSION: 1.2.0'], ''],
    ['POST /x', ['Content-Encoding: gzip', 'Content-Length: 1'], 'x'],
    ['GET /x', ['Content-Type: a/b', 'Content-Type: c/d'], '']
  ]
  for (const [line, fields, body] of rows) {
    const [method, path] = line.split(' ')
    t.match(await ask(t, around, `${method} ${url}${path}`, fields, body), /^HTTP\/1\.1 200 [^]*origin$/, fields.join())
    const last = seen.at(-1)!
    t.equal(last.url, path)
    t.strictSame(received(last).slice(0, -1), fields.filter(field => !/^(?:content-length|transfer-encoding)/i.test(field)))
  }
  t.equal(seen.length, rows.length)
})

t.test('a fully qualified host name: it stays one (R-FWD-2)', async t => {
  const { port, seen } = await origin(t)
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => { callback(null, [{ address: '127.0.0.1', family: 4 }]) }
  await ask(t, await gateway(t, { forward: { special: ['origin.test:*'], lookup: lookup as never } }), `GET http://Origin.test.:${port}/`)
  t.equal(seen[0]!.headers.host, `origin.test.:${port}`)
})

t.test('OPTIONS without a path: it asks the server as a whole (R-TGT-5)', async t => {
  const { url, seen, authority } = await origin(t)
  const around = await gateway(t, { via: 'gw' })
  const rows = [['', '*'], ['/', '/'], ['?', '/?'], ['/*', '/*']] as const
  for (const [path, sent] of rows) {
    t.match(await ask(t, around, `OPTIONS ${url}${path}`, ['X-A: 1', 'Content-Length: 3'], 'abc'), /^HTTP\/1\.1 200 [^]*origin$/)
    t.match(seen.at(-1), { url: sent, method: 'OPTIONS', headers: { host: authority, 'x-a': '1', via: '1.1 gw' }, body: Buffer.from('abc') })
  }
})

t.test('Max-Forwards in TRACE and OPTIONS: it counts down, and at zero the gateway itself responds (R-MAXF-1, R-MAXF-2, R-MAXF-3, R-MAXF-4)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  for (const method of ['TRACE', 'OPTIONS']) {
    for (const path of ['', '/x']) {
      await ask(t, around, `${method} ${url}${path}`, ['Max-Forwards: 2'])
      t.equal(seen.at(-1)!.headers['max-forwards'], '1', `${method} ${path}`)
      await ask(t, around, `${method} ${url}${path}`)
      t.notOk('max-forwards' in seen.at(-1)!.headers)
    }
  }
  await ask(t, around, `GET ${url}/`, ['Max-Forwards: 0'])
  t.equal(seen.at(-1)!.headers['max-forwards'], '0', 'means nothing for other methods')
  const before = seen.length
  const trace = await ask(t, around, `TRACE ${url}/x`, ['Max-Forwards: 0', 'Authorization: canary', 'Cookie: canary', 'X-A: 1'])
  t.match(trace, /^HTTP\/1\.1 200 [^]*\r\n\r\nTRACE http[^]*\r\nX-A: 1\r\n/)
  t.notMatch(trace, /canary|alice|Basic/)
  t.match(await ask(t, around, `OPTIONS ${url}`, ['Max-Forwards: 0']), /^HTTP\/1\.1 200 /)
  t.equal(seen.length, before)
})

t.test('Via: each way, appended, by pseudonym; seen again it is a loop (R-VIA-1, R-VIA-2, R-VIA-3, R-VIA-4)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  const via = readAnswer(await ask(t, around, `GET ${url}/`, ['Via: 1.0 before, 1.1 next'])).fields['via']!
  t.match(via, /^1\.1 gateway-[0-9a-f]{12}$/)
  t.equal(seen[0]!.headers.via, `1.0 before, 1.1 next, ${via}`)
  const text = await ask(t, around, `GET ${url}/`, ['Via: 1.1 x', `VIA: ${via.toUpperCase()} (again)`])
  t.match(text, /^HTTP\/1\.1 502 /)
  t.match(text, /\r\nProxy-Status: gateway-[0-9a-f]{12}; error=proxy_loop_detected; request-id="req-\w+"\r\n/)
  t.equal(seen.length, 1)
})

t.test('one gateway behind another: each takes its own credentials (R-VIA-2)', async t => {
  const { url, seen } = await origin(t)
  const second = await gateway(t, { via: 'second', realm: 'Second' })
  const first = await gateway(t, { via: 'first' })
  const client = await RawClient.to(t, first.port)
  const target = `127.0.0.1:${second.port}`
  t.match(await client.send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${CREDENTIALS}\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
  t.match(await client.send(`GET ${url}/ HTTP/1.1\r\nHost: a.test\r\n\r\n`).answer(), /^HTTP\/1\.1 407 [^]*realm="Second"/)
  t.match(await client.send(`GET ${url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
  t.equal(seen[0]!.headers.via, '1.1 second')

  // The first forwards to an origin that is itself a gateway: its own application answers, never its proxy.
  second.app.server.once('request', request => { t.match(request, { url: '/x', headers: { via: '1.1 first' } }) })
  t.match(await ask(t, first, `GET http://${target}/x`), /^HTTP\/1\.1 404 /)
})

t.test('bodies: lengths, chunks, and what has none (R-MSG-4, R-EXP-6)', async t => {
  const rows: Array<[name: string, line: string, answer: string, expected: RegExp, version?: string]> = [
    ['a length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', /Content-Length: 3\r\n[^]*\r\n\r\nabc$/],
    ['chunks', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\n\r\n', /Transfer-Encoding: chunked\r\n\r\n(?:1\r\na\r\n2\r\nbc|3\r\nabc)\r\n0\r\n\r\n$/],
    ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n', /Content-Length: 3\r\n[^]*\r\n\r\n$/],
    ['HEAD of chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /200 OK\r\n[^]*\r\n\r\n$/],
    ['204', 'GET', 'HTTP/1.1 204 No\r\n\r\n', /204 No\r\n[^]*\r\n\r\n$/],
    ['304 with the length of what is not sent', 'GET', 'HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 99\r\n\r\n', /304 Not Modified\r\nETag: x\r\nContent-Length: 99\r\n[^]*\r\n\r\n$/],
    ['205', 'POST', 'HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n', /205 Reset\r\nContent-Length: 0\r\n[^]*\r\n\r\n$/],
    ['the end of the connection', 'GET', 'END HTTP/1.1 200 OK\r\n\r\nabc', /Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/],
    ['an origin of HTTP/1.0', 'GET', 'END HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nabc', /^HTTP\/1\.1 200 [^]*3\r\nabc\r\n0\r\n\r\n$/],
    ['chunks, for HTTP/1.0', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n', /^HTTP\/1\.1 200 OK\r\nVia[^]*Connection: close\r\n\r\nabc$/, '1.0'],
    ['103, for HTTP/1.0', 'GET', 'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 200 /, '1.0']
  ]
  for (const [name, method, answer, expected, version] of rows) {
    const { origin, around } = await answering(t, socket => {
      if (answer.startsWith('END ')) socket.end(answer.slice(4), 'latin1')
      else socket.write(answer, 'latin1')
    })
    const text = await ask(t, around, `${method} ${origin.url}/`, [], '', version)
    t.match(withoutDate(text), expected, name)
    t.notMatch(text, /content-length[^]*transfer-encoding|transfer-encoding[^]*content-length/i, `${name}, framed once`)
  }
})

t.test('content of a request: lengths, chunks, any method', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  for (const method of ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS']) {
    await ask(t, around, `${method} ${url}/`, ['Transfer-Encoding: chunked', 'Trailer: X-T'], '1\r\na\r\n2;ext=1\r\nbc\r\n0\r\nX-T: 1\r\nHost: evil.test\r\nProxy-Authorization: x\r\n\r\n')
    t.match(seen.at(-1), { method, body: Buffer.from('abc'), headers: { 'transfer-encoding': 'chunked' } })
    t.notOk(['x-t', 'trailer', 'content-length', 'proxy-authorization'].some(name => name in seen.at(-1)!.headers), 'trailers are dropped, and never become fields (R-TRL-7)')
    await ask(t, around, `${method} ${url}/`, ['Content-Length: 3'], 'abc')
    t.match(seen.at(-1), { method, body: Buffer.from('abc'), headers: { 'content-length': '3' } })
  }
  await ask(t, around, `POST ${url}/`, ['Content-Length: 0'])
  t.match(seen.at(-1), { body: Buffer.alloc(0), headers: { 'content-length': '0' } })
  await ask(t, around, `GET ${url}/`, ['Content-Length: 0'])
  t.match(seen.at(-1), { method: 'GET', body: Buffer.alloc(0) }, 'as Java\'s HttpClient sends it')
})

t.test('trailers of a response: they are forwarded with Trailer, without those of this hop, and not to HTTP/1.0 (R-TRL-3, R-TRL-5, R-TRL-7, R-TRL-8)', async t => {
  const answer = 'HTTP/1.1 200 OK\r\nTrailer: X-T, X-U\r\nConnection: x-hop, close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: \xe9\r\nx-t: 2\r\nX-Hop: 1\r\nProxy-Authenticate: Basic\r\nSet-Cookie: t\r\n\r\n'
  const { origin, around } = await answering(t, answer)
  t.equal(withoutDate(await ask(t, around, `GET ${origin.url}/`)),
    'HTTP/1.1 200 OK\r\nTrailer: X-T, X-U\r\nVia: 1.1 gw\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: \xe9\r\nx-t: 2\r\nSet-Cookie: t\r\n\r\n')
  t.notMatch(await ask(t, around, `GET ${origin.url}/`, [], '', '1.0'), /trailer|x-t/i)
})

t.test('interim responses except 100: they are forwarded as they come (R-FWD-5, R-EXP-7)', async t => {
  const { origin, around } = await answering(t, socket => {
    socket.write('HTTP/1.1 103 Early\r\nLink: </a>\r\nlink: </b>\r\n\r\n')
    setTimeout(() => socket.write('HTTP/1.1 102 Still\r\nConnection: x\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n'), 20)
  })
  const client = await RawClient.to(t, around.port)
  client.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\nConnection: close\r\n\r\n`)
  const early = 'HTTP/1.1 103 Early\r\nLink: </a>\r\nlink: </b>\r\nVia: 1.1 gw\r\n\r\n'
  await client.until(text => text.includes('\r\n\r\n'))
  t.ok(client.text.startsWith(early))
  t.equal(await client.end(), `${early}HTTP/1.1 102 Still\r\nVia: 1.1 gw\r\n\r\nHTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\nVia: 1.1 gw\r\nConnection: close\r\n\r\n`)
})

t.test('a head does not wait for its body: an event stream', async t => {
  let send!: (text: string) => void
  const { origin, around } = await answering(t, socket => {
    send = text => { socket.write(text) }
    send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
  })
  const client = await RawClient.to(t, around.port)
  client.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\n\r\n`)
  t.match(await client.until(text => text.includes('\r\n\r\n')), /text\/event-stream/)
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    send(event)
    t.match(await client.until(text => text.includes(event)), event)
  }
})

/** Waits until a number has stopped to grow, which is when the buffers of three sockets and of two relays are full. */
async function still (number: () => number): Promise<number> {
  for (let before = -1, turns = 0; turns < 25; turns++) {
    await new Promise(resolve => setTimeout(resolve, 10))
    if (number() !== before) [before, turns] = [number(), 0]
  }
  return number()
}
/** Sends that much in pieces, each when the one before was taken. Gives how much was. */
function pour (socket: Socket, size: number): () => number {
  const piece = Buffer.alloc(65_536)
  let taken = -piece.length
  const next = () => {
    taken += piece.length
    if (taken < size) socket.write(piece, next)
  }
  next()
  return () => taken
}
const SIZE = 64 * 1024 * 1024
const BUFFERS = 16 * 1024 * 1024 // what the kernel holds on loopback, at most; a relay without back-pressure takes all of it

t.test('64 MiB up to an origin that does not read: the client is held back', async t => {
  let take!: Socket
  let head!: number
  const origin = await rawOrigin(t, (socket, text) => {
    take = socket.pause()
    head = text.length
  })
  const around = await gateway(t)
  const client = await RawClient.to(t, around.port)
  client.send(`PUT ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\nContent-Length: ${SIZE}\r\n\r\n`)
  const taken = pour(client.socket, SIZE)
  await until(() => taken() > 0 && take !== undefined)
  t.ok(await still(taken) < BUFFERS, `${taken()} octets are under way`)
  take.on('data', () => {
    const { length } = origin.received[0]!
    if (length - head >= SIZE) take.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }).resume()
  t.match(await client.answer(), /^HTTP\/1\.1 200 /)
  await until(() => around.proxied().length === 1)
  t.match(around.proxied(), [{ bytesIn: SIZE, bytesOut: 0 }])
})

t.test('64 MiB down to a client that does not read: the origin is held back', async t => {
  let taken = () => 0
  const { origin, around } = await answering(t, socket => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`)
    taken = pour(socket, SIZE)
  })
  const client = await RawClient.to(t, around.port)
  client.socket.pause()
  client.send(`GET ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\nConnection: close\r\n\r\n`)
  await until(() => taken() > 0)
  t.ok(await still(() => taken()) < BUFFERS, `${taken()} octets are under way`)
  let got = 0
  client.socket.removeAllListeners('data').on('data', (chunk: string) => { got += chunk.length }).resume()
  await client.end()
  t.ok(got > SIZE)
  await until(() => around.proxied().length === 1)
  t.match(around.proxied(), [{ bytesIn: 0, bytesOut: SIZE, status: 200 }])
  t.notOk(around.proxied()[0]!['reason'])
})

t.test('both at once: an origin that answers while it reads', async t => {
  const { origin, around } = await answering(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    socket.on('data', (chunk: string) => {
      for (const letter of chunk.matchAll(/\b[a-c]\b/g)) socket.write(`1\r\n${letter[0].toUpperCase()}\r\n${letter[0] === 'c' ? '0\r\n\r\n' : ''}`)
    })
  })
  const client = await RawClient.to(t, around.port)
  client.send(`POST ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n-\r\n`)
  for (const letter of 'abc') {
    client.send(`1\r\n${letter}\r\n`)
    t.match(await client.until(text => text.includes(letter.toUpperCase())), letter.toUpperCase())
  }
  t.match(await client.send('0\r\n\r\n').until(text => text.endsWith('0\r\n\r\n')), /0\r\n\r\n$/)
})

t.test('a response before the content is through: it is forwarded, and the connection goes on', async t => {
  const { origin, around } = await answering(t, socket => socket.write('HTTP/1.1 413 Too much\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  const client = await RawClient.to(t, around.port)
  const length = 4 * 1024 * 1024
  for (let i = 0; i < 2; i++) {
    client.send(`POST ${origin.url}/ HTTP/1.1\r\nHost: a.test\r\n${CREDENTIALS}\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`)
    t.match(await client.answer(), /^HTTP\/1\.1 413 /)
  }
})

t.test('Expect: 100-continue (R-EXP-1, R-EXP-2, R-EXP-3, R-NODE-4)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t, { after: app => { app.post('/own', async () => 'own') } })
  const head = (target: string, ...fields: string[]) => [`POST ${target} HTTP/1.1`, 'Host: a.test', 'Expect: 100-continue', 'Content-Length: 3', ...fields, '', ''].join('\r\n')
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
  const fresh = async () => await RawClient.to(t, around.port)

  t.match(await (await fresh()).send(head(url)).answer(), /^HTTP\/1\.1 407 /, 'a 407 before any 100')
  t.match(await (await fresh()).send(head('http://10.0.0.1/', CREDENTIALS)).answer(), /^HTTP\/1\.1 403 /, 'a refusal likewise')
  t.match(await (await fresh()).send(head('http://127.0.0.1:1/', CREDENTIALS)).answer(), /^HTTP\/1\.1 502 /, 'and a target that cannot be reached')
  t.equal(seen.length, 0)

  const alice = await fresh()
  t.equal(await alice.send(head(url, CREDENTIALS)).until(text => text.includes('\r\n\r\n')), CONTINUE)
  t.match(await alice.send('abc').until(text => text.endsWith('origin')), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*origin$/)
  t.notOk('expect' in seen[0]!.headers)

  t.match(await ask(t, around, `POST ${url}/`, ['Expect: 100-continue', 'Content-Length: 3'], 'abc', '1.0'), /^HTTP\/1\.1 200 /, 'HTTP/1.0 has no 100 (R-EXP-6)')
  t.equal(seen.length, 2)
})

t.test('an expectation other than 100-continue: 417 (R-EXP-5)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t)
  for (const fields of [['Expect: foo'], ['Expect: foo', 'Content-Length: 3']]) {
    const client = await RawClient.to(t, around.port)
    t.match(await client.send([`POST ${url}/ HTTP/1.1`, 'Host: a.test', CREDENTIALS, ...fields, '', 'abc'].join('\r\n')).until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 417 /)
  }
  t.equal(seen.length, 0)
})

t.test('https in absolute-form: TLS of ours, verified (R-TGT-10, R-MSG-4, CVE-2026-48934, CVE-2026-58040)', { skip: openssl.skip }, async t => {
  const { cert, key } = certificate(t, 'origin.test')
  const seen: unknown[] = []
  const server = createTlsServer({ cert, key }, (request, response) => {
    seen.push(request.url, request.headers.host)
    response.end('tls')
  })
  const port = await listen(t, server as never)
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => { callback(null, [{ address: '127.0.0.1', family: 4 }]) }
  const forward = { special: ['origin.test:*', 'other.test:*', '127.0.0.1:*'], lookup: lookup as never }
  const trusting = await gateway(t, { forward: { ...forward, tls: { ca: cert } } })
  for (const host of ['origin.test', '127.0.0.1']) {
    t.match(await ask(t, trusting, `GET https://${host}:${port}/a?b`), /^HTTP\/1\.1 200 [^]*tls$/)
    t.strictSame(seen.splice(0), ['/a?b', `${host}:${port}`])
  }
  t.match(await ask(t, trusting, `OPTIONS https://origin.test:${port}`), /^HTTP\/1\.1 200 [^]*tls$/)
  seen.splice(0)
  for (const [around, host] of [[await gateway(t, { forward }), 'origin.test'], [trusting, 'other.test']] as const) {
    const { status, fields, body } = readAnswer(await ask(t, around, `GET https://${host}:${port}/`))
    t.equal(status, 502)
    t.match(fields['proxy-status'], /error=tls_certificate_error; request-id=/)
    t.match(JSON.parse(body), { code: 'FST_PROXY_AUTH_TLS' })
  }
  const plain = await origin(t)
  t.match(await ask(t, trusting, `GET https://127.0.0.1:${plain.port}/`), /^HTTP\/1\.1 502 [^]*error=tls_protocol_error/)
  t.strictSame(seen, [])
})

t.test('requests on one connection: each needs credentials of its own (R-CONN-7, R-CRED-6)', async t => {
  const { url, seen } = await origin(t)
  const around = await gateway(t, { strategies: [basic()] })
  const client = await RawClient.to(t, around.port)
  const get = (path: string, ...fields: string[]) => [`GET ${url}${path} HTTP/1.1`, 'Host: a.test', ...fields, '', ''].join('\r\n')
  client.send(get('/1', CREDENTIALS) + get('/2') + get('/3', CREDENTIALS))
  t.match(await client.answer(), /^HTTP\/1\.1 200 /)
  t.match(await client.answer(), /^HTTP\/1\.1 407 /)
  t.match(await client.answer(), /^HTTP\/1\.1 200 /)
  t.strictSame(seen.map(({ url }) => url).sort(), ['/1', '/3'])
})
