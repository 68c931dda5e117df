// Tunnels through which nothing goes.
import { Client } from './client.js'
import type { Route, Tunnel } from './client.js'
import type { Loaded } from './load.js'
import { closed } from './socket.js'

/** How many are opened at a time. */
const AT_A_TIME = 50

let held: Tunnel[] = []

/** Opens them, and holds them with those from before until they are released. */
export async function idle ({ route, tunnels }: { route: Route, tunnels: number }): Promise<Partial<Loaded>> {
  const client = new Client(route)
  let left = tunnels
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (left-- > 0) held.push(await client.open())
  }))
  return { units: tunnels }
}

/** Closes them. */
export async function release (_options: Record<never, never>): Promise<Partial<Loaded>> {
  const units = held.length
  await Promise.all(held.map(async ({ stream }) => {
    const over = closed(stream)
    stream.destroy()
    await over
  }))
  held = []
  return { units }
}
