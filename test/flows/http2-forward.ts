import { once } from 'node:events'
import { constants } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client, wholeAnswer } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { until } from '../fixtures/until.js'

/** A gateway that speaks HTTP/2, in the clear or over TLS, whose application has a route for everything. */
async function lab (t: Test, tls: boolean, options: GatewayOptions = {}): Promise<{ gate: Gateway, client: Http2Client }> {
  const pair = tls ? certificate(t, 'localhost') : null
  const https = pair === null ? {} : { https: { allowHTTP1: true, key: pair.key, cert: pair.cert } }
  const gate = await gateway(t, {
    after: app => { app.all('/*', async () => 'the application') },
    ...options,
    fastify: { http2: true, ...https, ...options.fastify } as never
  })
  return { gate, client: await Http2Client.to(t, `${tls ? 'https' : 'http'}://localhost:${gate.port}`, tls ? {} : { family: 4 } as never) }
}

const proxied = (authority: string, fields = {}) =>
  ({ ':scheme': 'http', ':authority': authority, ':path': '/x?y', 'proxy-authorization': ALICE, ...fields })

for (const tls of [false, true]) {
  const skip = tls && openssl.skip
  const over = tls ? 'over TLS' : 'in the clear'

  t.test(`a request for another server is forwarded, ${over} (R-H2-7, R-HOP-6, R-TGT-11)`, { skip }, async t => {
    const target = await origin(t, (_request, response) => {
      response.writeHead(203, 'Odd Phrase', ['X-A', '1', 'x-a', '2', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Connection', 'x-hop', 'X-Hop', '1', 'Keep-Alive', 'timeout=1'])
      response.end('origin')
    })
    const { gate, client } = await lab(t, tls, { via: 'gateway' })
    const answer = await client.ask(proxied(target.authority, { cookie: ['a=1', 'b=2'], te: 'trailers', host: target.authority }))
    t.match(answer, { status: 203, body: 'origin', fields: { 'x-a': '1, 2', 'set-cookie': ['a=1', 'b=2'], via: '1.1 gateway', 'x-hop': undefined, 'keep-alive': undefined } })
    const [seen] = target.seen
    t.match(seen, { method: 'GET', url: '/x?y', httpVersion: '1.1' })
    t.strictSame(seen!.rawHeaders.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase()).sort(), ['connection', 'cookie', 'host', 'via'], 'no pseudo-field, no TE, no credentials')
    t.match(seen!.headers, { cookie: 'a=1; b=2', host: target.authority, via: '2.0 gateway' })
    await until(() => gate.proxied().length > 0)
    t.match(gate.proxied(), [{ user: 'alice', method: 'GET', target: `http://${target.authority}`, status: 203, bytesOut: 6 }])
    const stranger = await client.ask({ ...proxied(target.authority), 'proxy-authorization': 'Basic eDp5' })
    t.match(stranger, { status: 407, fields: { 'proxy-authenticate': /^Basic/ }, rstCode: 0 })
    t.equal(target.seen.length, 1)
  })

  t.test(`which authority is our own, ${over} (R-TGT-11)`, { skip }, async t => {
    const { gate, client } = await lab(t, tls, { forward: { authorities: ['gateway.test', 'front.test:8443'] } })
    const scheme = tls ? 'https' : 'http'
    const ask = async (authority: string, fields = {}) => await client.ask({ ':scheme': scheme, ':authority': authority, ':path': '/x', ...fields })
    for (const own of ['localhost', `localhost:${gate.port}`, '127.0.0.1', `127.0.0.1:${gate.port}`, 'gateway.test', 'Gateway.test:99', 'front.test:8443']) {
      t.match(await ask(own), { status: 200, body: 'the application' }, own)
    }
    t.match(await client.ask({ ':scheme': scheme, ':authority': 'localhost', ':path': '*', ':method': 'OPTIONS' }), { status: 404 })
    const foreign = ['localhost:1', 'origin.test', 'front.test', 'front.test:443', '127.0.0.2', `127.0.0.1:${gate.port + 1}`, `origin.test:${gate.port}`, '[::1]', 'a%20b']
    for (const authority of foreign) {
      const answer = await ask(authority)
      t.match(answer, { status: authority === 'a%20b' ? 400 : 407 }, `${authority} is another's`)
      t.notMatch(answer.body, 'application')
    }
    for (const other of tls ? ['http', 'ftp'] : ['ftp']) {
      const answer = await client.ask({ ':scheme': other, ':authority': 'localhost', ':path': '/x', 'proxy-authorization': ALICE })
      t.match(answer, { status: other === 'ftp' ? 400 : 403 }, other)
    }
    const userinfo = await ask('alice:canary@origin.test', { 'proxy-authorization': ALICE })
    // newer versions of node refuse it themselves
    t.match(userinfo, userinfo.rstCode === constants.NGHTTP2_PROTOCOL_ERROR ? { status: NaN, body: '' } : { status: 400 })
    t.equal(JSON.stringify([gate.log, userinfo.body]).includes('canary'), false)
  })
}

t.test('Host without an authority, or beside one: it is the target, or must not differ (R-H2-6)', async t => {
  const target = await origin(t)
  const { gate } = await lab(t, false)
  const client = await RawHttp2.to(t, gate.port)
  const fields = [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], ['proxy-authorization', ALICE]] as const
  client.headers(1, [...fields, ['host', target.authority]], true)
  await client.frame(({ type, stream }) => type === 'DATA' && stream === 1)
  t.match(target.seen, [{ headers: { host: target.authority } }])
  const completed = (): number[] => gate.log.flatMap(({ res, msg }) => msg !== 'request completed' ? [] : (res as { statusCode?: number } | undefined)?.statusCode ?? [])
  client.headers(3, [...fields, ['host', 'alice:canary@origin.test']], true)
  const first = await client.frame(({ type, stream }) => stream === 3 && /^(HEADERS|RST_STREAM)$/.test(type))
  const refusals = first?.type === 'HEADERS' ? [400, 400] : [400] // newer versions of node refuse userinfo themselves
  if (refusals.length === 1) t.equal(await client.resetOf(3), constants.NGHTTP2_PROTOCOL_ERROR)
  client.headers(5, [[':authority', target.authority], ...fields, ['host', 'origin.test']], true)
  await gate.logged(() => completed().length > refusals.length)
  t.strictSame(completed().sort(), [200, ...refusals])
  t.equal(JSON.stringify(gate.log).includes('canary'), false)
  t.equal(target.seen.length, 1)
})

t.test('a path that is none, or a scheme that holds more than one: malformed, and not another form of target (F-26)', async t => {
  const target = await origin(t)
  const { gate, client } = await lab(t, false)
  const own = `127.0.0.1:${gate.port}`
  const rows = [
    { ':scheme': 'ftp', ':path': `http://${target.authority}/x` }, { ':scheme': 'http', ':path': `http://${target.authority}/x`, ':authority': own },
    { ':path': 'x' }, { ':path': '*' }, { ':scheme': `http://${target.authority}/?` }, { ':scheme': 'ftp' }
  ]
  for (const fields of rows) {
    const answer = await client.ask({ ...proxied(target.authority), ...fields })
    // some versions of node refuse some of it themselves
    if (answer.rstCode === 0) t.match(answer, { status: 400, body: /FST_PROXY_AUTH_BAD_TARGET/ }, JSON.stringify(fields))
    else t.match(answer, { rstCode: constants.NGHTTP2_PROTOCOL_ERROR })
  }
  t.strictSame(target.seen, [])
})

t.test('userinfo of another server under the prefix of a reverse route: it is refused, too (R-TGT-8, F-69)', async t => {
  const target = await origin(t)
  const { gate } = await lab(t, false, { reverse: [{ prefix: '/api', upstream: target.url }] })
  const client = await RawHttp2.to(t, gate.port)
  const fields = [[':method', 'GET'], [':scheme', 'http'], [':path', '/api/x'], ['proxy-authorization', ALICE]] as const
  client.headers(1, [...fields, ['host', `alice:canary@${target.authority}`]], true)
  const first = await client.frame(({ type, stream }) => stream === 1 && /^(HEADERS|RST_STREAM)$/.test(type))
  if (first?.type === 'HEADERS') t.match(await gate.logged(({ msg }) => msg === 'request completed'), { res: { statusCode: 400 } })
  else t.equal(await client.resetOf(1), constants.NGHTTP2_PROTOCOL_ERROR) // newer versions of node refuse it themselves
  t.equal(JSON.stringify(gate.log).includes('canary'), false)
  t.equal(target.seen.length, 0)
})

t.test('methods of all kinds and responses without content: they are forwarded as they are', async t => {
  const target = await origin(t, ({ url }, response) => { response.writeHead(Number(url!.slice(1)) || 200, { 'Content-Length': 5, ETag: '"x"' }).end('12345') })
  const { client } = await lab(t, false)
  const ask = async (method: string, status: number) => await client.ask(proxied(target.authority, { ':method': method, ':path': `/${status}` }))
  t.match(await ask('HEAD', 200), { status: 200, body: '', fields: { 'content-length': '5', etag: '"x"' } })
  t.match(await ask('GET', 204), { status: 204, body: '', fields: { 'content-length': undefined } })
  t.match(await ask('GET', 304), { status: 304, body: '', fields: { etag: '"x"' } })
  t.match(await ask('DELETE', 200), { status: 200, body: '12345' })
  t.match(await ask('QUERY', 200), { status: 200, body: '12345' })
  t.match(await client.ask(proxied(target.authority, { ':method': 'OPTIONS', ':path': '*' })), { status: 200 })
  t.match(target.seen.at(-1), { method: 'OPTIONS', url: '*' })
})

t.test('an upload with or without a length: it arrives whole, and is framed as it was sent', async t => {
  const target = await origin(t, (_request, response, body) => { response.end(String(body.length)) })
  const { gate, client } = await lab(t, false)
  const content = Buffer.alloc(300_000, 'x')
  t.match(await client.ask(proxied(target.authority, { ':method': 'POST' }), content), { status: 200, body: '300000' })
  t.match(target.seen[0]!.headers, { 'transfer-encoding': 'chunked', 'content-length': undefined })
  t.match(await client.ask(proxied(target.authority, { ':method': 'POST', 'content-length': 300_000 }), content), { status: 200, body: '300000' })
  t.match(target.seen[1]!.headers, { 'transfer-encoding': undefined, 'content-length': '300000' })
  t.match(await client.ask(proxied(target.authority, { ':method': 'POST' })), { status: 200, body: '0' })
  await until(() => gate.proxied().length === 3)
  t.match(gate.proxied().map(({ bytesIn }) => bytesIn), [300_000, 300_000, 0])
  const waiting = client.send(proxied(target.authority, { ':method': 'POST', expect: '100-continue' }), null)
  await once(waiting, 'continue')
  waiting.end('1234')
  t.match(await wholeAnswer(waiting), { status: 200, body: '4' })
  const refused = client.send(proxied(target.authority, { ':method': 'POST', expect: '100-continue', 'proxy-authorization': 'Basic eDp5' }), null)
  t.match(await wholeAnswer(refused), { status: 407, interim: [] })
})

t.test('an upload that is cut: it is not taken for a whole one', async t => {
  for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR, 0]) {
    const target = await rawOrigin(t, () => {})
    const { gate } = await lab(t, false)
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, [[':method', 'POST'], [':scheme', 'http'], [':path', '/'], [':authority', target.authority], ['proxy-authorization', ALICE]]).data(1, 'half of')
    await until(() => target.received.join().includes('half of'))
    client.reset(1, code)
    await until(() => target.open.size === 0)
    t.notMatch(target.received[0], /\r\n0\r\n/)
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { reason: /aborted|CLIENT_LEFT/ })
  }
})

t.test('interim responses, repeated fields and trailers: they reach the client (R-FWD-5, R-TRL-7)', async t => {
  const target = await rawOrigin(t, socket => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>; rel=preload\r\n\r\nHTTP/1.1 103 X\r\nAge: 1\r\nAge: 2\r\n\r\n')
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nX-Content-Type-Options: nosniff\r\nx-content-type-options: nosniff\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\n\r\n', 'latin1')
    socket.write('4\r\nbody\r\n0\r\nX-T: 1\r\nX-T: 2\r\nAge: 3\r\nAge: 4\r\nConnection: x\r\n\r\n')
  })
  const { client } = await lab(t, false)
  const answer = await client.ask(proxied(target.authority))
  t.match(answer.interim, [{ ':status': 103, link: '</a>; rel=preload, </b>; rel=preload' }, { ':status': 103, age: '1' }])
  t.match(answer, { status: 200, body: 'body', fields: { 'x-content-type-options': 'nosniff', 'set-cookie': ['a=1', 'b=2'], trailer: 'X-T', 'x-latin': 'caf\xe9' } })
  t.match(answer.trailers, { 'x-t': '1, 2', age: '3', connection: undefined })
})

t.test('a response that is cut: it is not taken for a whole one', async t => {
  const target = await rawOrigin(t, socket => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => socket.destroy()) })
  const { gate, client } = await lab(t, false)
  t.match(await client.ask(proxied(target.authority)), { status: 200, body: 'half', rstCode: constants.NGHTTP2_INTERNAL_ERROR })
  t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' })
  t.equal(client.session.destroyed, false)
})

t.test('a client that leaves: its request to the origin is ended', async t => {
  const target = await rawOrigin(t, socket => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx') })
  const { gate, client } = await lab(t, false)
  const stream = client.send(proxied(target.authority))
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  await until(() => target.open.size === 0)
  t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, bytesOut: 1, reason: 'aborted' })
})
