import type { LookupFunction } from 'node:net'
import { DnsFailed, DnsTimeout } from '../errors.js'
import type { Milliseconds } from '../types.js'
import { readAddress, type IpAddress } from './address.js'
import { withDeadline } from './deadline.js'

/** What `lookUp` needs to know beside the name. */
export interface LookUpOptions {
  readonly lookup: LookupFunction
  /** 4 or 6 keeps the addresses of that family, 0 keeps both. */
  readonly family: 0 | 4 | 6
  readonly timeout: Milliseconds
}

/** Takes what a resolver gave, whatever it is, and keeps what is an address, once each. */
function readAnswer (answer: unknown, family: 0 | 4 | 6): IpAddress[] {
  const found = new Map<string, IpAddress>()
  for (const entry of Array.isArray(answer) ? answer : [answer]) {
    const text: unknown = typeof entry === 'object' && entry !== null ? (entry as { address?: unknown }).address : entry
    const address = typeof text === 'string' ? readAddress(text) : null
    if (address !== null && (family === 0 || family === address.family)) found.set(address.text, address)
  }
  return [...found.values()]
}

function failure (cause: unknown): Error {
  // c-ares' own time-out; getaddrinfo has no error of its own for it.
  const timedOut = (cause as { code?: unknown } | null)?.code === 'ETIMEOUT'
  return timedOut ? new DnsTimeout({ cause }) : new DnsFailed({ cause })
}

/**
 * Asks the resolver for the addresses of `name`: once, and its first answer counts. The resolver is not trusted to
 * keep `dns.lookup`'s contract: one that throws, rejects, never calls back or gives no address is an error.
 *
 * @returns One address or more, in the resolver's order, without doubles.
 * @throws {DnsFailed} No address of this family, or the resolver failed (its error is the `cause`).
 * @throws {DnsTimeout} No answer in time.
 */
export async function lookUp (name: string, { lookup, family, timeout }: LookUpOptions): Promise<IpAddress[]> {
  const answer = new Promise<unknown>((resolve, reject) => {
    const returned: unknown = lookup(name, { all: true, family }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
    // An async function in this place must not bring the process down with an unhandled rejection.
    Promise.resolve(returned).catch(reject)
  })
  const read = answer.then(addresses => readAnswer(addresses, family)).catch(cause => { throw failure(cause) })
  const addresses = await withDeadline(read, timeout, () => new DnsTimeout())
  if (addresses.length === 0) throw new DnsFailed()
  return addresses
}
