// One large content through a gateway, compared by its hash.
import { digestOf, transfer } from '../transfers.js'
import type { Form, Gateway } from '../transfers.js'
import type { Loaded } from './load.js'

export interface Contents {
  readonly form: Form
  readonly direction: 'up' | 'down'
  readonly octets: number
  readonly gateway: Gateway
  readonly origin: number
}

const digests = new Map<number, string>()

/** @throws {Error} Another content arrived. */
export async function contents ({ form, direction, octets, gateway, origin }: Contents): Promise<Partial<Loaded>> {
  const expected = digests.get(octets) ?? digestOf(octets)
  digests.set(octets, expected)
  const started = performance.now()
  if (await transfer(form, direction, octets, gateway, origin) !== expected) throw new Error(`another content arrived: ${form}, ${direction}`)
  return { units: octets / 2 ** 30, seconds: (performance.now() - started) / 1000 }
}
