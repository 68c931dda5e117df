import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'
import type { WebSocketOrigin } from '../fixtures/web-sockets.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const headers = { 'Proxy-Authorization': ALICE }
const ASK = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']

/** The two ways in which a WebSocket gets to its upstream: as it is, or by the server and client of @fastify/http-proxy. */
const WAYS = { 'as it is': {}, 'by http-proxy': { wsClientOptions: {} } }

function ask (path: string, ...fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: gateway.test', ...ASK, ...fields, '', ''].join('\r\n')
}

async function route (t: Test, target: { url: string }, way: object, options: GatewayOptions = {}): Promise<Gateway> {
  return await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url, websocket: true, ...way } as never], ...options })
}

for (const [name, way] of Object.entries(WAYS)) {
  t.test(`a WebSocket ${name}: messages both ways, one line, fields of the gate on the 101 (R-UPG-1, R-UPG-3, R-CHAIN-7)`, async t => {
    const target = await webSocketOrigin(t)
    const { url, logged, proxied, app } = await route(t, target, way, {
      after (app) { app.addHook('onRequest', async (_request, reply) => { reply.header('set-cookie', 'app=1').proxyAuthenticationInfo({ nextnonce: 'n' }) }) }
    })
    const socket = webSocket(t, `${url}/api/chat?x=1`, { headers: { ...headers, Authorization: 'Bearer app', Cookie: 'a=b' }, protocols: ['chat'] })
    const [response] = await next<IncomingMessage>(socket, 'upgrade')
    t.match(response!.headers, { 'proxy-authentication-info': 'nextnonce="n"', 'set-cookie': undefined })
    t.equal(socket.protocol, 'chat')
    socket.send('text')
    t.same(await next(socket, 'message'), [Buffer.from('text'), false])
    const [{ headers: seen, url: path }] = target.seen as [IncomingMessage]
    t.match(seen, { authorization: 'Bearer app', cookie: 'a=b', 'sec-websocket-protocol': 'chat', 'x-forwarded-for': '127.0.0.1' })
    t.notOk('proxy-authorization' in seen)
    t.equal(path, '/chat?x=1')
    const large = randomBytes(3_000_000)
    socket.send(large)
    const [echo] = await next<Buffer>(socket, 'message')
    t.equal(createHash('sha256').update(echo!).digest('hex'), createHash('sha256').update(large).digest('hex'))
    const [other] = target.server.clients
    const closed = next(other as never, 'close')
    socket.close(4001, 'enough')
    t.same((await closed).map(String), ['4001', 'enough'])
    await logged(({ proxy }) => proxy !== undefined)
    t.match(proxied(), [{ user: 'alice', status: 101, target: target.url, reason: undefined }])
    t.ok(Number(proxied()[0]!['bytesIn']) > 3_000_000)
    t.equal(proxied().length, 1)
    await app.close()
  })

  t.test(`${name}, a refusal says that it closes, closes, and comes before the upstream (R-UPG-1, R-UPG-2, R-407-7)`, async t => {
    const target = await webSocketOrigin(t)
    target.server.on('connection', () => t.fail('it is not asked'))
    for (const hook of ['onRequest', 'preHandler'] as const) {
      const { port } = await route(t, target, way, { hook })
      for (const [status, fields] of [[407, []], [407, ['Proxy-Authorization: Basic YTpi']], [400, ['Proxy-Authorization: Basic !']]] as const) {
        const client = await RawClient.to(t, port)
        t.match(readAnswer(await client.send(ask('/api/chat', ...fields)).end()), { status, fields: { connection: 'close' } })
      }
    }
  })

  t.test(`${name}, it ends with the gateway, and with its user`, async t => {
    const target = await webSocketOrigin(t)
    for (const [end, reason] of [['close', 'closing'], ['revoke', 'revoked']]) {
      const { app, url, logged } = await route(t, target, way)
      const socket = webSocket(t, `${url}/api`, { headers })
      await next(socket, 'open')
      const closed = next(socket, 'close')
      if (end === 'close') await app.close()
      else app.proxyAuthRevoke('alice')
      await closed
      t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { status: 101, reason } })
    }
  })
}

t.test('other listeners of upgrades beside it: each upgrade has one owner and an answer, and the gateway closes', async t => {
  const target = await webSocketOrigin(t)
  const second = await webSocketOrigin(t)
  for (const [name, way] of Object.entries(WAYS)) {
    const own: string[] = []
    const { app, url, port } = await gateway(t, {
      reverse: [
        { prefix: '/api', upstream: target.url, websocket: true, ...way },
        { prefix: '/second', upstream: second.url, websocket: true }
      ] as never,
      before (app) {
        app.get('/admin', async () => 'admin')
        app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
          if (request.url !== '/own') return
          own.push(request.url)
          socket.resume().end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n')
        })
      }
    })
    for (const path of ['/api', '/api/x', '/second/y']) {
      const socket = webSocket(t, `${url}${path}`, { headers })
      await next(socket, 'open')
      socket.terminate()
    }
    const rows: Array<[message: string, status: number]> = [
      [ask('/own'), 426],
      [ask('http://denied.test/'), 407],
      [ask('http://10.0.0.1/', RIGHT), 403],
      [ask('http://u:p@denied.test/', RIGHT), 400],
      [ask('/api/x').replace('websocket', 'h2c').replace('Connection: Upgrade', 'Connection: Upgrade, close'), 407],
      [ask('/api/x').replace('GET', 'POST').replace('Connection: Upgrade', 'Connection: Upgrade, close'), 407]
    ]
    for (const [message, status] of rows) {
      const client = await RawClient.to(t, port)
      t.equal(readAnswer(await client.send(message).end()).status, status, `${name}, ${message.split('\r\n')[0]}`)
      client.socket.destroy()
    }
    const admin = await RawClient.to(t, port)
    admin.send(ask('/admin'))
    t.same(own, ['/own'])
    await app.close()
    await admin.end()
  }
})

t.test('an upgrade that is no WebSocket of ours, without other listeners: it is a plain request on a kept connection', async t => {
  const target = await webSocketOrigin(t)
  for (const [name, way] of Object.entries(WAYS)) {
    const { port } = await route(t, target, way, {
      forward: undefined,
      after (app) { app.all('/admin', async ({ method }) => `admin ${method}`) }
    })
    const client = await RawClient.to(t, port)
    for (const upgrade of ['websocket', 'h2c', 'other']) {
      t.match(readAnswer(await client.send(ask('/admin').replace('websocket', upgrade)).answer()), { status: 200, body: 'admin GET' }, `${name}, ${upgrade}`)
    }
    t.match(readAnswer(await client.send(ask('/api/x', RIGHT).replace('websocket', 'h2c')).answer()), { status: 200, body: 'origin' })
    t.match(readAnswer(await client.send(ask('/apis')).answer()), { status: 404 })
  }
})

t.test('as it is: subprotocol and extensions of the upstream, pings, half-close, other answers', async t => {
  const target = await webSocketOrigin(t, { handleProtocols: protocols => [...protocols].at(-1)!, perMessageDeflate: true })
  const { url } = await route(t, target, {})
  const socket = webSocket(t, `${url}/api`, { headers, protocols: ['a', 'b'] })
  await next(socket, 'open')
  t.equal(socket.protocol, 'b')
  t.match(socket.extensions, 'permessage-deflate')
  socket.ping('p')
  t.same(await next(socket, 'pong'), [Buffer.from('p')])

  const half = await rawOrigin(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('end', () => socket.end('bye'))
  })
  const gate = await route(t, half, {})
  const client = await RawClient.to(t, gate.port)
  await client.send(ask('/api', RIGHT)).answer()
  client.socket.end()
  t.equal(await client.end(), 'bye')
  t.notMatch(half.received[0], /proxy-authorization/i)
  t.match(half.received[0], /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/)

  for (const [answer, status] of [['HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno', 401], ['HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n', 502], ['HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n', 502], ['HTTP/1.1 101 Yes\r\n\r\n', 502]] as const) {
    const refusing = await rawOrigin(t, socket => { socket.write(answer) })
    const { port, logged } = await route(t, refusing, {})
    const asking = await RawClient.to(t, port)
    t.match(readAnswer(await asking.send(ask('/api', RIGHT)).end()), { status, fields: { connection: 'close' } }, answer)
    t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { status } }, answer)
  }
})

t.test('an upgrade on a route with Digest and Basic: it is challenged with both, and right credentials get the 101 (R-UPG-1)', async t => {
  const target: WebSocketOrigin = await webSocketOrigin(t)
  const strategies = [new DigestStrategy(lookupStatic({ alice: 'alice-secret' })), basic()]
  const { port } = await route(t, target, {}, { strategies })
  const client = await RawClient.to(t, port)
  const { fields } = readAnswer(await client.send(ask('/api')).end())
  t.match(fields, { 'proxy-authenticate': /^Digest .*Basic /, connection: 'close' })
  const again = await RawClient.to(t, port)
  t.match(await again.send(ask('/api', RIGHT)).until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 101 /)
})
