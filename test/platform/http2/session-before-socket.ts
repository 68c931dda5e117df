import { createSecureServer } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { destroyLate } from '../../../lib/platform/http2/late-destroy.js'
import { keepHandles } from '../../../lib/platform/http2/kept-handles.js'
import { destroySessionFirst } from '../../../lib/platform/http2/session-before-socket.js'
import { endBroken } from '../../../lib/platform/http2/sessions.js'
import { sessionSocket } from '../../../lib/platform/session-socket.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { collectGarbage } from '../../fixtures/collect-garbage.js'
import { tlsOver } from '../../fixtures/tls-over.js'
import { until } from '../../fixtures/until.js'

const CLIENTS = 150
const STREAMS = 30

/** A server that writes to each stream without an end; how many of its streams are still in memory. */
async function writing (t: Test, version?: string) {
  const server = createSecureServer(certificate(t, 'gate.test'))
  const app = { server, addHook () {} } as never
  server.setTimeout(300).on('sessionError', () => {})
  endBroken(app, 200)
  keepHandles(app)
  destroySessionFirst(app, version)
  destroySessionFirst(app, version) // asks for the same again
  destroyLate(app)
  const sockets: Socket[] = []
  const bare: Socket[] = []
  server.on('connection', socket => { bare.push(socket) })
  server.on('session', session => { sockets.push(sessionSocket(session.on('error', () => {}))) })
  const streams: Array<WeakRef<ServerHttp2Stream>> = []
  server.on('stream', stream => {
    streams.push(new WeakRef(stream))
    stream.on('error', () => {}).resume().respond()
    const more = () => {
      if (stream.destroyed) return
      stream.write(Buffer.alloc(500))
      setTimeout(more, Math.random() * 4)
    }
    setTimeout(more, Math.random() * 3)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const left = () => streams.filter(stream => stream.deref() !== undefined).length
  return { port: (server.address() as AddressInfo).port, asked: () => streams.length, left, sockets, bare }
}

/** In TLS, on a connection that can be reset whatever is on it. */
async function connected (port: number) {
  const wire = connect(port, '127.0.0.1').on('error', () => {})
  const socket = tlsOver(wire, 'h2')
  await once(socket, 'secureConnect')
  return { wire, socket }
}

function frame (type: number, flags: number, stream: number, ...payload: number[]): Buffer {
  return Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload])
}

// Room for a MiB in each stream, and for a GiB in the session: what is written is not kept back.
const BEGIN = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, 0, 4, 0, 16, 0, 0), frame(8, 0, 0, 0x3f, 0xff, 0, 0)]
/** POST http://a/ (RFC 7541, A and 6.2.2), END_HEADERS. */
const request = (i: number) => frame(1, 4, 1 + 2 * i, 0x83, 0x84, 0x86, 1, 1, 0x61)
const reset = (i: number) => frame(3, 0, 1 + 2 * i, 0, 0, 0, 8)

t.test('clients in TLS that reset their connections as it is written to them: no stream of theirs stays', { skip: openssl.skip }, async t => {
  const { port, asked, left } = await writing(t)
  for (let i = 0; i < CLIENTS; i++) {
    const { wire, socket } = await connected(port)
    const before = asked()
    socket.write(Buffer.concat([...BEGIN, ...Array.from({ length: STREAMS }, (_, i) => request(i))]))
    socket.resume()
    await until(() => asked() > before || wire.destroyed)
    // Resets and writes meet, in as many ways as there are clients.
    const resets = setInterval(() => {
      for (let i = 0; i < 3; i++) socket.write(reset(Math.floor(Math.random() * STREAMS)))
    }, 1)
    await wait(15 + Math.random() * 10)
    clearInterval(resets)
    wire.resetAndDestroy()
    socket.destroy()
  }
  await until(() => { collectGarbage(); return left() === 0 })
  t.ok(asked() > CLIENTS * STREAMS / 2, `${asked()} streams`)
})

t.test('connections that are destroyed beneath their TLS, beside those of clients that end: the process goes on', { skip: openssl.skip }, async t => {
  const { port, bare, sockets, left } = await writing(t)
  for (let i = 0; i < 40; i++) {
    const { wire, socket } = await connected(port)
    socket.write(Buffer.concat([...BEGIN, ...Array.from({ length: STREAMS }, (_, i) => request(i))]))
    socket.resume()
    await until(() => (sockets[i]?.bytesRead ?? 0) > 500)
    if (i % 2 === 0) bare[i]!.destroy()
    else socket.end()
    await until(() => sockets[i]!.destroyed)
    wire.destroy()
  }
  await until(() => { collectGarbage(); return left() === 0 })
  t.equal(sockets.length, 40)
})

for (const [version, own] of [['20.20.2', true], ['22.0.0', false], ['26.1.0', false]] as const) {
  t.test(`node ${version}: how the socket of a session is destroyed is ${own ? 'looked at' : 'left to node'}`, { skip: openssl.skip }, async t => {
    const { port, sockets } = await writing(t, version)
    const { wire } = await connected(port)
    await until(() => sockets.length === 1)
    t.equal(Object.hasOwn(sockets[0]!, 'destroy'), own)
    t.equal(sockets[0]!.destroy(), sockets[0])
    t.equal(sockets[0]!.destroyed, true)
    wire.destroy()
  })
}
