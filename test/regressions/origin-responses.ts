import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { listening } from '../fixtures/listening.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

// Responses by which an origin brought clients and other gateways to believe, ask or do what they should not.

interface Surroundings extends Gateway {
  /** Of the origin. */
  readonly authority: string
  /** The heads it got, each with the index of its connection. */
  readonly heads: Array<readonly [connection: number, head: string]>
  /** Asks it in both forms, on a connection of its own, and gives what came until `enough` or the end. */
  both (path: string, fields?: readonly string[], enough?: (text: string) => boolean): Promise<string[]>
}

/** A gateway to an origin that does with each request as it is told. */
async function surroundings (t: Test, respond: (socket: Socket, head: string) => void, options: GatewayOptions = {}): Promise<Surroundings> {
  const heads: Surroundings['heads'] = []
  let connections = 0
  const server = createServer(socket => {
    const connection = connections++
    let rest = ''
    socket.on('error', () => {}).setEncoding('latin1').on('data', (chunk: string) => {
      rest += chunk
      for (let end = rest.indexOf('\r\n\r\n'); end !== -1; end = rest.indexOf('\r\n\r\n')) {
        const head = rest.slice(0, end + 4)
        rest = rest.slice(end + 4)
        heads.push([connection, head])
        respond(socket, head)
      }
    })
  })
  const authority = `127.0.0.1:${await listening(t, server as never)}`
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: `http://${authority}`, websocket: true }, { prefix: '/given', upstream: `http://${authority}`, websocket: true, wsClientOptions: {} }], ...options })
  const both = async (path: string, fields: readonly string[] = ['Connection: close'], enough: (text: string) => boolean = () => false) =>
    await Promise.all([`/api${path}`, `http://${authority}${path}`].map(async target => {
      const client = await RawClient.to(t, gate.port)
      const text = await client.send([`GET ${target} HTTP/1.1`, 'Host: gw.test', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')).until(enough)
      client.socket.destroy()
      return text
    }))
  return { ...gate, authority, heads, both }
}

t.test('a response that comes before its request, on a kept connection: belongs to none, and ends the connection (CVE-2026-6733, CVE-2026-48931)', async t => {
  const kept: Socket[] = []
  const { port, authority } = await surroundings(t, (socket, head) => {
    kept.push(socket)
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Path: ${head.split(' ')[1]}\r\n\r\nyes`)
  })
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Path: poison\r\n\r\npoison'
  for (const base of ['/api', `http://${authority}`]) {
    const client = await RawClient.to(t, port)
    const ask = (path: string) => client.send(`GET ${base}${path} HTTP/1.1\r\nHost: gw.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    const check = async (path: string) => t.match(readAnswer(await client.answer()), { status: 200, fields: { 'x-path': path }, body: 'yes' })
    ask('/0')
    await check('/0')
    for (let i = 1; i <= 8; i++) {
      const socket = kept.at(-1)!
      const closed = once(socket, 'close')
      socket.write(poison)
      // The octets and the next request are there at the same time, or the octets are first.
      if (i % 2 === 0) await closed
      ask(`/${i}`)
      await check(`/${i}`)
      await closed
    }
  }
})

t.test('a redirection to another host: is the client\'s to follow, no credential goes there (S17, S18, CVE-2024-24758, CVE-2024-30260)', async t => {
  const evil = await origin(t)
  const { both, heads } = await surroundings(t, socket => socket.end(`HTTP/1.1 307 Temporary Redirect\r\nLocation: ${evil.url}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`))
  for (const text of await both('/x', ['Authorization: Bearer origin', 'Cookie: a=b', 'Connection: close'])) {
    t.match(readAnswer(text), { status: 307, fields: { location: `${evil.url}/` } })
  }
  t.equal(evil.connections, 0)
  for (const [, head] of heads) {
    t.match(head, /\r\nauthorization: Bearer origin\r\n/i)
    t.notMatch(head, /proxy-authorization|YWxpY2U/i)
  }
})

t.test('thousands of content codings, and cookies that parsers stumble over: go on as they are, nothing is decoded (CVE-2026-22036, CVE-2026-84890, CVE-2026-9679, CVE-2026-11525)', async t => {
  const coding = Array.from({ length: 2000 }, () => 'gzip').join(', ')
  const cookie = 'a=%0d%0aX-Evil:%201; SameSite=StrictNone; Path=/%0a'
  const { both } = await surroundings(t, socket => socket.end(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nSet-Cookie: ${cookie}\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\x1f\x8bzz`, 'latin1'))
  for (const text of await both('/x')) {
    t.match(readAnswer(text), { status: 200, fields: { 'content-encoding': coding, 'set-cookie': cookie }, body: '\x1f\x8bzz' })
  }
})

t.test('a body that is cut: is cut for the client, asked for once, and the next response is not its end (CVE-2026-16728, CVE-2026-18149, CVE-2026-18540)', async t => {
  const { both, heads } = await surroundings(t, socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: "a"\r\nAccept-Ranges: bytes\r\n\r\nhalf'))
  for (const text of await both('/x', [])) t.match(text, /^HTTP\/1\.1 200 [^]*\r\nContent-Length: 10\r\n[^]*\r\n\r\nhalf$/i)
  t.equal(heads.length, 2)
})

const FRAMES = {
  'a length of 2^63': Buffer.from([0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  'a length beyond 2^63': Buffer.from([0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  'compressed octets that are none': Buffer.from([0xc1, 4, 0xff, 0xff, 0xff, 0xff]),
  'a reserved opcode': Buffer.from([0x83, 0]),
  'a masked frame': Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]),
  'fragments without end': Buffer.concat([Buffer.from([0x01, 0]), Buffer.alloc(20_000, 0)])
}
const accept = (key: string) => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Extensions: permessage-deflate']

t.test('frames of a WebSocket that end the process of a client: pass as octets (CVE-2026-1526, CVE-2026-1528, CVE-2026-2229, CVE-2026-12151, CVE-2026-9675, CVE-2026-19534, CVE-2026-85024, CVE-2026-85014)', async t => {
  let frame = Buffer.alloc(0)
  const { both, port, log } = await surroundings(t, (socket, head) => {
    const key = /\r\nsec-websocket-key: *([^\r]*)/i.exec(head)![1]!
    socket.write([
      'HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${accept(key)}`, 'Sec-WebSocket-Protocol: unasked',
      'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=1000', '', ''
    ].join('\r\n'))
    socket.end(frame)
  })
  for (const [name, octets] of Object.entries(FRAMES)) {
    frame = octets
    for (const text of await both('/x', HANDSHAKE)) {
      t.match(text, /^HTTP\/1\.1 101 [^]*\r\nsec-websocket-protocol: unasked\r\n/i, name)
      t.equal(text.slice(text.indexOf('\r\n\r\n') + 4), octets.toString('latin1'), name)
    }
    // By the server and the client of WebSockets that @fastify/http-proxy has, it is an end of that connection.
    const client = await RawClient.to(t, port)
    await client.send(['GET /given/x HTTP/1.1', 'Host: gw.test', `Proxy-Authorization: ${ALICE}`, ...HANDSHAKE, '', ''].join('\r\n')).until(text => text.includes('\x88'))
    client.socket.destroy()
  }
  t.match(readAnswer((await both('/x', HANDSHAKE))[0]!), { status: 101 }, 'and the next is served')
  t.same(log.filter(({ level }) => level as number >= 60), [])
})

t.test('names that objects have a use for, in responses and their trailers: fields like others (CVE-2026-21710)', async t => {
  const fields = ['__proto__', 'constructor', 'hasOwnProperty', 'toString'].map(name => `${name}: x\r\n${name}: y\r\n`).join('')
  const { both, log } = await surroundings(t, socket => socket.end(`HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\nTrailer: __proto__\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n${fields}\r\n`))
  for (const text of await both('/x')) t.match(text, /^HTTP\/1\.1 200 [^]*\r\nconstructor: x\r\nconstructor: y\r\n[^]*a\r\n0\r\n/)
  t.same(log.filter(({ level }) => level as number >= 50), [])
})

t.test('a certificate that is not trusted, again and again: refused each time, and no connection stays (CVE-2025-47279)', { skip: openssl.skip }, async t => {
  const sockets = new Set<Socket>()
  const server = createTlsServer(certificate(t, 'origin.test'), socket => socket.on('error', () => {}))
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }).on('tlsClientError', () => {})
  const port = await listening(t, server as never)
  const { port: at } = await surroundings(t, () => {})
  for (let i = 0; i < 30; i++) {
    const client = await RawClient.to(t, at)
    t.match(await client.send(`GET https://127.0.0.1:${port}/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`).end(), /^HTTP\/1\.1 502 /)
  }
  while (sockets.size > 0) await new Promise(setImmediate)
})
