import { once } from 'node:events'
import { constants } from 'node:http2'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { closedPort } from '../fixtures/closed-port.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client, wholeAnswer } from '../fixtures/http2-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { stalledListener } from '../fixtures/stalled-listener.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

interface Lab {
  readonly gate: Gateway
  readonly client: Http2Client
}

/** A gateway that speaks TLS and HTTP/2, and a session with it. */
async function lab (t: Test, options: GatewayOptions = {}): Promise<Lab> {
  const { key, cert } = certificate(t, 'localhost')
  const gate = await gateway(t, { ...options, fastify: { http2: true, https: { allowHTTP1: true, key, cert }, ...options.fastify } as never })
  return { gate, client: await Http2Client.to(t, `https://localhost:${gate.port}`) }
}

const line = async (gate: Gateway) => (await gate.logged(line => line['proxy'] !== undefined))['proxy'] as Record<string, unknown>

t.test('a tunnel beside a refused CONNECT: the tunnel is a stream, and the refusal ends its own stream only (R-H2-1, R-H2-2, R-H2-5, R-CONNECT-3)', { skip: openssl.skip }, async t => {
  const target = await tcpOrigin(t)
  const { gate, client } = await lab(t)
  const tunnel = client.send({ ':method': 'CONNECT', ':authority': target.authority, 'proxy-authorization': ALICE }, null)
  const [fields] = await once(tunnel, 'response')
  t.strictSame(Object.entries(fields), [[':status', 200]], 'no framing, and nothing of Fastify')
  const refused = await client.ask({ ':method': 'CONNECT', ':authority': target.authority })
  t.match(refused, { status: 407, fields: { 'proxy-authenticate': 'Basic realm="Gateway", charset="UTF-8"', 'cache-control': 'no-store', connection: undefined }, body: /407/ })
  tunnel.setEncoding('latin1').write('still here')
  t.equal((await once(tunnel, 'data'))[0], 'still here')
  tunnel.end()
  await once(tunnel, 'close')
  t.match(await line(gate), { user: 'alice', scheme: 'Basic', method: 'CONNECT', target: target.authority, status: 200, bytesIn: 10, bytesOut: 10, reason: undefined })
})

t.test('a CONNECT that is refused or fails: it gets a response, and no tunnel (R-CONNECT-5, R-CONNECT-13, R-PROB-5)', { skip: openssl.skip }, async t => {
  const stalled = await stalledListener(t)
  const { gate, client } = await lab(t, {
    via: 'gateway',
    forward: { special: ['127.0.0.1:*'], connectTimeout: 1000, deny: ['denied.test'] }
  })
  const rows: Array<[authority: string, status: number, type: string | undefined]> = [
    [`127.0.0.1:${await closedPort()}`, 502, 'connection_refused'],
    [`127.0.0.1:${stalled.port}`, 504, 'connection_timeout'],
    ['denied.test:443', 403, 'http_request_denied'],
    ['10.1.2.3:443', 403, 'destination_ip_prohibited'],
    [`127.0.0.1:${gate.port}`, 403, 'destination_ip_prohibited'],
    ['origin.test', 400, undefined],
    ['origin.test:0', 400, undefined],
    ['alice:canary@origin.test:443', 400, undefined]
  ]
  for (const [authority, status, type] of rows) {
    const answer = await client.ask({ ':method': 'CONNECT', ':authority': authority, 'proxy-authorization': ALICE })
    if (authority.includes('@') && answer.rstCode === constants.NGHTTP2_PROTOCOL_ERROR) continue // newer versions of node refuse it themselves
    t.match(answer, { status, rstCode: 0, fields: { 'cache-control': 'no-store', 'set-cookie': undefined } }, authority)
    if (type !== undefined) t.match(answer.fields, { 'proxy-status': new RegExp(`^gateway; error=${type}`) })
    t.match(JSON.parse(answer.body), { statusCode: status })
  }
  t.equal(JSON.stringify(gate.log).includes('canary'), false)
  t.equal(client.session.destroyed, false, 'all on one connection')
})

t.test('a hook of the application that responds to a CONNECT: the response is a refusal too (R-CONNECT-4, R-CONNECT-5)', { skip: openssl.skip }, async t => {
  const { client } = await lab(t, {
    before: app => {
      app.addHook('onRequest', async ({ headers }, reply) => {
        if (headers['x-way'] === 'send') return await reply.header('set-cookie', 'a=1').send('fine')
        if (headers['x-way'] !== 'raw') return
        reply.hijack()
        reply.raw.writeContinue()
        reply.raw.writeEarlyHints({ link: '</x>; rel=preload' })
        reply.raw.end('fine')
      })
    }
  })
  for (const way of ['send', 'raw']) {
    const answer = await client.ask({ ':method': 'CONNECT', ':authority': 'origin.test:443', 'x-way': way })
    t.match(answer, { status: 403, interim: [], body: 'fine', fields: { 'cache-control': 'no-store' } })
  }
})

t.test('half-close by the client or by the target: the other direction goes on (R-CONNECT-7, R-H2-2)', { skip: openssl.skip }, async t => {
  t.test('the client first', async t => {
    const target = await tcpOrigin(t, socket => {
      let text = ''
      socket.on('data', chunk => { text += chunk })
      socket.on('end', () => { setImmediate(() => socket.end(`got ${text}`)) })
    })
    const { client, gate } = await lab(t)
    const tunnel = await client.tunnel(target.authority, ALICE)
    tunnel.end('question')
    t.match(await wholeAnswer(tunnel), { body: 'got question', rstCode: 0 })
    t.equal((await line(gate))['reason'], undefined)
  })
  t.test('the target first', async t => {
    let text = ''
    const target = await tcpOrigin(t, socket => {
      socket.end('hello')
      socket.on('data', chunk => { text += chunk })
    })
    const { client, gate } = await lab(t)
    const tunnel = await client.tunnel(target.authority, ALICE)
    const answer = wholeAnswer(tunnel)
    await once(tunnel, 'end')
    tunnel.end('and goodbye')
    t.match(await answer, { body: 'hello', rstCode: 0 })
    t.equal((await line(gate))['reason'], undefined)
    await until(() => text === 'and goodbye')
  })
  t.test('with the request itself', async t => {
    const target = await tcpOrigin(t, socket => { socket.resume().on('end', () => socket.end('bye')) })
    const { client } = await lab(t)
    t.match(await client.ask({ ':method': 'CONNECT', ':authority': target.authority, 'proxy-authorization': ALICE }), { status: 200, body: 'bye' })
  })
})

t.test('a reset by the target: the stream ends with CONNECT_ERROR, and not as complete (R-H2-3)', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: { http2: true } as never })
  const client = await RawHttp2.to(t, gate.port)
  client.headers(1, connectFields(target.authority))
  await client.frame(({ type }) => type === 'HEADERS')
  client.data(1, 'x')
  await client.frame(({ type }) => type === 'DATA')
  target.sockets[0]!.resetAndDestroy()
  t.equal(await client.resetOf(1), constants.NGHTTP2_CONNECT_ERROR)
  t.notMatch(client.typesOf(1).join(), /\+/, 'an end would make it look complete')
  t.match(await line(gate), { status: 200, reason: 'ECONNRESET' })
})

t.test('a stream that is reset, or a session that is lost: the target gets a reset (R-H2-3)', async t => {
  const losses: Array<[name: string, lose: (client: RawHttp2) => void]> = [
    ['CANCEL', client => client.reset(1, constants.NGHTTP2_CANCEL)],
    ['NO_ERROR', client => client.reset(1, 0)],
    ['CONNECT_ERROR', client => client.reset(1, constants.NGHTTP2_CONNECT_ERROR)],
    ['the end of the connection', client => client.socket.end()],
    ['a reset of the connection', client => client.socket.resetAndDestroy()]
  ]
  for (const [name, lose] of losses) {
    await t.test(name, async t => {
      const target = await tcpOrigin(t)
      const gate = await gateway(t, { fastify: { http2: true } as never })
      const client = await RawHttp2.to(t, gate.port)
      client.headers(1, connectFields(target.authority)).data(1, 'x')
      await client.frame(({ type }) => type === 'DATA')
      const failed = once(target.sockets[0]!, 'error')
      lose(client)
      t.match(await failed, [{ code: 'ECONNRESET' }])
      t.ok((await line(gate))['reason'])
    })
  }
  t.test('what came before the end still arrives', async t => {
    let text = ''
    const target = await tcpOrigin(t, socket => { socket.on('data', chunk => { text += chunk }) })
    const gate = await gateway(t, { fastify: { http2: true } as never })
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, connectFields(target.authority)).data(1, 'all of it', true)
    await until(() => target.sockets[0]?.readableEnded === true)
    client.reset(1, constants.NGHTTP2_CANCEL)
    target.sockets[0]!.end()
    t.match(await line(gate), { reason: 'aborted', bytesIn: 9 })
    t.equal(text, 'all of it')
  })
  t.test('while the target is dialled', async t => {
    const { port } = await stalledListener(t)
    const gate = await gateway(t, { fastify: { http2: true } as never })
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, connectFields(`127.0.0.1:${port}`))
    await gate.logged(line => line['msg'] === 'incoming request')
    client.reset(1, constants.NGHTTP2_CANCEL)
    t.match(await line(gate), { status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  })
})

// Node 20 tells nobody of an error of the connection, nor that it has ended since.
t.test('an error of the HTTP/2 connection: a tunnel ends with its session', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { connect: { idleTimeout: 0 }, fastify: { http2: true, http2SessionTimeout: 500 } as never })
  const client = await RawHttp2.to(t, gate.port)
  client.headers(1, connectFields(target.authority)).data(1, 'x')
  await client.frame(({ type }) => type === 'DATA')
  client.send('DATA', 0, 0, 'x')
  t.ok(await client.frame(({ type }) => type === 'GOAWAY'))
  await until(() => target.sockets[0]!.destroyed)
  t.ok((await line(gate))['reason'])
  await until(() => client.closed)
})

t.test('a session that ends by GOAWAY: its tunnels go on (R-H2-5)', { skip: openssl.skip }, async t => {
  const target = await tcpOrigin(t)
  const { client } = await lab(t)
  const tunnel = await client.tunnel(target.authority, ALICE)
  client.session.close()
  tunnel.setEncoding('latin1').write('still here')
  t.equal((await once(tunnel, 'data'))[0], 'still here')
  tunnel.end()
  await once(client.session, 'close')
})

t.test('a frame other than DATA on a tunnel: it is a protocol error, and the target gets a reset (R-H2-4)', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: { http2: true } as never })
  const client = await RawHttp2.to(t, gate.port)
  client.headers(1, connectFields(target.authority)).data(1, 'x')
  await client.frame(({ type }) => type === 'DATA')
  const failed = once(target.sockets[0]!, 'error')
  client.headers(1, [['x-trailer', '1']], true)
  t.equal(await client.resetOf(1), constants.NGHTTP2_PROTOCOL_ERROR)
  t.match(await failed, [{ code: 'ECONNRESET' }])
})

t.test('a malformed CONNECT: it opens nothing (R-H2-1, R-H2-6, R-CONNECT-12)', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: { http2: true } as never })
  const { NGHTTP2_PROTOCOL_ERROR: MALFORMED } = constants
  const method = [':method', 'CONNECT'] as const
  const authority = [':authority', target.authority] as const
  const rows: Array<[name: string, fields: Array<readonly [string, string]>]> = [
    [':path', [method, authority, [':path', '/']]],
    [':scheme', [method, authority, [':scheme', 'https']]],
    ['both', [method, authority, [':scheme', 'https'], [':path', '/']]],
    [':protocol, which was not announced', [method, authority, [':scheme', 'https'], [':path', '/'], [':protocol', 'websocket']]],
    ['no :authority', [method]],
    ['no :authority but Host', [method, ['host', target.authority]]],
    ['two of it', [method, authority, authority]],
    ['two methods', [method, method, authority]],
    ['a pseudo-field behind a field', [method, ['x-a', '1'], authority]],
    ['an unknown pseudo-field', [method, authority, [':x', '1']]],
    ['a field in upper case', [method, authority, ['X-A', '1']]],
    ['Connection', [method, authority, ['connection', 'close']]],
    ['Proxy-Connection', [method, authority, ['proxy-connection', 'keep-alive']]],
    ['Transfer-Encoding', [method, authority, ['transfer-encoding', 'chunked']]],
    ['Upgrade', [method, authority, ['upgrade', 'websocket']]],
    ['TE', [method, authority, ['te', 'gzip']]]
  ]
  for (const [name, fields] of rows) {
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, [...fields, ['proxy-authorization', ALICE]])
    t.equal(await client.resetOf(1), MALFORMED, name)
    t.strictSame(client.typesOf(1), ['RST_STREAM'])
    client.socket.destroy()
  }
  t.equal(target.sockets.length, 0)
  t.strictSame(gate.log.filter(({ msg }) => msg === 'incoming request'), [])

  const answered: Array<[name: string, field: readonly [string, string]]> = [
    ['another host', ['host', 'origin.test:443']],
    ['another port', ['host', '127.0.0.1:1']],
    ['no host', ['host', 'origin.test:x']],
    ['content', ['content-length', '3']]
  ]
  const client = await Http2Client.to(t, gate.url)
  for (const [name, [field, value]] of answered) {
    const answer = await client.ask({ ':method': 'CONNECT', ':authority': target.authority, [field]: value, 'proxy-authorization': ALICE })
    t.match(answer, { status: 400 }, name)
  }
  const twice = await RawHttp2.to(t, gate.port)
  twice.headers(1, [...connectFields(target.authority), ['proxy-authorization', BOB]])
  await twice.frame(({ type, flags }) => type === 'DATA' && (flags & 1) === 1)
  t.ok(gate.log.some(({ err }) => (err as { code?: string } | undefined)?.code === 'FST_PROXY_AUTH_DUPLICATE_FIELD'), 'credentials twice')
  for (const host of [target.authority, '127.0.0.1']) {
    const stream = client.send({ ':method': 'CONNECT', ':authority': target.authority, host, 'proxy-authorization': ALICE }, null)
    t.match(await once(stream, 'response'), [{ ':status': 200 }], 'the same, with its port or without')
  }
})

function connectFields (authority: string): Array<readonly [string, string]> {
  return [[':method', 'CONNECT'], [':authority', authority], ['proxy-authorization', ALICE]]
}
