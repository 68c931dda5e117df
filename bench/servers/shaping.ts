// How exactly a limit of bandwidth is kept: tunnels of one user that send, or take, as much as they can for some seconds, through a
// gateway in here, over sockets.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import { measured } from '../measured.js'

/** What is measured. */
export interface Shaping {
  readonly direction: 'up' | 'down'
  /** Octets a second. */
  readonly rate: number
  readonly tunnels: number
  readonly seconds: number
}

/** As parts of what it should be: all tunnels together, and of the tunnels the slowest and the fastest. */
export interface Shaped { readonly all: number, readonly least: number, readonly most: number }

const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`
const PIECE = Buffer.alloc(65_536)

process.on('message', async (shaping: Shaping) => { process.send!(await shape(shaping)) })
measured({})

async function shape ({ direction, rate, tunnels, seconds }: Shaping): Promise<Shaped> {
  const app = Fastify()
  await app.register(proxyAuth, {
    realm: 'bench',
    strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
    forward: { special: ['127.0.0.1:*'] },
    limits: [{ bandwidth: { [direction]: rate } }],
    drainTimeout: 0
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const targets: Socket[] = []
  const origin = createServer((socket) => { targets.push(socket.on('error', () => {})) })
  const port = await listening(origin)
  const clients = await Promise.all(Array.from({ length: tunnels }, () => tunnel((app.server.address() as AddressInfo).port, port)))
  const [senders, takers] = direction === 'up' ? [clients, targets] : [targets, clients]
  for (const sender of senders) pump(sender)
  const got = takers.map(() => 0)
  takers.forEach((taker, index) => taker.on('data', ({ length }) => { got[index]! += length }))
  const began = performance.now()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const due = rate * (performance.now() - began) / 1000
  const parts = got.map((octets) => octets * tunnels / due)
  for (const socket of [...clients, ...targets]) socket.destroy()
  origin.close()
  await app.close()
  return { all: parts.reduce((sum, part) => sum + part, 0) / tunnels, least: Math.min(...parts), most: Math.max(...parts) }
}

async function listening (server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function tunnel (proxy: number, port: number): Promise<Socket> {
  const socket = connect(proxy, '127.0.0.1').on('error', () => {})
  socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nProxy-Authorization: ${BASIC}\r\n\r\n`)
  await once(socket, 'data')
  return socket
}

/** Sends as much as is taken. */
function pump (socket: Socket): void {
  const more = (): void => { while (socket.write(PIECE)) { /* until it is full */ } }
  socket.on('drain', more)
  more()
}
