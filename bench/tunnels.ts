// Processor time per GiB through a tunnel against a bare node pipe in the same process (a larger heap makes every buffer
// dearer), in interleaved rounds; then what an idle tunnel costs.
//   npm run bench:tunnels
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Child, median } from './child.js'

const ROUNDS = Number(process.env['ROUNDS'] ?? 5)
const OCTETS = Number(process.env['MIB'] ?? 512) * 2 ** 20
const IDLE = Number(process.env['IDLE'] ?? 5000)
const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`

const source = await Child.start('source')
const ORIGIN = `http://127.0.0.1:${source.port}`
const gateway = await Child.start('gateway', { ORIGIN })

async function open (port: number, head: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject) })
  socket.write(head)
  const answer = await new Promise<Buffer>(resolve => socket.once('data', resolve))
  if (!/^(?:HTTP\/1\.1 200 |connected\n)/.test(String(answer))) throw new Error(String(answer))
  return socket
}

const CONNECT = `CONNECT 127.0.0.1:${source.port} HTTP/1.1\r\nHost: 127.0.0.1:${source.port}\r\nProxy-Authorization: ${BASIC}\r\n\r\n`
const cases = [
  { name: 'bare pipe', port: gateway.pipe!, head: `${source.port}\n` },
  { name: 'tunnel, Basic', port: gateway.port, head: CONNECT }
]
const costs = cases.map(() => [] as number[])
for (let round = -1; round < ROUNDS; round++) {
  for (const [i, { port, head }] of cases.entries()) {
    const socket = await open(port, head)
    const before = await gateway.usage()
    let received = 0
    socket.on('data', chunk => { received += chunk.length })
    const ended = new Promise(resolve => socket.once('close', resolve))
    socket.write(`${OCTETS}\n`)
    await ended
    const after = await gateway.usage()
    if (received !== OCTETS) throw new Error(`received ${received} octets of ${OCTETS}`)
    if (round >= 0) costs[i]!.push((after.cpu - before.cpu) / 1000 / (OCTETS / 2 ** 30)) // the first round warms up
  }
}
for (const [i, { name }] of cases.entries()) {
  const cost = median(costs[i]!)
  console.log(`${name.padEnd(16)} ${cost.toFixed(0)} ms CPU per GiB   ${(cost / median(costs[0]!)).toFixed(2)} × bare`)
}

const before = await gateway.usage('gc')
const sockets: Socket[] = []
while (sockets.length < IDLE) sockets.push(...await Promise.all(Array.from({ length: 100 }, () => open(gateway.port, CONNECT))))
const after = await gateway.usage('gc')
console.log(`${IDLE} idle tunnels   ${((after.rss - before.rss) / IDLE / 1024).toFixed(1)} KiB each, resident`)

for (const socket of sockets) socket.destroy()
for (const child of [source, gateway]) child.stop()
