import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { digestOf, octets } from '../../bench/transfers.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE } from '../fixtures/gateway.js'
import { watchMemory } from '../fixtures/memory-growth.js'
import { startProgram } from '../fixtures/started-program.js'

/** Of the octets through one tunnel, in MiB. `TUNNEL_MIB=1024` takes more time. */
const MIB = Number(process.env['TUNNEL_MIB'] ?? 64)
const TUNNELS = 1_000
/** Through each of those, more than after which a tunnel reads into buffers that are used again. */
const EACH = 512 * 1024
/** How much the gateway may grow with them, in KiB. What goes through them, all at a time, is 500 MiB. */
const MOST = 300 * 1024

/** A gateway in a process of its own, and a target that does with each connection what it is told. */
async function through (t: Test, serve: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port, pid } = await startProgram(t, 'demo/gateway.ts', { SCHEMES: 'basic', FORWARD_SPECIAL: '127.0.0.1:*' })
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const open = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => socket.destroy())
    socket.write(connectHead(authority, `Proxy-Authorization: ${ALICE}`))
    let head = ''
    while (!head.endsWith('\r\n\r\n')) {
      const octet: Buffer | null = socket.read(1) ?? (await once(socket, 'readable'), socket.read(1))
      head += String(octet ?? '')
    }
    if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(head)
    return socket
  }
  return { pid, open }
}

/** Stops a reader at random, for some turns of the event loop. */
async function hash (from: Socket): Promise<string> {
  const sum = createHash('sha256')
  let chunks = 0
  for await (const chunk of from.iterator({ destroyOnReturn: false })) { // the other direction may still go on
    sum.update(chunk as Buffer)
    if (++chunks % 7 === 0) for (let turns = Math.random() * 30; turns > 0; turns--) await nextTurn()
  }
  return sum.digest('hex')
}

async function send (to: Socket, size: number): Promise<void> {
  for (const piece of octets(size)) if (!to.write(Buffer.from(piece))) await once(to, 'drain')
  to.end()
}

t.test('a tunnel whose ends stop at random, octets both ways at a time: all arrive as they were', async t => {
  const size = MIB * 2 ** 20
  const expected = digestOf(size)
  const arrived: Array<Promise<string>> = []
  const { open } = await through(t, socket => {
    arrived.push(hash(socket))
    send(socket, size).catch(t.fail)
  })
  const client = await open()
  const back = hash(client)
  await send(client, size)
  t.equal(await back, expected)
  t.equal(await arrived[0], expected)
})

t.test(`${TUNNELS} busy tunnels at a time, whose clients stop at random: all arrives, and memory is bounded`, async t => {
  const expected = digestOf(EACH)
  const { pid, open } = await through(t, socket => {
    socket.resume()
    send(socket, EACH).catch(() => {})
  })
  const grewByLess = watchMemory(pid)
  const clients: Socket[] = []
  while (clients.length < TUNNELS) clients.push(...await Promise.all(Array.from({ length: 50 }, open)))
  const seen = await Promise.all(clients.map(async client => {
    const sum = await hash(client)
    client.end()
    return sum
  }))
  t.same(new Set(seen), new Set([expected]))
  grewByLess(t, MOST)
})
