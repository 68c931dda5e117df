// Limits over sockets: they hold inside everything that moves octets, and what waits for leave is ended as anything else is.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listen, origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { waysIn } from '../fixtures/ways-in.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const MB = 1_000_000
/** Slow enough to have content wait, and fast enough to have it over soon. */
const SHAPED = [{ bandwidth: { up: 8 * MB, down: 8 * MB } }]
/** So that all that is asked for waits for longer than any test takes. */
const STALLED = [{ bandwidth: { up: 1, down: 1 } }]
const content = randomBytes(1_200_000)
const hashOf = (octets: Buffer | string) => createHash('sha256').update(octets as string, 'latin1').digest('hex')

/** Hashes what comes, and stops reading now and then. */
async function hashed (stream: Duplex, length: number): Promise<string> {
  const hash = createHash('sha256')
  let left = length
  await new Promise<void>(resolve => stream.on('data', (chunk: Buffer | string) => {
    hash.update(chunk as string, 'latin1')
    left -= chunk.length
    if (left <= 0) return resolve()
    if (Math.random() < 0.9) return
    stream.pause()
    setTimeout(() => stream.resume(), Math.random() * 10)
  }))
  return hash.digest('hex')
}

async function tunnel (t: Test, { port }: Gateway, authority: string, credentials = ALICE): Promise<RawClient> {
  const client = await RawClient.to(t, port)
  await client.send(connectHead(authority, `Proxy-Authorization: ${credentials}`)).answer()
  return client
}

/** The URL of an origin that sends back what it gets. */
async function echoing (t: Test): Promise<number> {
  return await listen(t, createServer((request, response) => {
    response.setHeader('content-length', request.headers['content-length'] ?? 0)
    request.pipe(response)
  }))
}

t.test('bandwidth, in tunnels of HTTP/1.1 and HTTP/2: octets arrive as they were, both ways', async t => {
  const target = await tcpOrigin(t)
  for (const fastify of [{}, { http2: true } as never]) {
    const gate = await gateway(t, { limits: SHAPED, fastify })
    let stream: Duplex
    if ('http2' in fastify) stream = await (await Http2Client.to(t, gate.url)).tunnel(target.authority, ALICE)
    else {
      const { socket } = await tunnel(t, gate, target.authority)
      socket.removeAllListeners('data')
      stream = socket
    }
    const hash = hashed(stream, content.length)
    stream.end(content)
    t.equal(await hash, hashOf(content))
    await until(() => gate.proxied().length === 1)
    t.match(gate.proxied(), [{ bytesIn: content.length, bytesOut: content.length, reason: undefined }])
  }
})

t.test('bandwidth, in requests by each way in: content arrives as it was, both ways', async t => {
  const port = await echoing(t)
  for (const way of await waysIn(t, { port, limits: SHAPED })) {
    const { status, body, whole } = await way.ask({ method: 'PUT', path: '/', body: content, fields: { 'content-length': String(content.length), 'content-type': 'a/b' } })
    t.strictSame([status, whole, hashOf(body)], [200, true, hashOf(content)], way.name)
  }
})

t.test('bandwidth, in WebSockets that pass and in those of http-proxy: messages arrive as they were, both ways', async t => {
  const target = await webSocketOrigin(t)
  for (const route of [{}, { wsClientOptions: {} }]) {
    const gate = await gateway(t, { limits: SHAPED, reverse: [{ prefix: '/ws', upstream: target.url, websocket: true, ...route } as never] })
    const client = webSocket(t, `${gate.url}/ws`, { headers: { 'Proxy-Authorization': ALICE } })
    await next(client, 'open')
    client.send(content)
    t.equal(hashOf((await next<Buffer>(client, 'message'))[0]!), hashOf(content))
    client.terminate()
    await until(() => gate.proxied().length === 1)
  }
})

t.test('a quota at its end, with 50 tunnels at a time: exactly the quota goes through, each tunnel ends with the reason, and says until when', async t => {
  let arrived = 0
  const sink = await tcpOrigin(t, socket => { socket.on('data', ({ length }) => { arrived += length }) })
  const gate = await gateway(t, { limits: [{ name: 'daily', quota: { octets: 10 * MB, per: 'day' } }] })
  const clients = await Promise.all(Array.from({ length: 50 }, () => tunnel(t, gate, sink.authority)))
  const piece = Buffer.alloc(65_536)
  for (const { socket } of clients) {
    const more = () => { while (!socket.destroyed && socket.write(piece)); }
    socket.on('drain', more)
    more()
  }
  await Promise.all(clients.map(async client => { while (!client.closed) await client.until(() => false) }))
  await until(() => gate.proxied().length === 50)
  const lines = gate.proxied()
  t.equal(lines.reduce((sum, { bytesIn, bytesOut }) => sum + Number(bytesIn) + Number(bytesOut), 0), 10 * MB)
  t.ok(arrived <= 10 * MB && arrived > 0)
  t.ok(lines.every(({ reason }) => reason === 'FST_PROXY_AUTH_LIMIT_REACHED'))
  const client = await RawClient.to(t, gate.port)
  const { status, fields, body } = readAnswer(await client.send(connectHead(sink.authority, `Proxy-Authorization: ${ALICE}`)).end())
  t.equal(status, 429)
  t.match(fields['retry-after'], /^\d+$/)
  t.match(body, /daily/)
  t.match(gate.app.proxyAuthUsage(), [{ user: 'alice', tunnels: 0, limits: [{ limit: 'daily', left: 0 }] }])
  t.equal(readAnswer(await (await tunnel(t, gate, sink.authority, BOB)).text).status || 200, 200, 'another user has a quota of their own')
})

t.test('a quota that an upload, or a response, spends: 429 while that can be, else it is cut; the status may be another', async t => {
  const upstream = await origin(t, (request, response) => { response.end(request.method === 'GET' ? content : 'got it') })
  for (const status of [429, 403] as const) {
    const gate = await gateway(t, { limits: [{ name: 'daily', quota: { octets: 100_000, per: 'day', status } }] })
    const head = `Host: x\r\nProxy-Authorization: ${ALICE}\r\n`
    const download = await RawClient.to(t, gate.port)
    const text = await download.send(`GET ${upstream.url}/ HTTP/1.1\r\n${head}\r\n`).end()
    t.ok(readAnswer(text).body.length <= 100_000)
    const late = await RawClient.to(t, gate.port)
    t.equal(readAnswer(await late.send(`GET ${upstream.url}/ HTTP/1.1\r\n${head}\r\n`).answer()).status, status)
    const uploading = await gateway(t, { limits: [{ name: 'daily', quota: { octets: 100_000, per: 'day', status } }] })
    const upload = await RawClient.to(t, uploading.port)
    upload.send(`PUT ${upstream.url}/ HTTP/1.1\r\n${head}Content-Length: 1200000\r\n\r\n`).socket.write(content)
    const answer = readAnswer(await upload.answer())
    t.equal(answer.status, status)
    t.match(answer.fields['proxy-status'], /gateway-/)
    t.equal(answer.fields['connection'], 'close')
    await until(() => gate.proxied().length === 2 && uploading.proxied().length === 1)
    t.match(gate.proxied(), [{ status: 200, bytesOut: 100_000, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }, { status }])
    t.match(uploading.proxied(), [{ status, bytesIn: 100_000, reason: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
  }
})

t.test('tunnels and requests at a time, and within a time: one more is 429, and has its turn when others are over', async t => {
  const target = await tcpOrigin(t)
  const open: Array<() => void> = []
  const upstream = await origin(t, (_request, response) => { open.push(() => response.end('done')) })
  const gate = await gateway(t, { limits: [{ tunnels: 2, requests: 1 }] })
  const [first] = [await tunnel(t, gate, target.authority), await tunnel(t, gate, target.authority)]
  const third = await RawClient.to(t, gate.port)
  t.match(await third.send(connectHead(target.authority, `Proxy-Authorization: ${ALICE}`)).answer(), /^HTTP\/1\.1 429 /)
  const message = `GET ${upstream.url}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`
  const slow = await RawClient.to(t, gate.port)
  slow.send(message)
  await until(() => open.length === 1)
  const other = await RawClient.to(t, gate.port)
  t.match(readAnswer(await other.send(message).answer()), { status: 429, fields: { 'retry-after': /^\d+$/ } })
  first!.socket.destroy()
  open[0]!()
  t.match(await slow.answer(), /^HTTP\/1\.1 200 /)
  await until(() => gate.app.proxyAuthUsage().every(({ tunnels, requests }) => tunnels === 1 && requests === 0))
  await tunnel(t, gate, target.authority)
  other.send(message)
  await until(() => open.length === 2)
  open[1]!()
  t.match(await other.answer(), /^HTTP\/1\.1 200 /)
  t.equal(gate.app.proxyAuthUsage()[0]!.tunnels, 2)

  const rated = await gateway(t, { limits: [{ rate: { requests: 2, per: 60_000 } }] })
  await tunnel(t, rated, target.authority)
  const client = await RawClient.to(t, rated.port)
  for (const expected of [200, 429]) {
    client.send(message)
    if (expected === 200) await until(() => open.length === 3)
    open[2]!()
    t.equal(readAnswer(await client.answer()).status, expected)
  }
})

/** An exchange of each kind that waits for leave, and how to see that it is over. */
const WAITING: Array<[name: string, begin: (t: Test, gate: Gateway, port: number, echo: string) => Promise<{ leave (): void }>]> = [
  ['a tunnel', async (t, gate, _port, echo) => {
    const client = await tunnel(t, gate, echo)
    client.socket.write(content)
    return { leave: () => client.socket.resetAndDestroy() }
  }],
  ['a tunnel of HTTP/2', async (t, gate, _port, echo) => {
    if (!('http2' in gate.app.initialConfig) || gate.app.initialConfig.http2 !== true) return { leave () {} }
    const stream = await (await Http2Client.to(t, gate.url)).tunnel(echo, ALICE)
    stream.write(content)
    return { leave: () => stream.close(8) }
  }],
  ['an upload', async (t, gate, port) => {
    const client = await RawClient.to(t, gate.port)
    client.send(`PUT http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nContent-Length: ${content.length}\r\n\r\n`).socket.write(content)
    return { leave: () => client.socket.destroy() }
  }],
  ['a download', async (t, gate, port) => {
    const client = await RawClient.to(t, gate.port)
    client.send(`GET http://127.0.0.1:${port}/large HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    await client.until(text => text.includes('\r\n\r\n'))
    return { leave: () => client.socket.destroy() }
  }]
]

for (const [name, begin] of WAITING) {
  const http2 = name.endsWith('HTTP/2')
  for (const [why, end, reason] of [
    ['its user is revoked', ({ app }: Gateway) => app.proxyAuthRevoke('alice'), 'revoked'],
    ['it is ended by its id', ({ app, proxied }: Gateway) => { app.proxyAuthEnd(String(proxied()[0]?.['id'] ?? 'req-1')) }, 'ended'],
    ['the server stops', ({ app }: Gateway) => { app.close() }, 'closing'],
    ['the client leaves', (_gate: Gateway, leave: () => void) => leave(), undefined]
  ] as const) {
    if (name === 'an upload' && reason === undefined) continue // of a connection that is not read no one learns that
    t.test(`${name} that waits for leave, and ${why}: it is over at once, and nothing of it is left`, async t => {
      const target = await tcpOrigin(t)
      const port = await listen(t, createServer((request, response) => {
        if (request.url === '/large') response.end(content)
        else request.on('error', () => {}).resume().on('end', () => response.end())
      }))
      const options: GatewayOptions = { limits: STALLED, ...(http2 && { fastify: { http2: true } as never }) }
      const gate = await gateway(t, options)
      const { leave } = await begin(t, gate, port, target.authority)
      await until(() => gate.app.proxyAuthUsage().some(({ tunnels, requests }) => tunnels + requests === 1))
      await new Promise(resolve => setTimeout(resolve, 20)) // it waits by now, or will
      end(gate, leave)
      await until(() => gate.proxied().length === 1)
      if (reason !== undefined) t.match(gate.proxied()[0]!['reason'], new RegExp(`^(${reason}|FST_.*)$`))
      await until(() => gate.app.proxyAuthUsage().every(({ tunnels, requests }) => tunnels + requests === 0))
      await until(() => target.sockets.every(({ destroyed }) => destroyed))
    })
  }
}

t.test('clients that take nothing, or little at a time, of more than may go: memory stays as it is', async t => {
  const flood = await tcpOrigin(t, socket => {
    const more = () => { while (!socket.destroyed && socket.write(content)); }
    socket.on('drain', more)
    more()
  })
  const gate = await gateway(t, { limits: [{ bandwidth: { down: 200_000 } }] })
  const clients = await Promise.all(Array.from({ length: 20 }, () => tunnel(t, gate, flood.authority)))
  for (const { socket } of clients) socket.pause()
  const taken: RawClient[] = clients.slice(0, 10)
  for (let octets = 0; octets < 50; octets++) {
    for (const { socket } of taken) socket.read(1)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  // Of each it holds what was read at once, and what its connection has not taken.
  const moved = gate.app.proxyAuthUsage().reduce((sum, { bytesOut }) => sum + bytesOut, 0)
  t.ok(moved < 20 * 3 * 65_536, `${moved} octets have gone`)
  for (const { socket } of clients) socket.destroy()
  await once(clients[0]!.socket, 'close').catch(() => {})
  await until(() => gate.app.proxyAuthUsage().every(({ tunnels }) => tunnels === 0))
})
