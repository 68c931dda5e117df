import { once } from 'node:events'
import { constants } from 'node:http2'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { until } from '../fixtures/until.js'

// Frames that were found to end a process of node, or to stay in it, sent by a client without credentials unless they say otherwise.

const FRAME = Buffer.alloc(16_000)
type Fields = ReadonlyArray<readonly [string, string]>
/** Of the gateway: without a forward proxy every authority is its own. */
const get = (path = '/api/x', more: Fields = [], method = 'GET', authority = 'gw.test'): Fields =>
  [[':method', method], [':scheme', 'http'], [':authority', authority], [':path', path], ['proxy-authorization', ALICE], ...more]

/** What is sent, and how it ends: the connection, or that stream. */
const ATTACKS: Array<[name: string, ends: 'connection' | 'stream', send: (client: RawHttp2) => void]> = [
  ['a window beyond 2^31 (CVE-2026-21714)', 'connection', client => {
    for (let i = 0; i < 2; i++) client.send('WINDOW_UPDATE', 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))
  }],
  ['a head that is no HPACK (CVE-2025-59465)', 'connection', client => client.send('HEADERS', 5, 1, Buffer.alloc(300, 0xff))],
  ['a head whose end does not come (CVE-2024-27983)', 'connection', client => {
    client.send('HEADERS', 1, 1, FRAME)
    for (let i = 0; i < 20; i++) client.send('CONTINUATION', 0, 1, FRAME)
  }],
  ['content of a stream that is not there (CVE-2026-48937)', 'connection', client => client.send('DATA', 0, 5, 'x')],
  ['pings without end', 'connection', client => { for (let i = 0; i < 20_000; i++) client.send('PING', 0, 0, Buffer.alloc(8)) }],
  ['settings without end', 'connection', client => { for (let i = 0; i < 20_000; i++) client.send('SETTINGS', 0, 0) }],
  ['a name in capitals', 'stream', client => client.headers(1, get('/api/x', [['X-Upper', '1']]), true)],
  ['a line end in the path', 'stream', client => client.headers(1, get('/api/x HTTP/1.1\r\nX-Evil: 1'), true)],
  ['a transfer coding', 'stream', client => client.headers(1, get('/api/x', [['transfer-encoding', 'chunked']], 'POST')).data(1, 'x', true)],
  ['two lengths', 'stream', client => client.headers(1, get('/api/x', [['content-length', '1'], ['content-length', '3']], 'POST')).data(1, 'xyz', true)],
  ['a field of the connection', 'stream', client => client.headers(1, get('/api/x', [['connection', 'x-forwarded-for']]), true)]
]

/** Idle sessions end soon: node 20 leaves those of which it has said GOAWAY to that. */
const HTTP2 = { http2: true, http2SessionTimeout: 1_000 }

t.test('frames that break the protocol: the connection or the stream ends, nothing reaches an upstream, the others are served (CVE-2024-27983, CVE-2025-23085, CVE-2025-59465, CVE-2026-21714, CVE-2026-48937)', async t => {
  const upstream = await origin(t)
  const { app, port, url, log } = await gateway(t, { fastify: HTTP2 as never, reverse: [{ prefix: '/api', upstream: upstream.url }], forward: undefined as never })
  for (const [name, ends, send] of ATTACKS) {
    const client = await RawHttp2.to(t, port)
    send(client)
    if (ends === 'connection') {
      t.equal(await client.frame(() => false), undefined, name)
    } else {
      t.equal(await client.resetOf(1), constants.NGHTTP2_PROTOCOL_ERROR, name)
      client.socket.destroy()
    }
    const leaving = await RawHttp2.to(t, port)
    send(leaving)
    leaving.socket.resetAndDestroy()
  }
  t.same(upstream.seen, [])
  await until(async () => await new Promise(resolve => (app.server as Server).getConnections((_error, count) => resolve(count === 0))))
  t.match(await (await Http2Client.to(t, url)).ask({ ':path': '/api/x', 'proxy-authorization': ALICE }), { status: 200, body: 'origin' })
  t.same(log.filter(({ level }) => level as number >= 50), [])
})

t.test('the same inside TLS: a connection that ends in the middle of a bad head ends no process (CVE-2025-59465)', { skip: openssl.skip }, async t => {
  const upstream = await origin(t)
  const { port, log } = await gateway(t, { fastify: { ...HTTP2, https: certificate(t, 'gw.test') } as never, reverse: [{ prefix: '/api', upstream: upstream.url }], forward: undefined as never })
  const head = Buffer.from([0, 0x01, 0x2c, 1, 5, 0, 0, 0, 1])
  for (const end of ['reset', 'end', 'leave'] as const) {
    const raw = connect(port, '127.0.0.1')
    const socket = connectTls({ socket: raw, rejectUnauthorized: false, ALPNProtocols: ['h2'] }).on('error', () => {}).resume()
    t.teardown(() => { raw.destroy() })
    await once(socket, 'secureConnect')
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'), head, Buffer.alloc(300, 0xff)]))
    if (end !== 'leave') await once(socket, 'data')
    if (end === 'end') socket.end()
    else raw.resetAndDestroy()
    await once(raw, 'close')
  }
  t.match(await (await Http2Client.to(t, `https://127.0.0.1:${port}`)).ask({ ':path': '/api/x', 'proxy-authorization': ALICE }), { status: 200 })
  t.same(log.filter(({ level }) => level as number >= 50), [])
})

t.test('a method, field or protocol that is a name of objects, or holds more than one: never more than one request (CVE-2026-47219, CVE-2026-21710, CVE-2026-1527)', async t => {
  const upstream = await origin(t)
  const gate = await gateway(t, {
    fastify: { http2: true, http: { settings: { enableConnectProtocol: true } } } as never,
    reverse: [{ prefix: '/api', upstream: upstream.url, websocket: true }],
    forward: { special: ['127.0.0.1:*'], authorities: ['gw.test'] },
    after: app => { app.get('/own', async () => 'own') }
  })
  const status = async (fields: Fields) => {
    const client = await RawHttp2.to(t, gate.port)
    await client.frame(({ type }) => type === 'SETTINGS')
    client.headers(1, fields, fields.every(([name]) => name !== ':protocol'))
    const first = (await client.frame(({ stream, type }) => stream === 1 && (type === 'HEADERS' || type === 'RST_STREAM')))!
    client.socket.destroy()
    return first.type
  }
  for (const method of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
    for (const path of ['/api/x', '/own', '/nothing']) t.equal(await status(get(path, [], method)), 'HEADERS', `${method} ${path}`)
    t.equal(await status(get('/x', [], method, upstream.authority)), 'HEADERS', `${method}, forwarded`)
  }
  t.same(upstream.seen, [])
  for (const name of ['__proto__', 'constructor', 'hasownproperty', 'to-string']) {
    for (const authority of ['gw.test', upstream.authority]) t.equal(await status(get('/api/x', [[name, 'x']], 'GET', authority)), 'HEADERS', name)
  }
  t.equal(upstream.seen.splice(0).length, 8)
  for (const value of ['a\r\nx-evil: 1', 'a\nx-evil: 1', 'a\0x-evil']) {
    for (const authority of ['gw.test', upstream.authority]) {
      await status(get('/api/x', [['x-a', value]], 'GET', authority))
      await status([[':protocol', value], ...get('/api/x', [['sec-websocket-version', '13']], 'CONNECT', authority)])
      await status(get(`/api/${value}`, [], 'GET', authority))
      await status(get('/api/x', [], value, authority))
    }
  }
  for (const { rawHeaders } of upstream.seen) t.notMatch(rawHeaders.join('\n'), /evil/)
  t.match(await (await Http2Client.to(t, gate.url)).ask({ ':path': '/own' }), { status: 200 })
  t.same(gate.log.filter(({ level }) => level as number >= 50), [])
})
