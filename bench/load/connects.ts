// Tunnels of a short life: one octet there and back.
import { Client } from './client.js'
import type { Route } from './client.js'
import { Latencies } from './latencies.js'
import type { Loaded } from './load.js'
import { closed } from './socket.js'

/** Opens as many as the time allows, some at a time. */
export async function connects ({ route, seconds, connections }: { route: Route, seconds: number, connections: number }): Promise<Partial<Loaded>> {
  const client = new Client(route)
  const deadline = performance.now() + seconds * 1000
  const latencies = new Latencies()
  let failed = 0
  const one = async (): Promise<void> => {
    const started = performance.now()
    const tunnel = await client.open()
    const over = closed(tunnel.stream)
    await new Promise<void>((resolve) => {
      tunnel.receive = () => resolve()
      tunnel.stream.once('close', () => resolve())
      tunnel.stream.write('x')
    })
    if (tunnel.stream.destroyed) failed++
    else latencies.add(started)
    tunnel.stream.end()
    await over
  }
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < deadline) await one().catch(() => { failed++ })
  }))
  client.close()
  return { ...latencies.summary(), failed }
}
