import { once } from 'node:events'
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:http2'
import type { ClientHttp2Stream } from 'node:http2'
import t from 'tap'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import { Http2Client, wholeAnswer } from '../fixtures/http2-client.js'
import { listenerCounts } from '../fixtures/listener-counts.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

// As docs/guide/tls-and-http2.md recommends; node's client counts what it sends alike.
const HTTP2 = { http2: true, http: { maxSessionMemory: 128, settings: { maxConcurrentStreams: 1000 } } } as never
const ROOMY = { maxSessionMemory: 128 }
const SHA256 = (octets: Buffer) => createHash('sha256').update(octets).digest('hex')

function hashOf (stream: ClientHttp2Stream): Promise<string> {
  const hash = createHash('sha256')
  return new Promise(resolve => stream.on('data', chunk => hash.update(chunk)).on('end', () => resolve(hash.digest('hex'))))
}

t.test('many tunnels on one session: each carries its octets and ends by itself (R-H2-2, R-CONNECT-17)', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: HTTP2 })
  const client = await Http2Client.to(t, gate.url, ROOMY)
  const content = randomBytes(256 * 1024)
  const expected = SHA256(content)
  const hashes = await Promise.all(Array.from({ length: 50 }, async () => {
    const tunnel = await client.tunnel(target.authority, ALICE)
    const hash = hashOf(tunnel)
    tunnel.end(content)
    return await hash
  }))
  t.ok(hashes.every(hash => hash === expected))
  await until(() => gate.proxied().length === 50)
  t.ok(gate.proxied().every(({ bytesIn, bytesOut, reason }) => bytesIn === content.length && bytesOut === content.length && reason === undefined))
  await until(() => target.sockets.every(({ destroyed }) => destroyed))
})

t.test('a client that does not read: its own stream and target are stalled, and no others (R-H2-2)', async t => {
  let written = 0
  const flood = await tcpOrigin(t, socket => {
    const chunk = Buffer.alloc(65_536)
    const write = () => { while (socket.write(chunk, () => { written += chunk.length }) && !socket.destroyed); }
    socket.on('drain', write)
    write()
  })
  const echo = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: HTTP2 })
  const client = await Http2Client.to(t, gate.url, ROOMY)
  const stalled = await client.tunnel(flood.authority, ALICE)
  stalled.pause()
  const level = async () => {
    let before = -1
    while (before !== written) {
      before = written
      await new Promise(resolve => setTimeout(resolve, 200)) // that nothing more comes, no event tells
    }
    return written
  }
  t.ok(await level() < 32 * 2 ** 20, 'what fits in the buffers, and no more')
  const other = await client.tunnel(echo.authority, ALICE)
  const hash = hashOf(other)
  const content = randomBytes(2 ** 20)
  other.end(content)
  t.equal(await hash, SHA256(content))
  stalled.close(constants.NGHTTP2_CANCEL)
  await until(() => flood.sockets[0]!.destroyed)
})

t.test('a target that does not read: its client stream is stalled, and no other (R-H2-2)', async t => {
  const deaf = await tcpOrigin(t, socket => { socket.pause() })
  const echo = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: HTTP2 })
  const client = await Http2Client.to(t, gate.url, ROOMY)
  const stalled = await client.tunnel(deaf.authority, ALICE)
  let taken = 0
  const chunk = Buffer.alloc(65_536)
  for (let i = 0; i < 1024; i++) stalled.write(chunk, () => { taken += chunk.length })
  const other = await client.tunnel(echo.authority, ALICE)
  const hash = hashOf(other)
  const content = randomBytes(2 ** 20)
  other.end(content)
  t.equal(await hash, SHA256(content))
  t.ok(taken < 32 * 2 ** 20, 'what fits in the buffers, and no more')
  stalled.close(constants.NGHTTP2_CANCEL)
})

t.test('a tunnel that is idle, too old, or open when the server stops: it is ended in time (R-CONNECT-17)', async t => {
  for (const [connect, reason] of [[{ idleTimeout: 50 }, 'idle'], [{ maxDuration: 50 }, 'expired']] as const) {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { connect, fastify: HTTP2 })
    const client = await Http2Client.to(t, gate.url, ROOMY)
    const tunnel = client.send({ ':method': 'CONNECT', ':authority': target.authority, 'proxy-authorization': ALICE }, null)
    t.match(await wholeAnswer(tunnel), { status: 200, rstCode: constants.NGHTTP2_CANCEL })
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason })
    await until(() => target.sockets[0]!.destroyed)
    t.equal(client.session.destroyed, false)
  }
  t.test('app.close() waits for a tunnel that ends', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 2 ** 31 - 1, fastify: HTTP2 })
    const client = await Http2Client.to(t, gate.url, ROOMY)
    const tunnel = await client.tunnel(target.authority, ALICE)
    const away = once(client.session, 'goaway')
    const closed = gate.app.close()
    await away
    tunnel.setEncoding('latin1').end('still here')
    t.match(await wholeAnswer(tunnel), { body: 'still here', rstCode: 0 })
    await closed
  })
  t.test('app.close() ends one that does not', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 50, fastify: HTTP2 })
    const client = await Http2Client.to(t, gate.url, ROOMY)
    const answer = wholeAnswer(await client.tunnel(target.authority, ALICE))
    await gate.app.close()
    t.match(await answer, { rstCode: constants.NGHTTP2_CANCEL })
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason: 'closing' })
    await until(() => target.sockets[0]!.destroyed)
  })
})

t.test('a session that Fastify finds idle: it keeps its tunnels', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: { http2: true, http2SessionTimeout: 500 } as never })
  const client = await Http2Client.to(t, gate.url, ROOMY)
  const away = once(client.session, 'goaway')
  const tunnel = await client.tunnel(target.authority, ALICE)
  await away
  tunnel.setEncoding('latin1').end('still here')
  t.match(await wholeAnswer(tunnel), { body: 'still here', rstCode: 0 })
})

t.test('streams that are reset as fast as they are opened: they leave nothing behind (R-H2-3, CVE-2023-44487)', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { fastify: HTTP2, level: 'silent' })
  const client = await RawHttp2.to(t, gate.port)
  const before = listenerCounts(gate.app.server)
  const fields = [[':method', 'CONNECT'], [':authority', target.authority], ['proxy-authorization', ALICE]] as const
  for (let i = 0; i < 400; i++) client.headers(2 * i + 1, fields).reset(2 * i + 1, constants.NGHTTP2_CANCEL)
  client.headers(801, fields).data(801, 'and one that stays')
  await client.frame(({ type, stream }) => type === 'DATA' && stream === 801)
  await until(() => target.sockets.filter(({ destroyed }) => !destroyed).length === 1)
  t.strictSame(listenerCounts(gate.app.server), before)
  client.socket.destroy()
  await until(() => target.sockets.every(({ destroyed }) => destroyed))
})

t.test('schemes that are bound to a connection: they are neither offered nor accepted (R-H2-8, R-CH-13)', async t => {
  const ntlm = foreign('ntlm', function () { this.success({ username: 'alice' }) })
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { connectionBound: {}, strategies: [{ strategy: ntlm, scheme: 'NTLM' }, { strategy: ntlm, scheme: 'Negotiate' }, basic()], fastify: HTTP2 })
  const client = await Http2Client.to(t, gate.url, ROOMY)
  const connect = { ':method': 'CONNECT', ':authority': target.authority }
  for (const fields of [connect, { ':scheme': 'http', ':authority': target.authority, ':path': '/' }]) {
    for (const credentials of [undefined, 'NTLM TlRMTVNTUAABAAAA', 'Negotiate YII=']) {
      const answer = await client.ask({ ...fields, ...(credentials !== undefined && { 'proxy-authorization': credentials }) })
      t.match(answer, { status: 407, fields: { 'proxy-authenticate': 'Basic realm="Gateway", charset="UTF-8"' } })
    }
  }
  t.equal(target.sockets.length, 0)
})

t.test('extended CONNECT: only the application announces it, and then it is authenticated as any request (R-XC-1, R-XC-2, R-XC-3, R-XC-4)', async t => {
  const ENABLE_CONNECT_PROTOCOL = 8
  const target = await tcpOrigin(t)
  for (const enabled of [false, true]) {
    const gate = await gateway(t, { fastify: { http2: true, ...(enabled && { http: { settings: { enableConnectProtocol: true } } }) } as never })
    const client = await RawHttp2.to(t, gate.port)
    client.headers(1, [[':method', 'CONNECT'], [':authority', target.authority], [':scheme', 'http'], [':path', '/'], [':protocol', 'websocket']])
    if (enabled) t.ok(await client.frame(({ type, stream }) => type === 'HEADERS' && stream === 1))
    else t.equal(await client.resetOf(1), constants.NGHTTP2_PROTOCOL_ERROR)
    const plain = [[':method', 'CONNECT'], [':authority', target.authority], ['proxy-authorization', ALICE]] as const
    const opened = target.next()
    client.headers(3, plain).data(3, 'a WebSocket, for one')
    await opened
    await client.frame(({ type, stream }) => type === 'DATA' && stream === 3)
    const settings = client.frames.filter(({ type, flags }) => type === 'SETTINGS' && (flags & 1) === 0).flatMap(({ payload }) =>
      Array.from({ length: payload.length / 6 }, (_, i) => [payload.readUInt16BE(i * 6), payload.readUInt32BE(i * 6 + 2)]))
    t.strictSame(settings.filter(([id]) => id === ENABLE_CONNECT_PROTOCOL), enabled ? [[ENABLE_CONNECT_PROTOCOL, 1]] : [])
  }
  t.equal(target.sockets.length, 2, 'the plain ones')
})
