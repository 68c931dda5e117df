import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { listen, origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { until } from '../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const headers = { 'Proxy-Authorization': ALICE }

/** An upgrade in absolute-form. */
function ask (authority: string, fields: string[] = [RIGHT], upgrade = 'websocket'): string {
  return [`GET http://${authority}/chat HTTP/1.1`, `Host: ${authority}`, 'Connection: Upgrade', `Upgrade: ${upgrade}`, ...fields, '', ''].join('\r\n')
}

/** An origin that switches to whatever it is told, and then sends back what comes. */
async function switching (t: Test, answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\nX-Own: \xe9\r\n\r\n') {
  return await rawOrigin(t, socket => {
    socket.write(answer, 'latin1')
    socket.on('data', data => socket.write(`<${String(data)}>`, 'latin1'))
    socket.on('end', () => socket.end('bye'))
  })
}

t.test('a WebSocket by absolute-form: texts, octets, pings, subprotocol, close code, one line (R-UPG-1, R-UPG-3)', async t => {
  const target = await webSocketOrigin(t, { handleProtocols: protocols => [...protocols].at(-1)!, perMessageDeflate: true })
  const { url, logged, app } = await gateway(t)
  const socket = webSocket(t, url, {
    target: `http://${target.authority}/chat?x=%20`, protocols: ['a', 'b'], headers: { ...headers, Authorization: 'Bearer o', Cookie: 'c=d', 'X-Own': '1' }
  })
  const [response] = await next<IncomingMessage>(socket, 'upgrade')
  t.match(response!.headers, { connection: 'Upgrade', upgrade: 'websocket', via: /^1\.1 gateway-/ })
  t.equal(socket.protocol, 'b', 'as the origin chose')
  t.match(socket.extensions, 'permessage-deflate')
  const [{ headers: seen, url: path }] = target.seen as [IncomingMessage]
  t.match(seen, { host: target.authority, authorization: 'Bearer o', cookie: 'c=d', 'x-own': '1', upgrade: 'websocket', connection: 'upgrade', via: /^1\.1 gateway-/ })
  t.notOk('proxy-authorization' in seen)
  t.equal(path, '/chat?x=%20')

  socket.send('text')
  t.same(await next(socket, 'message'), [Buffer.from('text'), false])
  const large = randomBytes(3_000_000)
  socket.send(large)
  const [echo] = await next<Buffer>(socket, 'message')
  t.equal(createHash('sha256').update(echo!).digest('hex'), createHash('sha256').update(large).digest('hex'))
  socket.ping('p')
  t.same(await next(socket, 'pong'), [Buffer.from('p')])
  const [other] = target.server.clients
  other!.ping('q')
  const pong = next(other as never, 'pong')
  t.same(await pong, [Buffer.from('q')])
  const closed = next(other as never, 'close')
  socket.close(4001, 'enough')
  t.same((await closed).map(String), ['4001', 'enough'])
  const { proxy: line } = await logged(({ proxy }) => proxy !== undefined) as { proxy: Record<string, number> }
  t.match(line, { user: 'alice', method: 'GET', target: `http://${target.authority}`, status: 101, reason: undefined })
  t.ok(line['bytesIn']! > 3_000_000 && line['bytesOut']! > 3_000_000)
  await logged(({ msg }) => msg === 'request completed')
  await app.close()
})

t.test('an upgrade to any protocol that the origin accepts: octets pass as they are, also when half-closed (R-UPG-3)', async t => {
  const target = await switching(t)
  const { port, proxied, logged } = await gateway(t)
  const client = await RawClient.to(t, port)
  const head = await client.send(ask(target.authority, [RIGHT, 'Connection: X-Hop', 'X-Hop: 1'], 'h2c, chat/1, CHAT')).answer()
  t.match(readAnswer(head), { line: 'HTTP/1.1 101 Switching Protocols', fields: { connection: 'Upgrade', upgrade: 'chat', 'x-own': '\xe9' } })
  t.notMatch(head, /transfer-encoding|content-length/i)
  t.match(target.received[0], /\r\nconnection: upgrade\r\nupgrade: chat\/1, CHAT\r\n/)
  t.notMatch(target.received[0], /h2c|x-hop|proxy-auth/i)
  t.equal(await client.send('\x00\xff').until(text => text.endsWith('>')), '<\x00\xff>')
  client.socket.end()
  t.equal(await client.end(), '<\x00\xff>bye')
  await logged(({ proxy }) => proxy !== undefined)
  t.match(proxied(), [{ status: 101, bytesIn: 2, bytesOut: 7 }])
})

t.test('octets behind the head of an upgrade: they reach the other protocol once (R-UPG-1)', async t => {
  const target = await switching(t, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello')
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const all = await client.send(`${ask(target.authority, [RIGHT], 'chat')}early`).until(text => text.endsWith('>'))
  t.match(all, /\r\n\r\nhello<early>$/)
})

t.test('a response other than 101 to an upgrade: it is relayed as such, and the connection is closed (R-UPG-2)', async t => {
  const answers: Record<string, string> = {
    200: 'HTTP/1.1 200 Fine\r\nX-Own: 1\r\nContent-Length: 4\r\n\r\ntext',
    '200 chunked': 'HTTP/1.1 200 Fine\r\nX-Own: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n',
    401: 'HTTP/1.1 401 Fine\r\nX-Own: 1\r\nWWW-Authenticate: Basic realm="o"\r\nContent-Length: 4\r\n\r\ntext',
    426: 'HTTP/1.1 426 Fine\r\nX-Own: 1\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 4\r\n\r\ntext'
  }
  for (const [name, text] of Object.entries(answers)) {
    const target = await rawOrigin(t, socket => { socket.write(text) })
    const { port, proxied, logged } = await gateway(t)
    const client = await RawClient.to(t, port)
    const { line, fields, body } = readAnswer(await client.send(ask(target.authority)).end())
    t.equal(line, `HTTP/1.1 ${name.slice(0, 3)} Fine`)
    t.match(fields, { 'x-own': '1', connection: 'close', via: /^1\.1 / }, name)
    t.match(body, /text/, name)
    t.notOk('upgrade' in fields && name !== '426', name)
    await logged(({ proxy }) => proxy !== undefined)
    t.match(proxied(), [{ status: Number(name.slice(0, 3)), bytesOut: 4 }], name)
  }
})

t.test('a 101 that was not asked for, or to another protocol: 502 (R-UPG-3)', async t => {
  const bad = ['Connection: Upgrade\r\nUpgrade: other', 'Connection: Upgrade\r\nUpgrade: h2c', 'Connection: Upgrade\r\nUpgrade: websocket, other', 'Connection: Upgrade', 'X: y']
  for (const fields of bad) {
    const target = await rawOrigin(t, socket => { socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`) })
    const { port } = await gateway(t)
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(ask(target.authority)).end()), { status: 502, fields: { connection: 'close' } }, fields)
    await until(() => target.open.size === 0)
    const plain = await RawClient.to(t, port)
    t.match(await plain.send(`GET http://${target.authority}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${RIGHT}\r\n\r\n`).end(), /^HTTP\/1.1 502 /, fields)
  }
})

t.test('an upgrade that is refused: the origin is not asked, and the response says that it closes and does (R-UPG-1, R-UPG-2, R-407-7, R-407-11)', async t => {
  const target = await origin(t)
  const { port } = await gateway(t, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] } })
  const rows: Array<[status: number, message: string]> = [
    [407, ask(target.authority, [])],
    [407, ask(target.authority, ['Proxy-Authorization: Basic YTpi'])],
    [400, ask(target.authority, ['Proxy-Authorization: Basic !'])],
    [403, ask('denied.test')],
    [400, ask(target.authority).replace('http://', 'http://user:secret@')],
    [400, ask(target.authority).replace('http://', 'ftp://')],
    [400, ask(target.authority, [RIGHT, 'Host: x'])]
  ]
  for (const [status, message] of rows) {
    const client = await RawClient.to(t, port)
    const answer = readAnswer(await client.send(message).end())
    t.match(answer, { status, fields: { connection: 'close' } }, message)
    t.equal(answer.body.length, Number(answer.fields['content-length']))
    t.equal('proxy-authenticate' in answer.fields, status === 407)
    t.ok('date' in answer.fields)
  }
  t.equal(target.connections, 0)
})

t.test('an upgrade to HTTP, in HTTP/1.0 or beside content: it is overlooked, and the connection is kept (R-UPG-3)', async t => {
  const target = await origin(t, (_request, response, body) => { response.end(`got ${body.length}`) })
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  for (const upgrade of ['h2c', 'HTTP/2.0', 'h2', '', '"', 'h2c, http/3']) {
    t.match(readAnswer(await client.send(ask(target.authority, [RIGHT], upgrade)).answer()), { status: 200, fields: { connection: 'keep-alive' }, body: 'got 0' }, upgrade)
  }
  const post = ask(target.authority, [RIGHT, 'Content-Length: 5']).replace('GET', 'POST')
  t.match(readAnswer(await client.send(`${post}12345`).answer()), { status: 200, body: 'got 5' })
  const chunked = ask(target.authority, [RIGHT, 'Transfer-Encoding: chunked']).replace('GET', 'POST')
  client.send(chunked)
  t.match(readAnswer(await client.send('3\r\nabc\r\n0\r\n\r\n').answer()), { status: 200, body: 'got 3' })
  t.match(readAnswer(await client.send(ask(target.authority).replace('HTTP/1.1', 'HTTP/1.0')).end()), { status: 200, fields: { connection: 'close' } })
  t.notMatch(target.seen.map(({ rawHeaders }) => rawHeaders.join()).join(), /upgrade/i)
  t.equal(target.connections, 1)
})

t.test('an upgrade pipelined behind another request: it waits for its turn', async t => {
  const target = await switching(t)
  let asked = () => {}
  const waits = new Promise<void>(resolve => { asked = resolve })
  let answer = () => {}
  const slow = await origin(t, (_request, response) => {
    answer = () => response.end('first')
    asked()
  })
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send(`GET http://${slow.authority}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n${ask(target.authority, [RIGHT], 'chat')}`)
  await waits
  t.equal(client.text, '')
  answer()
  const text = await client.until(text => text.includes('101'))
  t.ok(text.indexOf('first') < text.indexOf('HTTP/1.1 101'))
  t.equal((await client.send('x').until(text => text.endsWith('>'))).slice(-3), '<x>')
})

t.test('an upgraded connection when the gateway closes or its user is revoked: it is ended', async t => {
  const target = await switching(t)
  for (const [end, reason] of [['close', 'closing'], ['revoke', 'revoked']]) {
    const { app, port, logged } = await gateway(t)
    const client = await RawClient.to(t, port)
    await client.send(ask(target.authority, [RIGHT], 'chat')).answer()
    if (end === 'close') await app.close()
    else app.proxyAuthRevoke('alice')
    await client.end()
    t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { status: 101, reason } })
  }
})

t.test('an upgraded connection that is idle or too old: it is ended as a tunnel is', async t => {
  const target = await switching(t)
  for (const [connect, reason] of [[{ idleTimeout: 30 }, 'idle'], [{ maxDuration: 30 }, 'expired']] as const) {
    const { port, logged } = await gateway(t, { connect })
    const client = await RawClient.to(t, port)
    await client.send(ask(target.authority, [RIGHT], 'chat')).end()
    t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { status: 101, reason } })
  }
})

t.test('an upgrade to an origin that is silent, or that refuses the connection: 504, or 502', async t => {
  const silent = await rawOrigin(t, () => {})
  const { port } = await gateway(t, { forward: { special: ['127.0.0.1:*'], headersTimeout: 50 } })
  const client = await RawClient.to(t, port)
  t.match(readAnswer(await client.send(ask(silent.authority)).end()), { status: 504, fields: { connection: 'close' } })
  const closed = await RawClient.to(t, port)
  t.match(readAnswer(await closed.send(ask('127.0.0.1:1')).end()), { status: 502, fields: { connection: 'close' } })
})

t.test('a client that leaves before the response to its upgrade: it leaves nothing behind', async t => {
  const silent = await rawOrigin(t, () => {})
  const { app, port, logged } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send(ask(silent.authority))
  while (silent.received[0] === undefined || !silent.received[0].includes('\r\n\r\n')) await new Promise(resolve => setImmediate(resolve))
  client.socket.resetAndDestroy()
  t.match(await logged(({ proxy }) => proxy !== undefined), { proxy: { status: 499 } })
  await app.close()
})

t.test('a reader that takes nothing: the sender is stalled (back-pressure)', async t => {
  let sent = 0
  const target = await rawOrigin(t, socket => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n')
    const flood = (): void => {
      do sent += 65_536
      while (sent < 2 ** 28 && socket.write(Buffer.alloc(65_536)))
      if (sent < 2 ** 28) socket.once('drain', flood)
    }
    flood()
  })
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(ask(target.authority, [RIGHT], 'chat'))
  const seen: number[] = []
  do await wait(200)
  while (seen.push(sent) < 2 || seen.at(-1) === 0 || seen.at(-1) !== seen.at(-2))
  t.ok(sent < 64 * 1024 * 1024, `${sent} octets left the origin`)
})

t.test('ws:// and wss:// in absolute-form with an upgrade: as http:// and https:// (F-56)', async t => {
  const plain = await webSocketOrigin(t)
  const pair = openssl.skip === false ? certificate(t, '127.0.0.1') : undefined
  const { url, port, logged } = await gateway(t, { forward: { special: ['127.0.0.1:*'], ...(pair !== undefined && { tls: { ca: pair.cert, checkServerIdentity: () => undefined } }) } })
  const targets = [['ws', 'http', plain.port]] as Array<[scheme: string, means: string, port: number]>
  if (pair !== undefined) {
    const server = createTlsServer({ key: pair.key, cert: pair.cert })
    new WebSocketServer({ server }).on('connection', socket => socket.on('message', data => socket.send(data, { binary: false })))
    targets.push(['wss', 'https', await listen(t, server as never)])
  }
  for (const [scheme, means, at] of targets) {
    const socket = webSocket(t, url, { target: `${scheme}://127.0.0.1:${at}/chat`, headers })
    await next(socket, 'open')
    socket.send('hello')
    t.match(String((await next(socket, 'message'))[0]), 'hello')
    socket.close()
    await logged(({ proxy }) => (proxy as Record<string, unknown> | undefined)?.['target'] === `${means}://127.0.0.1:${at}`)
    const [, refusal] = await next<IncomingMessage>(webSocket(t, url, { target: `${scheme}://127.0.0.1:${at}/chat` }), 'unexpected-response')
    t.equal(refusal!.statusCode, 407)
  }
  const { authority } = plain
  for (const [text, status] of [
    [`GET ws://${authority}/ HTTP/1.1\r\nHost: a\r\n${RIGHT}\r\n\r\n`, 400],
    [`POST ws://${authority}/ HTTP/1.1\r\nHost: a\r\n${RIGHT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx`, 400],
    [`GET ws://${authority}/ HTTP/1.0\r\nHost: a\r\n${RIGHT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 400],
    [`GET ws://u:p@${authority}/ HTTP/1.1\r\nHost: a\r\n${RIGHT}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 400],
    ['GET ws://127.0.0.2:1/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' + `${RIGHT}\r\n\r\n`, 403]
  ] as const) {
    const client = await RawClient.to(t, port)
    t.equal(readAnswer(await client.send(text).answer()).status, status, text)
    client.socket.destroy()
  }
})
