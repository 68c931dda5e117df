import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, ClientCertificateStrategy, DigestStrategy, proxyAuthenticate, verifyStatic } from '../../lib/index.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'

// Heads of requests by which other gateways were brought to believe, forward or do what they should not.

const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`

/** A gateway whose reverse route and forward proxy lead to one origin. */
async function surroundings (t: Test, options: Parameters<typeof gateway>[1] = {}): Promise<Gateway & { origin: Origin }> {
  const upstream = await origin(t)
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url, websocket: true }], identity: { header: 'x-user' }, ...options })
  return { ...gate, origin: upstream }
}

/** The request line of a forwarded request in both forms that have a head to forward. */
const lines = ({ origin: { url } }: { origin: Origin }, method = 'GET', path = '/x') => [`${method} /api${path}`, `${method} ${url}${path}`]

/** Sends a head behind a request line and gives all that comes before the connection ends. */
async function ask (t: Test, port: number, line: string, fields: readonly string[], content = ''): Promise<string> {
  const client = await RawClient.to(t, port)
  const text = await client.send([`${line} HTTP/1.1`, 'Host: gw.test', ...fields, 'Connection: close', '', content].join('\r\n')).end()
  client.socket.destroy()
  return text
}

const CREDENTIALS = `Proxy-Authorization: ${ALICE}`

t.test('a head that hides a second request from one reader: refused, and nothing of it reaches an origin (S30, S31, CVE-2024-27982, CVE-2025-23167, CVE-2024-22019, CVE-2026-1525)', async t => {
  const raw = await rawOrigin(t, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: raw.url }] })
  const heads = [
    ` Content-Length: 5\r\nHost: a.test\r\n${CREDENTIALS}\r\n\r\n${SMUGGLED}`,
    `Host: a.test\r\n${CREDENTIALS}\r\n Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    `Host: a.test\r\n${CREDENTIALS}\r\nContent-Length: 0\r\n\rX${SMUGGLED}`,
    `Host: a.test\r\n${CREDENTIALS}\r\nX-A: b\r\n\rContent-Length: 0\r\n\r\n`,
    `Host: a.test\r\n${CREDENTIALS}\r\nContent-Length: 3\r\ncontent-LENGTH: 3\r\n\r\nabc`,
    `Host: a.test\r\n${CREDENTIALS}\r\nTransfer-Encoding: chunked\r\n\r\n3;${'a'.repeat(100_000)}\r\nabc\r\n0\r\n\r\n`
  ]
  for (const line of ['POST /api/x', `POST ${raw.url}/x`]) {
    for (const head of heads) {
      const client = await RawClient.to(t, port)
      t.match(await client.send(`${line} HTTP/1.1\r\n${head}`).end(), /^HTTP\/1\.1 400 /, head.slice(0, 60))
    }
  }
  t.notMatch(raw.received.join(), /smuggled|abc/)
})

t.test('tens of thousands of commas in a list, or of quotes in credentials: read in no time, by loops (S27, CVE-2025-59466)', async t => {
  const around = await surroundings(t, {
    fastify: { trustProxy: true, http: { maxHeaderSize: 262_144 } } as never, strategies: [new DigestStrategy({ lookup: () => null }), new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })]
  })
  const long = 65_536
  for (const name of ['X-Forwarded-For', 'X-Forwarded-Host', 'Forwarded', 'Connection', 'TE', 'Via', 'Upgrade', 'Accept', 'Trailer', 'Proxy-Authorization']) {
    for (const text of [','.repeat(long), 'a, '.repeat(long / 3), 'for="'.repeat(long / 5), '"\\'.repeat(long / 2)]) {
      for (const line of lines(around)) {
        const before = process.cpuUsage()
        const credentials = name === 'Proxy-Authorization' ? [] : [CREDENTIALS]
        const { status } = readAnswer(await ask(t, around.port, line, [...credentials, `${name}: ${name === 'Proxy-Authorization' ? `Digest ${text}` : text}`]))
        t.ok(status >= 200 && (status < 500 || name === 'Via'), `${name}: ${text.slice(0, 6)}: ${status}`) // so many hops are a loop, 502
        const { user, system } = process.cpuUsage(before)
        t.ok(user + system < 2_000_000)
      }
    }
  }
})

t.test('fields by which a client speaks for a proxy in front: decide nothing about credentials, routes or targets (S25, S26, CVE-2026-3635, CVE-2026-16732)', async t => {
  const lies = [
    'X-Forwarded-Proto: https', 'X-Forwarded-Host: origin.test', 'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Uri: /open/x', 'X-Forwarded-Method: OPTIONS', 'X-Forwarded-Port: 443',
    'X-Original-URL: /open/x', 'X-Rewrite-URL: /open/x', 'X-HTTP-Method-Override: OPTIONS', 'Forwarded: for=127.0.0.1;proto=https;host=origin.test', 'X-Forwarded-Prefix: /open', 'X-Real-IP: 127.0.0.1'
  ]
  for (const trustProxy of [false, '192.0.2.1', true]) {
    const upstream = await origin(t)
    const open = await origin(t)
    const { app, port } = await gateway(t, {
      host: '0.0.0.0',
      fastify: { trustProxy } as never,
      forward: { special: [upstream.authority, '127.0.0.2:*'] },
      reverse: [{ prefix: '/api', upstream: upstream.url }, { prefix: '/open', upstream: open.url, anonymous: true }]
    })
    t.match(await ask(t, port, 'GET /open/x', []), /^HTTP\/1\.1 200 /)
    for (const line of ['GET /api/x', `GET ${upstream.url}/x`]) t.match(await ask(t, port, line, lies), /^HTTP\/1\.1 40[37] /, `${line}: who says so is not let in`)
    const at = (app.server.address() as AddressInfo).port
    t.match(await ask(t, port, `GET http://127.0.0.2:${at}/open/x`, [CREDENTIALS, ...lies]), /^HTTP\/1\.1 403 /, 'an address of the gateway stays its own')
    t.same(upstream.seen, [])
    t.equal(open.seen.length, 1)
  }
})

t.test('Content-Type in any spelling: no check of Fastify\'s is there to be passed by, the field goes on as it came (CVE-2023-51701, CVE-2025-32442, CVE-2026-25223, CVE-2026-3419, CVE-2026-33806)', async t => {
  const around = await surroundings(t)
  const spellings = [
    'application/json', 'Application/JSON', 'application/json ; charset=utf-8', 'application/json\ta', 'application/json\t; x', 'application/json garbage', 'application/json;', 'application/jsonx, text/plain',
    'text/plain; application/json', '__proto__', 'constructor', ';', ''
  ]
  for (const type of spellings) {
    for (const line of lines(around, 'POST')) {
      const fields = [`Content-Type:  ${type}`, 'Content-Length: 3']
      t.match(await ask(t, around.port, line, fields, '{"a'), /^HTTP\/1\.1 407 /, 'nothing is read before the verdict')
      t.match(await ask(t, around.port, line, [CREDENTIALS, ...fields], '{"a'), /^HTTP\/1\.1 200 /, type)
      const { headers, body } = around.origin.seen.pop()!
      t.same([headers['content-type'], String(body)], [type, '{"a'])
    }
  }
  t.same(around.origin.seen, [])
})

t.test('names that objects have a use for, as fields and trailers: fields like others (CVE-2026-21710)', async t => {
  const around = await surroundings(t, { after: app => { app.get('/own', { onRequest: proxyAuthenticate }, async ({ raw }) => Object.keys(raw.headersDistinct).length) } })
  const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '__defineGetter__']
  const fields = names.flatMap(name => [`${name}: 1`, `${name}: 2`])
  for (const line of [...lines(around), 'GET /own', 'GET /nothing', `CONNECT ${around.origin.authority}`]) {
    const client = await RawClient.to(t, around.port)
    const text = await client.send([`${line} HTTP/1.1`, 'Host: gw.test', ...fields, CREDENTIALS, '', ''].join('\r\n')).until(text => text.includes('\r\n\r\n'))
    t.match(text, line === 'GET /nothing' ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 200 /, line)
    client.socket.destroy()
  }
  for (const line of lines(around, 'POST')) {
    const client = await RawClient.to(t, around.port)
    const trailers = fields.join('\r\n')
    t.match(await client.send(`${line} HTTP/1.1\r\nHost: gw.test\r\n${CREDENTIALS}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
  }
  t.equal(around.origin.seen.length, 4)
  t.same(around.log.filter(({ level }) => level as number >= 50), [])
})

t.test('trailers of a request: never fields, neither for the gateway nor for an origin (S35)', async t => {
  const around = await surroundings(t)
  const trailers = [CREDENTIALS, 'X-User: mallory', 'X-Forwarded-For: 192.0.2.1', 'Authorization: Bearer x', 'Cookie: a=b', 'Forwarded: for=x', 'Transfer-Encoding: chunked']
  for (const line of lines(around, 'POST')) {
    for (const credentials of ['', `${CREDENTIALS}\r\n`]) {
      for (const trailer of trailers) {
        const client = await RawClient.to(t, around.port)
        const head = `${line} HTTP/1.1\r\nHost: gw.test\r\n${credentials}Connection: close\r\nTransfer-Encoding: chunked\r\nTrailer: ${trailer.split(':')[0]}\r\n\r\n`
        const text = await client.send(`${head}1\r\na\r\n0\r\n${trailer}\r\n\r\n`).end()
        t.match(text, credentials === '' ? /^HTTP\/1\.1 40[07] / : /^HTTP\/1\.1 [24]00 /, `${line} ${trailer}`)
      }
    }
  }
  t.ok(around.origin.seen.length >= trailers.length)
  for (const { rawHeaders } of around.origin.seen) t.notMatch(rawHeaders.join('\n'), /mallory|192\.0\.2\.1|Bearer|a=b|YWxpY2U|trailer/i)
})

t.test('line ends by way of escapes: in host, path, user and realm, none gets into a head that we write (S34)', async t => {
  const upstream = await origin(t)
  const evil = '%0d%0aX-Evil:%201%0d%0a'
  const user = 'alice\r\nX-Evil: 1'
  const { port, app } = await gateway(t, {
    strategies: [new BasicStrategy({ verify: name => ({ username: name }) }), new DigestStrategy({ lookup: () => null })],
    principal: ({ username }: { username: string }) => username,
    identity: { header: 'x-user' },
    reverse: [{ prefix: '/api', upstream: upstream.url }, { prefix: '/t/:tenant', upstream: upstream.url, rewritePrefix: '/:tenant' }]
  } as never)
  const basic = (name: string) => `Proxy-Authorization: Basic ${Buffer.from(`${name}:x`, 'latin1').toString('base64')}`
  for (const line of [
    `GET /api/${evil}`, `GET /t/${evil}/x`, `GET ${upstream.url}/${evil}`, `GET ${upstream.url}/?${evil}`, `GET http://${evil}@${upstream.authority}/`, `GET http://127.0.0.1${evil}:${upstream.port}/`,
    `CONNECT 127.0.0.1${evil}:${upstream.port}`, `CONNECT ${upstream.authority}${evil}`, 'GET /api/x?\u010d\u010aX-Evil:1'
  ]) {
    for (const fields of [[], [basic('alice')], [basic(user)], [basic('alice\u0085X-Evil: 1')], [`Proxy-Authorization: Digest username="a\\\r\\\nX-Evil: 1", realm="${evil}"`], [`X-A: ${evil}`, basic('alice')]]) {
      const client = await RawClient.to(t, port)
      const text = await client.send([`${line} HTTP/1.1`, 'Host: gw.test', ...fields, 'Connection: close', '', ''].join('\r\n')).until(text => text.includes('\r\n\r\n'))
      client.socket.destroy()
      t.notMatch(readAnswer(text).fields, { 'x-evil': /./ }, line)
    }
  }
  for (const { rawHeaders } of upstream.seen) t.notOk(rawHeaders.some((name, i) => i % 2 === 0 && /^x-evil/i.test(name)))
  t.ok(app.server.listening)
  await t.rejects(gateway(t, { realm: 'Gateway\r\nX-Evil: 1' }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('each user among many at once: gets and sends what is its own, and nothing of another (S21, S22)', async t => {
  const canary = (name: string, i: number) => `canary-${name}-${i}`
  const upstream = await origin(t, ({ headers }, response) => {
    // An origin that has the same entity tag for every user, and a cookie for each.
    response.setHeader('ETag', '"same"')
    response.setHeader('Set-Cookie', `owner=${headers['x-canary']}`)
    response.setHeader('Cache-Control', 'public, max-age=3600')
    response.statusCode = headers['if-none-match'] === undefined ? 200 : 304
    response.end(headers['if-none-match'] === undefined ? `${headers['x-canary']} ${headers.authorization}` : undefined)
  })
  const { port, log } = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }] })
  await Promise.all([['alice', ALICE], ['bob', BOB]].flatMap(([name = '', credentials]) => Array.from({ length: 10 }, async (_, connection) => {
    const client = await RawClient.to(t, port)
    for (let i = 0; i < 10; i++) {
      const [mine, conditional] = [canary(name, connection * 10 + i), i % 2 === 1]
      const answer = await client.send([
        `GET ${i % 3 === 0 ? '/api' : upstream.url}/x HTTP/1.1`, 'Host: gw.test', `Proxy-Authorization: ${credentials}`, `X-Canary: ${mine}`, `Authorization: Bearer ${mine}`,
        ...(conditional ? ['If-None-Match: "same"'] : []), '', ''
      ].join('\r\n')).answer()
      t.match(readAnswer(answer), { status: conditional ? 304 : 200, fields: { 'set-cookie': `owner=${mine}` }, body: conditional ? '' : `${mine} Bearer ${mine}` })
    }
  })))
  t.equal(upstream.seen.length, 200, 'every request has asked the origin')
  for (const { rawHeaders } of upstream.seen) t.equal(new Set(rawHeaders.join('\n').match(/canary-\w+-\d+/g)).size, 1)
  t.notMatch(JSON.stringify(log), /canary-/)
})

t.test('no identity presented, at every scheme: a challenge or a refusal, never let in (S45, S47, S49)', async t => {
  const basic = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
  for (const [status, strategies] of [
    [407, [basic]], [407, [new DigestStrategy({ lookup: () => ({ password: 'x' }) })]], [407, [basic, new ClientCertificateStrategy()]],
    [403, [new ClientCertificateStrategy()]]
  ] as const) {
    const around = await surroundings(t, { strategies: strategies as never })
    for (const line of [...lines(around), `CONNECT ${around.origin.authority}`]) {
      for (const fields of [[], ['Proxy-Authorization: Foo x'], ['Proxy-Authorization: Negotiate YII='], ['Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0']]) {
        const answer = readAnswer(await ask(t, around.port, line, fields))
        t.equal(answer.status, status, `${line} ${fields}`)
        t.equal('proxy-authenticate' in answer.fields, status === 407)
        if (status === 407) t.equal(answer.fields['cache-control'], 'no-store')
      }
    }
    t.same(around.origin.seen, [])
  }
})

t.test('a name that has another address each time: asked for once a request, and what was judged is dialled (S39)', async t => {
  const [allowed, forbidden] = [await origin(t), await origin(t)]
  await new Promise<void>(resolve => forbidden.server.close(() => { forbidden.server.listen(allowed.port, '127.0.0.2', resolve) }))
  const given = ['127.0.0.1', '127.0.0.2']
  let asked = 0
  const lookup = (_name: string, _options: unknown, done: (error: null, addresses: object[]) => void) => { done(null, [{ address: given[asked++ % 2], family: 4 }]) }
  const { port } = await gateway(t, { forward: { special: ['127.0.0.1:*'], lookup: lookup as never } })
  for (const line of [`GET http://rebind.test:${allowed.port}/`, `CONNECT rebind.test:${allowed.port}`]) {
    for (const status of [200, 403, 200, 403]) {
      const client = await RawClient.to(t, port)
      const text = await client.send([`${line} HTTP/1.1`, 'Host: gw.test', CREDENTIALS, '', ''].join('\r\n')).until(text => text.includes('\r\n\r\n'))
      t.equal(readAnswer(text).status, status, line)
      client.socket.destroy()
    }
  }
  t.equal(asked, 8)
  t.equal(forbidden.connections, 0)
})
