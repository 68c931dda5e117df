import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import type { TcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const CREDENTIALS = `Proxy-Authorization: ${ALICE}`

/** An origin that takes what comes and says nothing, and a gateway that leads to it. */
async function silent (t: Test, fastify: object = {}): Promise<{ origin: TcpOrigin, gate: Gateway, sockets: Set<Socket> }> {
  const origin = await tcpOrigin(t, socket => { socket.resume().on('end', () => socket.end()) })
  const sockets = new Set<Socket>()
  const gate = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: `http://${origin.authority}`, websocket: true }],
    fastify,
    after: app => {
      app.server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
      })
    }
  })
  return { origin, gate, sockets }
}

/** Requests during which nothing reads the connection: behind an Upgrade, and behind a request that has no response yet. */
function requests ({ authority }: TcpOrigin): Array<{ name: string, text: string, reaches: number }> {
  const get = `GET http://${authority}/ HTTP/1.1\r\nHost: x\r\n${CREDENTIALS}\r\n\r\n`
  const offer = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', CREDENTIALS, '', ''].join('\r\n')
  const forward = `GET http://${authority}/ HTTP/1.1\r\n${offer}`
  const reverse = `GET /api/ HTTP/1.1\r\n${offer}`
  const connect = connectHead(authority, CREDENTIALS)
  return [
    { name: 'forward upgrade', text: forward, reaches: 1 },
    { name: 'reverse upgrade', text: reverse, reaches: 1 },
    { name: 'GET, forward upgrade', text: get + forward, reaches: 1 },
    { name: 'GET, reverse upgrade', text: get + reverse, reaches: 1 },
    { name: 'GET, CONNECT', text: get + connect, reaches: 1 },
    { name: 'GET, GET, CONNECT', text: get + get + connect, reaches: 2 },
    { name: 'GET, CONNECT and octets for the tunnel', text: `${get}${connect}hello`, reaches: 1 }
  ]
}

function * pieces (size: number): Generator<Buffer> {
  for (let sent = 0; sent < size; sent += 50_000) yield Buffer.alloc(50_000, 'x')
}

const LEAVES: Record<string, (socket: Socket, tls: boolean) => void> = {
  FIN: socket => { socket.end() },
  RST: (socket, tls) => { tls ? socket.destroy() : socket.resetAndDestroy() },
  'octets, then FIN': socket => { socket.end('unread') }
}

async function check (t: Test, tls: boolean): Promise<void> {
  const pair = tls ? certificate(t, 'gateway.test') : undefined
  const { origin, gate, sockets } = await silent(t, pair === undefined ? {} : { https: { cert: pair.cert, key: pair.key } })
  const open = () => origin.sockets.filter(({ destroyed }) => !destroyed).length
  for (const { name, text, reaches } of requests(origin)) {
    for (const [how, leave] of Object.entries(LEAVES)) {
      const client = tls ? await RawClient.toTls(t, gate.port, { rejectUnauthorized: false }) : await RawClient.to(t, gate.port)
      client.send(text)
      await until(() => open() === reaches)
      leave(client.socket, tls)
      await until(() => sockets.size === 0 && open() === 0)
      t.pass(`${name}: ${how}`)
    }
  }
}

t.test('a client that leaves while nothing reads its connection: both ends are gone at once (F-25)', async t => await check(t, false))
t.test('the same over TLS: both ends are gone at once (F-25)', { skip: openssl.skip }, async t => await check(t, true))

t.test('many of them: no connection is left (F-25)', async t => {
  const { origin, gate, sockets } = await silent(t)
  const texts = requests(origin).map(({ text }) => text)
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const client = await RawClient.to(t, gate.port)
      client.socket.end(texts[i % texts.length]!)
      await client.end()
    }))
  }
  await until(() => sockets.size === 0 && origin.sockets.every(({ destroyed }) => destroyed))
  t.equal(sockets.size, 0)
})

t.test('a client that reads slowly with a CONNECT behind its request: gets the whole response (F-25)', async t => {
  const target = await tcpOrigin(t)
  const size = 8_000_000
  const sockets: Socket[] = []
  const gate = await gateway(t, {
    before: app => { app.get('/large', async () => Readable.from(pieces(size))) },
    after: app => { app.server.on('connection', (socket: Socket) => { sockets.push(socket) }) }
  })
  const { authority } = await tcpOrigin(t, socket => {
    socket.once('data', () => { socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`) })
  })
  for (const url of [`http://${authority}/`, '/large']) {
    const client = await RawClient.to(t, gate.port)
    client.socket.pause()
    client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n${CREDENTIALS}\r\n\r\n${connectHead(target.authority, CREDENTIALS)}`)
    await until(() => sockets.some(socket => socket.writableNeedDrain))
    client.socket.resume()
    const text = await client.until(text => text.endsWith('HTTP/1.1 200 Connection established\r\n\r\n'))
    t.ok(text.length > size, url)
    client.socket.destroy()
  }
})
