import type { Test } from 'tap'
import { startSquid } from '../../test/fixtures/squid.js'
import type { Client, Exchange } from './exchange.js'
import { inNode } from './node.js'
import { BASIC } from './schemes.js'
import type { World } from './world.js'

/** A client that does speak TLS to its proxy. */
const undici = inNode.find(({ name }) => name === 'undici')!

/**
 * Runs exchanges that a client cannot do against Squid in place of the gateway, with TLS, Basic and Digest.
 * A client that can is run first, so that Squid is a fair judge.
 *
 * @returns Those that fail there as well, by scheme and form.
 */
export async function fails (t: Test, client: Client, exchanges: readonly Exchange[], { ca }: World): Promise<ReadonlySet<string>> {
  const hosts = exchanges.map(({ url }) => url.hostname)
  const { username, password } = exchanges[0]!.account
  const port = await startSquid(t, 'Gateway', { username, password }, { certificate: ca, hosts })
  const proxy = new URL(`https://127.0.0.1:${port}`)
  const [control] = await undici.run([{ ...exchanges[0]!, scheme: BASIC, proxy }])
  if (control?.served !== true) throw new Error(`Squid serves nobody: ${control?.says}`)
  const told = await client.run(exchanges.map(exchange => ({ ...exchange, proxy })))
  return new Set(exchanges.filter((_, index) => !told[index]!.served).map(({ scheme, form }) => `${scheme.name} ${form}`))
}
