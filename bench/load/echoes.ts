// Many tunnels at a time on one session, each with an echo of some content that is compared.
import { createHash, randomBytes } from 'node:crypto'
import { Client } from './client.js'
import type { Route } from './client.js'
import type { Loaded } from './load.js'

/** @throws {Error} Other octets came back. */
export async function echoes ({ route, tunnels, octets }: { route: Route, tunnels: number, octets: number }): Promise<Partial<Loaded>> {
  const client = new Client(route)
  const content = randomBytes(octets)
  const expected = createHash('sha256').update(content).digest('hex')
  await Promise.all(Array.from({ length: tunnels }, async () => {
    const tunnel = await client.open()
    const hash = createHash('sha256')
    tunnel.receive = (chunk) => { hash.update(chunk) }
    await new Promise((resolve, reject) => {
      tunnel.stream.once('end', resolve).once('error', reject).once('close', resolve)
      tunnel.stream.end(content)
    })
    if (hash.digest('hex') !== expected) throw new Error('other octets came back')
  }))
  client.close()
  return { units: tunnels * octets / 2 ** 30 }
}
