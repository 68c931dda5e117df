import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import { listenerCounts } from '../fixtures/listener-counts.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const WRONG = `Proxy-Authorization: Basic ${Buffer.from('alice:guess').toString('base64')}`
const RIGHT = `Proxy-Authorization: ${ALICE}`

/** Collects the sockets that a server accepts, given back ones once. */
function accepted (app: FastifyInstance): Set<Socket> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => { sockets.add(socket) })
  return sockets
}

t.test('a refused CONNECT: the 407 is complete, and the same connection takes the next CONNECT (R-407-6, R-407-10, R-CONN-1, R-CONN-3, R-NODE-5)', async t => {
  const { authority } = await tcpOrigin(t)
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const refused = await client.send(connectHead(authority, WRONG)).answer()
  const { line, fields, body } = readAnswer(refused)
  t.equal(line, 'HTTP/1.1 407 Proxy credentials not accepted')
  t.notMatch(refused.slice(0, -body.length).replaceAll('\r\n', ''), /[\r\n]/, 'only CRLF ends the lines of the head')
  t.match(fields, { 'proxy-authenticate': /^Basic realm="Gateway"/, connection: 'keep-alive', 'content-type': /^text\/plain/ })
  t.ok(Math.abs(Date.parse(fields['date']!) - Date.now()) < 5_000)
  t.equal(body.length, Number(fields['content-length']))
  t.notOk('transfer-encoding' in fields)
  const tunnel = await client.send(connectHead(authority, RIGHT)).answer()
  t.match(tunnel, /^HTTP\/1\.1 200 /)
  t.equal(await client.send('echo').until(text => text.endsWith('echo')), 'echo')
})

t.test('a CONNECT refused in the onRequest hook: the connection takes the next one, unless bytes have followed (R-CONN-3)', async t => {
  const { authority } = await tcpOrigin(t)
  const { port } = await gateway(t, { hook: 'onRequest' })
  const client = await RawClient.to(t, port)
  t.match(readAnswer(await client.send(connectHead(authority, WRONG)).answer()), { status: 407, fields: { connection: 'keep-alive' } })
  t.match(await client.send(connectHead(authority, RIGHT)).answer(), /^HTTP\/1\.1 200 /)
  const behind = await RawClient.to(t, port)
  t.match(readAnswer(await behind.send(`${connectHead(authority)}x`).end()), { status: 407, fields: { connection: 'close' } })
})

t.test('a refused CONNECT: nothing of it reaches a resolver or a target (R-CONNECT-6, R-407-11)', async t => {
  const target = await tcpOrigin(t)
  const asked: string[] = []
  const lookup = (host: string, _options: unknown, done: (error: null, addresses: object[]) => void) => {
    asked.push(host)
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const { port } = await gateway(t, { forward: { special: ['origin.test:*'], lookup: lookup as never } })
  const client = await RawClient.to(t, port)
  for (const fields of [[], [WRONG], ['Proxy-Authorization: Bearer x']]) {
    t.match(await client.send(connectHead(`origin.test:${target.port}`, ...fields)).answer(), /^HTTP\/1\.1 407 /)
  }
  t.strictSame(asked, [])
  t.match(await client.send(connectHead(`origin.test:${target.port}`, RIGHT)).answer(), /^HTTP\/1\.1 200 /)
  t.strictSame(asked, ['origin.test'])
  await until(() => target.sockets.length > 0)
  t.equal(target.sockets.length, 1)
})

t.test('a refusal that is no 407: it closes the connection, and says so (R-407-7, R-CONN-6, R-CONNECT-13)', async t => {
  const refusedPort = await closedPort()
  const { port } = await gateway(t)
  const rows = [
    { authority: 'no-port.test', status: 400 },
    { authority: '192.0.2.1:443', status: 403 },
    { authority: `127.0.0.1:${refusedPort}`, status: 502 }
  ]
  for (const { authority, status } of rows) {
    const client = await RawClient.to(t, port)
    const answer = readAnswer(await client.send(connectHead(authority, RIGHT)).end())
    t.match(answer, { status, fields: { connection: 'close' } }, authority)
    t.equal(answer.body.length, Number(answer.fields['content-length']), 'framed')
    t.not(answer.body.length, 0, 'and explained')
  }
})

t.test('a client that wants its connection closed: a 407 closes it, and says so (R-407-7, R-CONN-4, R-CONN-5)', async t => {
  const { port } = await gateway(t)
  const rows: Record<string, string> = {
    'Connection: close': connectHead('origin.test:443', 'Connection: close'),
    'Connection: x, Close': connectHead('origin.test:443', 'Connection: x, Close'),
    'Proxy-Connection: close': connectHead('origin.test:443', 'Proxy-Connection: close'),
    'HTTP/1.0': 'CONNECT origin.test:443 HTTP/1.0\r\n\r\n',
    'HTTP/1.0 with keep-alive': 'CONNECT origin.test:443 HTTP/1.0\r\nConnection: keep-alive\r\nProxy-Connection: keep-alive\r\n\r\n'
  }
  for (const [name, head] of Object.entries(rows)) {
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(head).end()), { status: 407, fields: { connection: 'close' } }, name)
  }
})

t.test('a 407 closes when bytes have followed by then: they were meant for the tunnel (R-CONNECT-11, R-CONN-7)', async t => {
  const { authority, seen } = await origin(t)
  const payload = `GET http://${authority}/ HTTP/1.1\r\n${RIGHT}\r\n\r\n`
  t.test('in the same segment', async t => {
    const { port } = await gateway(t)
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(connectHead(authority) + payload).end()), { status: 407, fields: { connection: 'close' } })
  })
  t.test('while the strategy was thinking', async t => {
    let verdict = () => {}
    const asked = new Promise<void>(resolve => {
      verdict = resolve
    })
    let arrived = () => {}
    const waiting = new Promise<void>(resolve => { arrived = resolve })
    const slow = foreign('slow', function () { arrived(); asked.then(() => this.fail('Slow realm="Gateway"')) })
    const { app, port } = await gateway(t, { strategies: [{ strategy: slow, scheme: 'Slow' }] })
    const sockets = accepted(app)
    const client = await RawClient.to(t, port)
    client.send(connectHead(authority, 'Proxy-Authorization: Slow x'))
    await waiting
    const [socket] = sockets
    client.send(payload)
    await until(() => socket!.readableLength > 0)
    verdict()
    t.match(readAnswer(await client.end()), { status: 407, fields: { connection: 'close' } })
  })
  t.strictSame(seen, [])
})

t.test('each value of connect.keepAliveAfter407: it decides after which 407 the connection is kept (R-CONN-3)', async t => {
  const handshake = foreign('legs', function ({ headers }) {
    if (headers.authorization === undefined) this.fail('NTLM')
    else this.fail('NTLM TlRMTVNTUAACAAAA')
  })
  const strategies = [{ strategy: handshake, scheme: 'NTLM', grammar: 'opaque' as const }, basic()]
  const rows = [
    { keepAliveAfter407: 'never', first: 'close', between: 'close' },
    { keepAliveAfter407: 'handshake', first: 'close', between: 'keep-alive' },
    { keepAliveAfter407: 'always', first: 'keep-alive', between: 'keep-alive' }
  ] as const
  for (const { keepAliveAfter407, first, between } of rows) {
    t.test(keepAliveAfter407, async t => {
      const { port } = await gateway(t, { connectionBound: true, strategies, connect: { keepAliveAfter407 } })
      const start = await RawClient.to(t, port)
      t.match(readAnswer(await start.send(connectHead('origin.test:443')).answer()), { status: 407, fields: { connection: first } })
      const leg = await RawClient.to(t, port)
      leg.send(connectHead('origin.test:443', 'Proxy-Authorization: NTLM TlRMTVNTUAABAAAA'))
      t.match(readAnswer(await leg.answer()), { status: 407, fields: { connection: between } })
    })
  }
})

t.test('a strategy without credentials closes the connection: what follows would be let in as the client', async t => {
  const nobody = foreign('nobody', function () { this.fail() })
  const { port } = await gateway(t, { strategies: [basic(), { strategy: nobody, scheme: null }] })
  const client = await RawClient.to(t, port)
  t.match(readAnswer(await client.send(connectHead('origin.test:443')).end()), { status: 407, fields: { connection: 'close' } })
})

t.test('a client with a verified certificate: a 407 closes its connection, without one it is kept', { skip: openssl.skip }, async t => {
  const [own, alice, mallory] = [certificate(t, 'gateway.test'), certificate(t, 'alice.test'), certificate(t, 'mallory.test')]
  const https = { key: own.key, cert: own.cert, ca: alice.cert, requestCert: true, rejectUnauthorized: false }
  const { port } = await gateway(t, { fastify: { https } as FastifyServerOptions })
  const rows = [{ name: 'verified', client: alice, connection: 'close' }, { name: 'not verified', client: mallory, connection: 'keep-alive' },
    { name: 'none', client: undefined, connection: 'keep-alive' }]
  for (const { name, client, connection } of rows) {
    const raw = await RawClient.toTls(t, port, { ca: own.cert, cert: client?.cert, key: client?.key })
    t.match(readAnswer(await raw.send(connectHead('origin.test:443')).answer()), { status: 407, fields: { connection } }, name)
  }
})

t.test('five thousand refusals: a connection is given back 256 times, and the application\'s listeners hear of it once (S46)', async t => {
  let heard = 0
  const { app, port } = await gateway(t)
  app.server.on('connection', () => { heard += 1 })
  const head = connectHead('origin.test:443')
  let connections = 0
  for (let refusals = 0; refusals < 5_000; connections++) {
    const client = await RawClient.to(t, port)
    for (let here = 1, closes = false; !closes; here++, refusals++) {
      const { status, fields } = readAnswer(await client.send(head).answer())
      if (status !== 407) throw new Error(`${status}`)
      closes = fields['connection'] === 'close'
      if (closes) t.equal(here, 257)
    }
    await client.end()
  }
  t.equal(connections, Math.ceil(5_000 / 257))
  t.equal(heard, connections)
})

t.test('two hundred rounds on one connection: they leave no listener behind (R-CONN-3, R-NODE-5)', async t => {
  const rounds = async (t: Test, app: FastifyInstance, client: RawClient, sockets: Set<Socket>, field?: string) => {
    const head = connectHead('origin.test:443', ...field === undefined ? [] : [field])
    const round = async () => readAnswer(await client.send(head).answer()).status
    for (let i = 0; i < 2; i++) t.equal(await round(), 407)
    const [socket] = sockets
    const before = { socket: listenerCounts(socket!), server: listenerCounts(app.server) }
    let others = 0
    for (let i = 0; i < 200; i++) if (await round() !== 407) others += 1
    t.equal(others, 0)
    t.equal(sockets.size, 1)
    t.strictSame({ socket: listenerCounts(socket!), server: listenerCounts(app.server) }, before)
  }
  for (const field of [undefined, 'Connection: keep-alive']) {
    t.test(`plain, ${field ?? 'no Connection'}`, async t => {
      const { app, port } = await gateway(t)
      const sockets = accepted(app)
      await rounds(t, app, await RawClient.to(t, port), sockets, field)
    })
  }
  for (const http2 of [false, true]) {
    t.test(http2 ? 'TLS with HTTP/2 and HTTP/1.1' : 'TLS', { skip: openssl.skip }, async t => {
      const own = certificate(t, 'gateway.test')
      const fastify = { http2, https: { key: own.key, cert: own.cert, allowHTTP1: true } } as FastifyServerOptions
      const { app, port } = await gateway(t, { fastify })
      const sockets = new Set<Socket>()
      app.server.on('secureConnection', (socket: Socket) => { sockets.add(socket) })
      await rounds(t, app, await RawClient.toTls(t, port, { ca: own.cert }), sockets)
    })
  }
})

t.test('a connection given back is a proxy\'s: absolute-form and CONNECT are served', async t => {
  const { authority, seen } = await origin(t)
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  const get = `GET http://${authority}/x HTTP/1.1\r\nHost: ${authority}\r\n`
  t.equal(readAnswer(await client.send(connectHead(authority)).answer()).status, 407)
  t.equal(readAnswer(await client.send(`${get}\r\n`).answer()).status, 407)
  t.equal(readAnswer(await client.send(`${get}${RIGHT}\r\n\r\n`).answer()).status, 200)
  t.equal(readAnswer(await client.send(connectHead(authority, RIGHT)).answer()).status, 200)
  t.equal(readAnswer(await client.send('GET /y HTTP/1.1\r\nHost: x\r\n\r\n').answer()).status, 200)
  t.strictSame(seen.map(({ url }) => url), ['/x', '/y'])
})

t.test('late bytes: nothing but a 407 or 400 comes of them (S33, R-CONN-5, R-CONN-7, R-CONNECT-11)', async t => {
  const target = await origin(t)
  const refusedPort = await closedPort()
  const served: string[] = []
  const { port } = await gateway(t, {
    forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] },
    after (app) {
      app.addHook('onRequest', async request => { if (request.routeOptions.config.proxy === undefined) served.push(request.url) })
      app.all('/admin', async () => 'admin')
      app.get('/versioned', { constraints: { version: '1.0.0' } }, async () => 'versioned')
      // As @fastify/websocket does.
      app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        const response = new ServerResponse(request)
        response.assignSocket(socket)
        response.once('finish', () => socket.end())
        app.routing(request, response)
      })
    }
  })
  const refusals = {
    407: connectHead('origin.test:443'),
    403: connectHead('denied.test:443', RIGHT),
    502: connectHead(`127.0.0.1:${refusedPort}`, RIGHT)
  }
  const payloads: Record<string, string> = {
    'origin-form': 'GET /admin HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    'origin-form with credentials': `GET /admin HTTP/1.1\r\nHost: gateway.test\r\n${RIGHT}\r\n\r\n`,
    'origin-form with content': 'POST /admin HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 40\r\n\r\nGET /admin HTTP/1.1\r\nHost: gateway.test\r\n',
    'origin-form that expects': 'POST /admin HTTP/1.1\r\nHost: gateway.test\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
    'origin-form with a version': 'GET /versioned HTTP/1.1\r\nHost: gateway.test\r\nAccept-Version: 1.x\r\n\r\n',
    'origin-form that does not decode': 'GET /%zz HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    'origin-form without a route': 'GET /nowhere HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    WebSocket: 'GET /admin HTTP/1.1\r\nHost: gateway.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'asterisk-form': 'OPTIONS * HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    'absolute-form': `GET http://${target.authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
    CONNECT: connectHead(target.authority),
    TLS: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    SMTP: 'EHLO origin.test\r\n'
  }
  for (const [status, head] of Object.entries(refusals)) {
    for (const [name, payload] of Object.entries(payloads)) {
      t.test(`${status}, then ${name}`, async t => {
        const together = await RawClient.to(t, port)
        const all = await together.send(head + payload).end()
        t.match(readAnswer(all), { status: Number(status), fields: { connection: 'close' } })
        t.notMatch(readAnswer(all).body, /HTTP\//, 'one answer')

        const late = await RawClient.to(t, port)
        t.equal(readAnswer(await late.send(head).answer()).status, Number(status))
        late.send(payload).socket.end()
        const rest = await late.end()
        if (status === '407') {
          const wanted = /absolute|CONNECT/.test(name) ? /^HTTP\/1\.1 407 / : /^HTTP\/1\.1 400 /
          t.match(rest, wanted)
          // What is no HTTP has no route: Fastify answers it, and closes.
          if (/HTTP/.test(payload) && rest.startsWith('HTTP/1.1 400')) t.match(readAnswer(rest).fields, { connection: 'close' })
        } else t.equal(rest, '')
        t.equal(rest.split('HTTP/1.1 ').length, status === '407' ? 2 : 1, 'one answer')
      })
    }
  }
  t.strictSame(served, [])
  t.strictSame(target.seen, [])
  t.equal(target.connections, 0)
})

t.test('a client that goes on sending: it can read the refusal, and its connection ends (R-CONN-6)', async t => {
  const { app, port } = await gateway(t)
  const [sockets, flood] = [accepted(app), 'x'.repeat(65_536)]
  const client = await RawClient.to(t, port)
  client.send(connectHead('denied', RIGHT))
  const write = () => { while (client.socket.write(flood)); }
  client.socket.on('drain', write)
  write()
  t.equal(readAnswer(await client.answer()).status, 400)
  const [socket] = sockets
  t.equal(socket!.destroyed, false, 'it is listened to, else a reset could take the answer away')
  const [started, read] = [performance.now(), socket!.bytesRead]
  await new Promise(resolve => socket!.once('close', resolve))
  t.ok(performance.now() - started < 8_000, 'cut while it was sending')
  t.ok(socket!.bytesRead > read)
})

t.test('what hooks put on a refusal: foreign fields and interim responses do not reach the client (R-CONNECT-13, R-CONNECT-14)', async t => {
  const foreignFields = { 'set-cookie': 'a=b', location: 'http://evil.test/', 'access-control-allow-origin': '*' }
  const page = 'x'.repeat(65_536)
  type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | void>
  const rows: Array<{ name: string, status: number, hook: Hook, body?: string }> = [
    {
      name: 'one that refuses',
      status: 403,
      body: 'not today',
      hook: async (_request, reply) => reply.code(403).headers({ ...foreignFields, 'cache-control': 'max-age=60' }).send('not today')
    },
    {
      name: 'one that redirects',
      status: 302,
      hook: async (_request, reply) => reply.redirect('http://evil.test/')
    },
    {
      name: 'one that only adds',
      status: 400,
      hook: async (_request, reply) => {
        reply.headers(foreignFields)
        reply.raw.setHeader('Set-Cookie', 'c=d')
      }
    },
    {
      name: 'a persistence that it claims',
      status: 403,
      hook: async (_request, reply) => reply.code(403).header('connection', 'keep-alive').send('no')
    },
    {
      name: 'one that writes past Fastify',
      status: 403,
      body: 'no',
      hook: async (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(403, 'No', { 'Content-Length': 2, Connection: 'keep-alive' }).end('no')
      }
    },
    {
      name: 'a page longer than any buffer',
      status: 403,
      body: page.repeat(64),
      hook: async (_request, reply) => reply.code(403).header('content-length', 64 * page.length).send(Readable.from(Array(64).fill(page)))
    },
    {
      name: 'a success that is none: the client would take what follows for its target (R-CONNECT-5)',
      status: 403,
      hook: async (_request, reply) => reply.send('hello')
    },
    {
      name: 'interim answers (R-CONNECT-4)',
      status: 400,
      hook: async (_request, { raw }) => {
        raw.writeContinue()
        raw.writeProcessing()
        await new Promise<void>(resolve => raw.writeEarlyHints({ link: '</x>; rel=preload' }, resolve))
      }
    }
  ]
  for (const { name, status, hook, body } of rows) {
    t.test(name, async t => {
      const { port } = await gateway(t, { before: app => app.addHook('onRequest', hook) })
      const client = await RawClient.to(t, port)
      const answer = readAnswer(await client.send(connectHead('denied', RIGHT)).end())
      t.match(answer, { status, fields: { connection: 'close', 'cache-control': 'no-store' } })
      t.ok('content-length' in answer.fields)
      for (const name of Object.keys(foreignFields)) t.notOk(name in answer.fields, `no ${name}`)
      if (body !== undefined) t.ok(answer.body === body)
    })
  }
})
