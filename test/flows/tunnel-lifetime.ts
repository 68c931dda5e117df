import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listenerCounts } from '../fixtures/listener-counts.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { stalledListener } from '../fixtures/stalled-listener.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import type { TcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`

type Lookup = (host: string, options: unknown, done: (error: Error | null, addresses?: object[]) => void) => void

/** How many connections a server has. */
async function connections ({ server }: FastifyInstance): Promise<number> {
  return await new Promise((resolve, reject) => server.getConnections((error, count) => error === null ? resolve(count) : reject(error)))
}

t.test('a failure towards the target: the response and the log line tell its status and its reason (R-CONNECT-5)', async t => {
  const stalled = await stalledListener(t)
  const refused = await closedPort()
  const answers: Record<string, (done: Parameters<Lookup>[2]) => void> = {
    'nowhere.test': done => done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    'silent.test': () => {},
    'broadcast.test': done => done(null, [{ address: '255.255.255.255', family: 4 }]),
    'private.test': done => done(null, [{ address: '10.1.2.3', family: 4 }])
  }
  const lookup: Lookup = (host, _options, done) => answers[host]!(done)
  const gate = await gateway(t, {
    via: 'gateway',
    forward: {
      deny: ['denied.test'], special: ['127.0.0.1:*', 'broadcast.test'], lookup: lookup as never, dnsTimeout: 30, connectTimeout: 1500
    }
  })
  const rows: Array<[authority: string, status: number, type: string]> = [
    [`127.0.0.1:${refused}`, 502, 'connection_refused'],
    ['broadcast.test:443', 502, 'destination_ip_unroutable'],
    ['nowhere.test:443', 502, 'dns_error'],
    ['silent.test:443', 504, 'dns_timeout'],
    [`127.0.0.1:${stalled.port}`, 504, 'connection_timeout'],
    ['denied.test:443', 403, 'http_request_denied'],
    ['private.test:25', 403, 'http_request_denied'],
    ['private.test:443', 403, 'destination_ip_prohibited']
  ]
  for (const [authority, status, type] of rows) {
    const client = await RawClient.to(t, gate.port)
    const answer = readAnswer(await client.send(connectHead(authority, RIGHT)).end())
    t.match(answer, { status, fields: { connection: 'close', 'proxy-status': new RegExp(`^gateway; error=${type}`) } }, authority)
    t.equal(answer.body.length, Number(answer.fields['content-length']))
    t.match(JSON.parse(answer.body), { statusCode: status, code: /^FST_PROXY_AUTH_/ })
    t.notMatch(answer.body, /127\.0\.0\.1|10\.1\.2\.3|255/, 'no address')
    const [line] = gate.proxied().slice(-1)
    t.match(line, { user: 'alice', method: 'CONNECT', target: authority, status, bytesIn: 0, bytesOut: 0, reason: JSON.parse(answer.body).code })
    const stranger = await RawClient.to(t, gate.port)
    t.notOk('proxy-status' in readAnswer(await stranger.send(connectHead(authority)).answer()).fields, 'a stranger learns nothing')
  }
  t.equal(gate.proxied().length, rows.length)
})

t.test('a tunnel that is idle or too old: it is ended (R-CONNECT-17)', async t => {
  for (const [name, connect, reason] of [['idle', { idleTimeout: 50 }, 'idle'], ['in all', { maxDuration: 50 }, 'expired']] as const) {
    t.test(name, async t => {
      const target = await tcpOrigin(t)
      const gate = await gateway(t, { connect })
      const client = await RawClient.to(t, gate.port)
      t.match(await client.send(connectHead(target.authority, RIGHT)).answer(), /^HTTP\/1\.1 200 /)
      t.equal(await client.end(), '')
      t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason })
      await until(async () => await connections(gate.app) === 0 && target.sockets[0]!.destroyed)
    })
  }
})

t.test('app.close(): tunnels get time to end, then they are ended, and what comes meanwhile gets 503 (R-CONNECT-17)', async t => {
  t.test('waits for a tunnel that ends', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 2 ** 31 - 1 })
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    const closed = gate.app.close()
    t.equal(await client.send('still here').until(text => text.length === 10), 'still here')
    client.socket.end()
    await closed
    t.equal(await client.end(), 'still here')
    t.notOk('reason' in gate.proxied()[0]!)
  })
  t.test('ends one that does not, after a while', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 50 })
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    await gate.app.close()
    t.equal(await client.end(), '')
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason: 'closing' })
    await until(() => target.sockets[0]!.destroyed)
  })
  t.test('ends a dial, and says so', async t => {
    const { port } = await stalledListener(t)
    const gate = await gateway(t, { drainTimeout: 50 })
    const client = await RawClient.to(t, gate.port)
    client.send(connectHead(`127.0.0.1:${port}`, RIGHT))
    await gate.logged(line => line['msg'] === 'incoming request')
    const closed = gate.app.close()
    t.match(readAnswer(await client.end()), { status: 503, fields: { connection: 'close' } })
    client.socket.destroy()
    await closed
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 503, reason: 'FST_PROXY_AUTH_CLOSING' })
  })
  t.test('ends what was being authenticated', async t => {
    let decide = () => {}
    const decided = new Promise<void>(resolve => { decide = resolve })
    const slow = foreign('slow', function () { decided.then(() => this.success({ username: 'alice' })) })
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 20, strategies: [{ strategy: slow, scheme: 'Slow' }] })
    const client = await RawClient.to(t, gate.port)
    client.send(connectHead(target.authority, 'Proxy-Authorization: Slow x'))
    await gate.logged(line => line['msg'] === 'incoming request')
    let drained = false
    gate.app.server.once('close', () => { drained = true })
    const closed = gate.app.close()
    await until(() => !gate.app.server.listening)
    t.equal(drained, false)
    decide()
    t.match(readAnswer(await client.end()), { status: 503, fields: { connection: 'close' } })
    client.socket.destroy()
    await closed
  })
  t.test('does not wait for connections given back, nor for what was refused and not closed', async t => {
    const gate = await gateway(t, { drainTimeout: 2 ** 31 - 1 })
    const idle = await RawClient.to(t, gate.port)
    t.match(await idle.send(connectHead('origin.test:443')).answer(), /^HTTP\/1\.1 407 /)
    const twice = await RawClient.to(t, gate.port)
    for (let i = 0; i < 2; i++) t.match(await twice.send(connectHead('origin.test:443')).answer(), /^HTTP\/1\.1 407 /)
    const refused = await RawClient.to(t, gate.port)
    t.match(await refused.send(connectHead('no-port.test', RIGHT)).answer(), /^HTTP\/1\.1 400 /)
    await gate.app.close()
    t.equal(await idle.end(), '')
    t.equal(await twice.end(), '')
    t.equal(await refused.end(), '')
  })
  t.test('answers what comes meanwhile with 503, and closes', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t, { drainTimeout: 2 ** 31 - 1 })
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    const accepted = once(gate.app.server, 'connection') as Promise<[Socket]>
    const other = await RawClient.to(t, gate.port)
    const [socket] = await accepted
    // From 26 on node ends what has sent nothing yet.
    const head = connectHead(target.authority, RIGHT)
    other.send(head.slice(0, 5))
    await until(() => socket.bytesRead > 0)
    const closed = gate.app.close()
    t.match(readAnswer(await other.send(head.slice(5)).end()), { status: 503, fields: { connection: 'close' } })
    client.socket.end()
    other.socket.destroy()
    await closed
  })
})

t.test('a refused client that neither reads nor closes: its connection is cut (R-CONN-6)', async t => {
  const { app, port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.socket.pause()
  client.send(connectHead('no-port.test', RIGHT))
  await until(async () => await connections(app) === 1)
  const started = performance.now()
  await until(async () => await connections(app) === 0)
  t.ok(performance.now() - started < 20_000)
  t.equal(client.socket.destroyed, false)
})

t.test('a client that vanishes: what is under way for it ends, and its connection is gone', async t => {
  t.test('during the verdict', async t => {
    const slow = foreign('slow', () => {})
    const gate = await gateway(t, { strategies: [{ strategy: slow, scheme: 'Slow' }] })
    const client = await RawClient.to(t, gate.port)
    client.send(connectHead('origin.test:443', 'Proxy-Authorization: Slow x'))
    await gate.logged(line => line['msg'] === 'incoming request')
    client.socket.resetAndDestroy()
    await until(async () => await connections(gate.app) === 0)
    t.ok(gate.app.server.listening)
  })
  t.test('during the dial', async t => {
    const { port } = await stalledListener(t)
    const gate = await gateway(t)
    const client = await RawClient.to(t, gate.port)
    client.send(connectHead(`127.0.0.1:${port}`, RIGHT))
    await gate.logged(line => line['msg'] === 'incoming request')
    client.socket.resetAndDestroy()
    const line = await gate.logged(line => line['proxy'] !== undefined)
    t.match(line['proxy'], { status: 499, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' })
    t.equal(await connections(gate.app), 0)
  })
  t.test('and one that has only said all it has to say', async t => {
    const gate = await gateway(t)
    const client = await RawClient.to(t, gate.port)
    client.send(connectHead('origin.test:443')).socket.end()
    t.match(await client.end(), /^HTTP\/1\.1 407 /)
    await until(async () => await connections(gate.app) === 0)
  })
  t.test('inside the tunnel: a reset is passed on as one (R-CONNECT-7)', async t => {
    const target = await tcpOrigin(t)
    const gate = await gateway(t)
    const accepted = target.next()
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    const error = once(await accepted, 'error')
    client.socket.resetAndDestroy()
    t.match(await error, [{ code: 'ECONNRESET' }])
    t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason: 'ECONNRESET' })
  })
})

t.test('a target that vanishes: the client gets a reset, and nothing stays open', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t)
  const accepted = target.next()
  const client = await RawClient.to(t, gate.port)
  await client.send(connectHead(target.authority, RIGHT)).answer()
  const error = once(client.socket, 'error')
  ;(await accepted).resetAndDestroy()
  t.match(await error, [{ code: 'ECONNRESET' }])
  t.match((await gate.logged(line => line['proxy'] !== undefined))['proxy'], { status: 200, reason: 'ECONNRESET' })
  await until(async () => await connections(gate.app) === 0)
})

t.test('a thousand aborted tunnels: they leave nothing behind (S36)', async t => {
  const target = await tcpOrigin(t, socket => {
    socket.on('data', data => { if (data.includes('leave')) socket.resetAndDestroy() })
    socket.on('end', () => socket.end())
  })
  const stalled = await stalledListener(t)
  // A reset that comes together with the CONNECT looks like an end to node: the client may yet read.
  const gate = await gateway(t, { forward: { special: ['127.0.0.1:*'], connectTimeout: 1500 } })
  const sockets = new Set<Socket>()
  gate.app.server.on('connection', (socket: Socket) => { sockets.add(socket) })
  const [stranger, user] = [connectHead(target.authority), connectHead(target.authority, RIGHT)]
  const open = async (client: RawClient, head = user) => { await client.send(head).answer() }
  const reset = (client: RawClient) => { client.socket.resetAndDestroy() }
  const ways: Array<(client: RawClient) => unknown> = [
    async client => { await open(client); reset(client) },
    async client => { await open(client); reset(client.send('x'.repeat(100_000))) },
    async client => { await open(client); client.socket.destroy() },
    async client => { await open(client); client.send('leave'); await client.end() },
    client => reset(client.send(user)),
    async client => { client.send(connectHead(`127.0.0.1:${stalled.port}`, RIGHT)); await turn(); reset(client) },
    async client => { client.send(connectHead(`127.0.0.1:${stalled.port}`, RIGHT)); await turn(); client.socket.destroy() },
    async client => { await open(client, stranger); reset(client) },
    async client => { await open(client, stranger); reset(client.send('CONNECT half')) },
    async client => { await open(client, `${stranger}late`); reset(client) },
    client => reset(client.send('CONNECT ha'))
  ]
  const abort = async (i: number) => await ways[i % ways.length]!(await RawClient.to(t, gate.port))
  const settled = async () => {
    await until(async () => await connections(gate.app) === 0 && target.sockets.every(({ destroyed }) => destroyed))
  }

  for (let i = 0; i < ways.length; i++) await abort(i)
  await settled()
  const before = { listeners: listenerCounts(gate.app.server), resources: count(process.getActiveResourcesInfo()) }
  let next = 0
  await Promise.all(Array.from({ length: 20 }, async () => { while (next < 1000) await abort(next++) }))
  await settled()
  t.equal(await connections(gate.app), 0)
  t.strictSame(listenerCounts(gate.app.server), before.listeners)
  await until(() => (count(process.getActiveResourcesInfo())['TCPSocketWrap'] ?? 0) <= (before.resources['TCPSocketWrap'] ?? 0))
  for (const socket of sockets) if (!socket.destroyed) t.fail('a socket is open')
  t.ok(sockets.size > 1000)
  const client = await RawClient.to(t, gate.port)
  t.match(await client.send(connectHead(target.authority, RIGHT)).answer(), /^HTTP\/1\.1 200 /, 'and it works as before')
})

/** One turn of the event loop. */
async function turn (): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

function count (names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Octets that reach the target, and the end of its connection. */
async function arrived (t: Test, target: TcpOrigin, connected: Promise<Socket>): Promise<string> {
  const socket = await connected
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => { text += chunk })
  await once(socket, 'end')
  socket.end('bye')
  await once(socket, 'close')
  t.equal(target.sockets.filter(({ destroyed }) => !destroyed).length, 0)
  return text
}

t.test('the end of the client that comes with its CONNECT: is passed on, and nothing stays (F-6)', async t => {
  const target = await tcpOrigin(t, () => {})
  for (const [tls, http2] of [[false, false], [true, false], [false, true], [true, true]] as const) {
    if (tls && openssl.skip !== false) continue
    const pair = tls ? certificate(t, 'gateway.test') : undefined
    const secure = pair === undefined ? {} : { https: { cert: pair.cert, key: pair.key } }
    let ended: () => void = () => {}
    const lookup: Lookup = (_host, _options, done) => { ended = () => done(null, [{ address: '127.0.0.1', family: 4 }]) }
    const gate = await gateway(t, {
      forward: { special: ['*.test:*'], lookup: lookup as never },
      fastify: { ...secure, ...(http2 && { http2 }) } as never,
      after: app => {
        app.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => { socket.on('end', () => ended()) })
      }
    })
    for (const text of ['', 'hello']) {
      const connected = target.next()
      const name = `HTTP/${http2 ? 2 : 1}, ${tls ? 'TLS' : 'plain'}, ${text}`
      if (http2) {
        const client = await Http2Client.to(t, `${tls ? 'https' : 'http'}://127.0.0.1:${gate.port}`)
        const head = { ':method': 'CONNECT', ':authority': `origin.test:${target.port}`, 'proxy-authorization': ALICE }
        const stream = client.send(head, null)
        stream.end(text)
        client.session.ping(() => ended()) // what was sent before it has come
        t.equal(await arrived(t, target, connected), text, name)
        t.equal(String(Buffer.concat(await stream.toArray())), 'bye')
        client.session.close()
      } else {
        const client = tls ? await RawClient.toTls(t, gate.port, { rejectUnauthorized: false }) : await RawClient.to(t, gate.port)
        client.socket.end(`${connectHead(`origin.test:${target.port}`, RIGHT)}${text}`)
        t.equal(await arrived(t, target, connected), text, name)
        t.match(await client.end(), /^HTTP\/1\.1 200 [^]*bye$/)
      }
      await until(async () => await connections(gate.app) === 0)
    }
  }
})

t.test('the end of a client whose CONNECT is refused: closes its connection (F-6)', async t => {
  for (const when of ['verdict', 'response'] as const) {
    const strategy = foreign('refusing', function () { this.fail('Basic realm="x"') })
    const gate = await gateway(t, {
      strategies: [{ strategy, scheme: 'Basic' }],
      before: app => {
        app.addHook('onRequest', async ({ raw: { socket } }) => { if (when === 'verdict') await once(socket, 'end') })
        app.addHook('onSend', async ({ raw: { socket } }) => { if (when === 'response') await once(socket, 'end') })
      }
    })
    const client = await RawClient.to(t, gate.port)
    client.socket.end(connectHead('origin.test:443', RIGHT))
    t.match(readAnswer(await client.end()), { status: 407, fields: { connection: 'close' } }, when)
    await until(async () => await connections(gate.app) === 0)
  }
})
