import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:http2'
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, answerDigestChallenge, lookupStatic } from '../../lib/index.js'
import { ANNOUNCED, announcedBy } from '../fixtures/announcing.js'
import { extended, extendedSocket } from '../fixtures/extended-socket.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { wholeAnswer } from '../fixtures/http2-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'
import type { Http2Client } from '../fixtures/http2-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import type { RawOrigin } from '../fixtures/raw-origin.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { next, webSocketOrigin } from '../fixtures/web-sockets.js'

const credentials = { 'proxy-authorization': ALICE }
const SHA256 = (octets: Buffer) => createHash('sha256').update(octets).digest('hex')

interface Way {
  readonly gate: Gateway
  readonly client: Http2Client
  /** The pseudo-header fields that lead to the target. */
  readonly fields: ReturnType<typeof extended>
}

/** The two ways in which a WebSocket gets to its upstream. */
const WAYS = {
  async reverse (t: Test, target: { url: string }, options: GatewayOptions = {}): Promise<Way> {
    const gate = await gateway(t, { fastify: ANNOUNCED, reverse: [{ prefix: '/api', upstream: target.url, websocket: true } as never], ...options })
    return { gate, client: await announcedBy(t, gate.url), fields: extended(`127.0.0.1:${gate.port}`, '/api/chat?x=%20') }
  },
  async forward (t: Test, target: { url: string }, options: GatewayOptions = {}): Promise<Way> {
    const gate = await gateway(t, { fastify: ANNOUNCED, ...options })
    return { gate, client: await announcedBy(t, gate.url), fields: extended(target.url.slice('http://'.length), '/chat?x=%20') }
  }
}

/** An origin that opens every WebSocket, with `more` in its answer. */
async function opening (t: Test, opened: (socket: Parameters<Parameters<typeof rawOrigin>[1]>[0]) => void = () => {}): Promise<RawOrigin> {
  return await rawOrigin(t, (socket, head) => {
    const [, key] = /\r\nsec-websocket-key: (.*)\r\n/i.exec(head) as unknown as [string, string]
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    opened(socket)
  })
}

const asking = ({ client, fields }: Way): ClientHttp2Stream => client.send({ ...fields, ...credentials, 'sec-websocket-version': '13' }, null)

async function opened (way: Way): Promise<ClientHttp2Stream> {
  const stream = asking(way)
  const [answer] = await once(stream, 'response') as [IncomingHttpHeaders]
  if (answer[':status'] as unknown !== 200) throw new Error(`status ${answer[':status']}`)
  return stream
}

for (const [name, way] of Object.entries(WAYS)) {
  t.test(`${name}: a WebSocket on a stream, messages both ways, one line, our fields on the 200 (R-XC-1, R-XC-4, R-CHAIN-7)`, async t => {
    const target = await webSocketOrigin(t, { handleProtocols: protocols => [...protocols].at(-1)!, perMessageDeflate: true })
    const { gate, client, fields } = await way(t, target, {
      after (app) { app.addHook('onRequest', async (_request, reply) => { reply.header('set-cookie', 'app=1').proxyAuthenticationInfo({ nextnonce: 'n' }) }) }
    })
    const socket = extendedSocket(t, client.session, String(fields[':path']), {
      authority: String(fields[':authority']),
      protocols: ['a', 'b'],
      headers: { 'Proxy-Authorization': ALICE, Authorization: 'Bearer app', Cookie: 'a=b' }
    })
    const [response] = await next<IncomingMessage>(socket, 'upgrade')
    t.match(response!.headers, { 'proxy-authentication-info': 'nextnonce="n"', 'set-cookie': undefined, via: /^1\.1 gateway-/ })
    t.equal(socket.protocol, 'b', 'as the origin chose')
    t.match(socket.extensions, 'permessage-deflate')
    const [{ headers: seen, url: path, method }] = target.seen as [IncomingMessage]
    t.match(seen, { authorization: 'Bearer app', cookie: 'a=b', upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-version': '13', via: /^2\.0 gateway-/ })
    t.equal(Buffer.from(seen['sec-websocket-key']!, 'base64').length, 16)
    t.notOk('proxy-authorization' in seen)
    t.equal(method, 'GET')
    t.match(path, /chat\?x=%20$/)
    const large = randomBytes(3_000_000)
    socket.send(large)
    const [echo] = await next<Buffer>(socket, 'message')
    t.equal(SHA256(echo!), SHA256(large))
    socket.ping('p')
    t.same(await next(socket, 'pong'), [Buffer.from('p')])
    const [other] = target.server.clients
    const closed = next(other as never, 'close')
    socket.close(4001, 'enough')
    t.same((await closed).map(String), ['4001', 'enough'])
    await gate.logged(({ proxy }) => proxy !== undefined)
    t.match(gate.proxied(), [{ user: 'alice', method: 'GET', target: target.url, status: 200, reason: undefined }])
    t.ok(Number(gate.proxied()[0]!['bytesIn']) > 3_000_000)
    await gate.logged(({ msg }) => msg === 'request completed')
    await gate.app.close()
  })

  t.test(`${name}: who is not let in gets his answer on the stream, and the origin is not asked (R-XC-4, R-H2-2)`, async t => {
    const target = await webSocketOrigin(t)
    target.server.on('connection', () => t.fail('it is not asked'))
    for (const hook of ['onRequest', 'preHandler'] as const) {
      const { client, fields } = await way(t, target, { hook })
      for (const [status, more] of [
        [407, {}], [407, { 'proxy-authorization': 'Basic YTpi' }], [400, { 'proxy-authorization': 'Basic !' }], [400, { ...credentials, 'content-length': '5' }]
      ] as const) {
        const answer = await client.ask({ ...fields, ...more }, '12345')
        t.match(answer, { status, rstCode: 0 }, `${status} ${Object.keys(more).join()}`)
        t.equal('proxy-authenticate' in answer.fields, status === 407)
      }
      t.equal(client.session.destroyed, false)
    }
  })

  t.test(`${name}: an answer that is no consent`, async t => {
    const consent = 'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    const answers: Array<[status: number, answer: string]> = [
      [404, 'HTTP/1.1 404 No\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nno'],
      [401, 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="o"\r\nContent-Length: 2\r\n\r\nno'],
      [502, 'HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nno'],
      [502, 'HTTP/1.1 204 Fine\r\n\r\n'],
      [502, 'HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno'],
      [502, `${consent}\r\n`],
      [502, `${consent}Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n`],
      [502, 'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n']
    ]
    for (const [status, text] of answers) {
      const target = await rawOrigin(t, socket => { socket.write(text) })
      const { gate, client, fields } = await way(t, target)
      const answer = await client.ask({ ...fields, ...credentials })
      t.match(answer, { status }, text)
      t.notMatch(Object.keys(answer.fields).join(), /sec-websocket|connection|upgrade/, text)
      if (status !== 502) t.equal(answer.body, 'no')
      t.match(await gate.logged(({ proxy }) => proxy !== undefined), { proxy: { status } }, text)
    }
  })

  t.test(`${name}: an end is passed on as an end, a reset as CANCEL, and the other way round`, async t => {
    const polite = await opening(t, socket => socket.on('end', () => socket.end('bye')))
    const stream = await opened(await way(t, polite))
    stream.end()
    t.match(await wholeAnswer(stream), { body: 'bye', rstCode: 0 })

    const leaving = await opening(t, socket => socket.end('gone'))
    const left = await opened(await way(t, leaving))
    t.match(String((await once(left, 'data'))[0]), 'gone')
    left.end('x')
    t.match(await wholeAnswer(left), { rstCode: 0 })

    const rude = await opening(t, socket => socket.once('data', () => socket.resetAndDestroy()))
    const cut = await opened(await way(t, rude))
    cut.write('x')
    t.match(await wholeAnswer(cut), { rstCode: constants.NGHTTP2_CANCEL })

    let failed: unknown
    const patient = await opening(t, socket => socket.on('error', error => { failed = error }))
    const { gate, fields } = await way(t, patient)
    const raw = await RawHttp2.to(t, gate.port) // node's client ends a stream before it resets it
    raw.headers(1, Object.entries({ ...fields, ...credentials }) as Array<[string, string]>)
    await raw.frame(({ type, stream }) => type === 'HEADERS' && stream === 1)
    raw.reset(1, constants.NGHTTP2_CANCEL)
    await until(() => patient.open.size === 0)
    t.match(failed, { code: 'ECONNRESET' })
  })

  t.test(`${name}: who does not read stalls the sender`, async t => {
    let sent = 0
    const target = await opening(t, socket => {
      const flood = (): void => {
        do sent += 65_536
        while (sent < 2 ** 28 && socket.write(Buffer.alloc(65_536)))
        if (sent < 2 ** 28) socket.once('drain', flood)
      }
      flood()
    })
    const stream = await opened(await way(t, target))
    stream.pause()
    const seen: number[] = []
    do await wait(200)
    while (seen.push(sent) < 2 || seen.at(-1) !== seen.at(-2))
    t.ok(sent < 64 * 2 ** 20, `${sent} octets left the origin`)
    stream.close(constants.NGHTTP2_CANCEL)
    await until(() => target.open.size === 0)
  })

  t.test(`${name}: limits, the end of the server and of its user`, async t => {
    const target = await opening(t)
    for (const [connect, reason] of [[{ idleTimeout: 50 }, 'idle'], [{ maxDuration: 50 }, 'expired']] as const) {
      const there = await way(t, target, { connect })
      t.match(await wholeAnswer(asking(there)), { status: 200, rstCode: constants.NGHTTP2_CANCEL })
      t.match(await there.gate.logged(({ proxy }) => proxy !== undefined), { proxy: { status: 200, reason } })
    }
    for (const [end, reason] of [['close', 'closing'], ['revoke', 'revoked']]) {
      const there = await way(t, target)
      const ended = wholeAnswer(await opened(there))
      if (end === 'close') await there.gate.app.close()
      else there.gate.app.proxyAuthRevoke('alice')
      t.match(await ended, { rstCode: constants.NGHTTP2_CANCEL })
      t.match(await there.gate.logged(({ proxy }) => proxy !== undefined), { proxy: { status: 200, reason } })
    }
    await until(() => target.open.size === 0)
  })

  t.test(`${name}: a client that leaves leaves nothing behind`, async t => {
    const silent = await rawOrigin(t, () => {})
    const { gate, client, fields } = await way(t, silent)
    const stream = client.send({ ...fields, ...credentials }, null)
    await until(() => silent.received[0]?.includes('\r\n\r\n') === true)
    stream.close(constants.NGHTTP2_CANCEL)
    t.match(await gate.logged(({ proxy }) => proxy !== undefined), { proxy: { status: 499 } })
    await until(() => silent.open.size === 0)
    await gate.app.close()
  })

  t.test(`${name}: a hook of the application that answers with success has opened nothing (R-CONNECT-5)`, async t => {
    const target = await opening(t)
    const { client, fields } = await way(t, target, {
      after (app) { app.addHook('onRequest', async (_request, reply) => await reply.send('hello')) }
    })
    t.match(await client.ask(fields), { status: 403, body: 'hello' })
  })

  t.test(`${name}: with Digest, signed as the GET that browsers take it for, its content as none`, async t => {
    const target = await opening(t)
    const digest = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), qop: ['auth', 'auth-int'] })
    const { client, fields } = await way(t, target, { strategies: [digest, basic()] })
    const { fields: { 'proxy-authenticate': challenges } } = await client.ask(fields)
    for (const qop of ['auth', 'auth-int'] as const) {
      const asked = { username: 'alice', password: 'alice-secret', method: 'GET', uri: String(fields[':path']), nc: qop === 'auth' ? 1 : 2, cnonce: 'c', qop }
      const signed = answerDigestChallenge(challenges as unknown as string, asked)!
      const stream = client.send({ ...fields, 'proxy-authorization': signed.credentials }, null)
      const [answer] = await once(stream, 'response') as [IncomingHttpHeaders]
      t.match(answer, { ':status': 200, 'proxy-authentication-info': new RegExp(`qop=${qop}, rspauth=`) }, qop)
      stream.close(constants.NGHTTP2_CANCEL)
    }
  })

  t.test(`${name}: an upstream that has overlooked the offer is a failure, however its answer is vouched for (R-CONNECT-5)`, async t => {
    const target = await rawOrigin(t, socket => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello') })
    const digest = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), qop: ['auth', 'auth-int'] })
    const { client, fields } = await way(t, target, { strategies: [digest] })
    const { fields: { 'proxy-authenticate': challenges } } = await client.ask(fields)
    const signed = answerDigestChallenge(challenges as unknown as string, { username: 'alice', password: 'alice-secret', method: 'GET', uri: String(fields[':path']), nc: 1, cnonce: 'c', qop: 'auth-int' })!
    t.match(await client.ask({ ...fields, 'content-length': '0', 'proxy-authorization': signed.credentials }), { status: 502 })
  })
}

t.test('an extended CONNECT to a prohibited, malformed or unreachable target: policy is as for any request (R-XC-4)', async t => {
  const { client } = await WAYS.forward(t, { url: 'http://origin.test' }, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] } })
  const rows: Array<[status: number, authority: string, scheme?: string]> = [
    [403, 'denied.test'], [403, '10.0.0.1'], [400, 'origin.test', 'ftp'], [502, '127.0.0.1:1'], [502, '127.0.0.1:1', 'https']
  ]
  for (const [status, authority, scheme] of rows) {
    t.match(await client.ask({ ...extended(authority, '/', scheme), ...credentials }), { status }, `${scheme} ${authority}`)
  }
})

t.test('an extended CONNECT that no route takes: 501, and a CONNECT without a protocol is what it was (R-XC-1)', async t => {
  const target = await tcpOrigin(t)
  const origin = await webSocketOrigin(t)
  const reverse = [{ prefix: '/api', upstream: origin.url, websocket: true }, { prefix: '/ws', upstream: origin.url, websocket: true, wsClientOptions: {} }, { prefix: '/plain', upstream: origin.url }]
  for (const forward of [undefined, { special: ['127.0.0.1:*'] }]) {
    const gate = await gateway(t, { fastify: ANNOUNCED, reverse: reverse as never, forward, after: app => { app.get('/own', async () => 'own') } })
    const client = await announcedBy(t, gate.url)
    const own = `127.0.0.1:${gate.port}`
    for (const [path, more] of [['/api', { ':protocol': 'connect-udp' }], ['/ws', {}], ['/own', {}], ['/plain', {}], ['/', { ':protocol': 'webtransport' }]] as const) {
      t.match(await client.ask({ ...extended(own, path), ...credentials, ...more }), { status: 501 }, path)
    }
    if (forward === undefined) continue
    t.match(await client.ask({ ...extended(target.authority, '/'), ...credentials, ':protocol': 'other' }), { status: 501 })
    const tunnel = await client.tunnel(target.authority, ALICE)
    tunnel.setEncoding('latin1').end('there and back')
    t.match(await wholeAnswer(tunnel), { body: 'there and back' })
  }
})

t.test('an extended CONNECT to a route that is an origin: it authenticates its own users (status 401)', async t => {
  const target = await webSocketOrigin(t)
  const { client, fields } = await WAYS.reverse(t, target, { reverse: [{ prefix: '/api', upstream: target.url, websocket: true, status: 401 } as never] })
  t.match(await client.ask(fields), { status: 401, fields: { 'www-authenticate': /^Basic / } })
  const socket = extendedSocket(t, client.session, '/api', { authority: String(fields[':authority']), headers: { Authorization: ALICE } })
  await next(socket, 'open')
  t.notOk('authorization' in target.seen[0]!.headers)
})

t.test('an application that takes some extended CONNECTs itself: it still gets them', async t => {
  const taken: unknown[] = []
  const gate = await gateway(t, {
    fastify: ANNOUNCED,
    before: app => {
      app.server.on('connect', (request: IncomingMessage, response: { writeHead (status: number): { end (): void } }) => {
        if (request.headers[':protocol'] === undefined) return
        taken.push([request.method, request.url])
        response.writeHead(200).end()
      })
    }
  })
  const client = await announcedBy(t, gate.url)
  t.match(await client.ask(extended(`127.0.0.1:${gate.port}`, '/mine')), { status: 200 })
  t.strictSame(taken, [['CONNECT', '/mine']])
})
