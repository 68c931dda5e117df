// Many octets through some tunnels at a time, in one direction.
import { sendOctets } from '../send-octets.js'
import { Client } from './client.js'
import type { Route, Tunnel } from './client.js'
import type { Loaded } from './load.js'

export interface Octets {
  readonly route: Route
  readonly direction: 'up' | 'down'
  readonly tunnels: number
  /** Through all of them together. */
  readonly octets: number
}

export async function octets ({ route, direction, tunnels, octets }: Octets): Promise<Partial<Loaded>> {
  const client = new Client(route)
  const each = Math.ceil(octets / tunnels)
  const opened = await Promise.all(Array.from({ length: tunnels }, async () => await client.open()))
  const started = performance.now()
  await Promise.all(opened.map(async (tunnel) => await (direction === 'down' ? take(tunnel, each) : send(tunnel, each))))
  const seconds = (performance.now() - started) / 1000
  client.close()
  return { units: each * tunnels / 2 ** 30, seconds }
}

function take (tunnel: Tunnel, octets: number): Promise<void> {
  const { stream } = tunnel
  let left = octets
  return new Promise((resolve, reject) => {
    tunnel.receive = ({ length }) => { left -= length }
    stream.once('close', () => left === 0 ? resolve() : reject(new Error(`${left} octets did not come`)))
    stream.once('end', () => stream.end())
    stream.write(`down ${octets}\n`)
  })
}

function send (tunnel: Tunnel, octets: number): Promise<void> {
  const { stream } = tunnel
  let isTaken = false
  return new Promise((resolve, reject) => {
    tunnel.receive = () => { isTaken = true }
    stream.once('close', () => isTaken ? resolve() : reject(new Error('the octets were not taken')))
    stream.once('end', () => stream.end())
    stream.write(`up ${octets}\n`)
    sendOctets(stream, octets, () => {})
  })
}
