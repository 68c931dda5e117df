import type { LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { DnsFailed, DnsTimeout, OutOfConnections } from '../../errors.js'
import type { Milliseconds } from '../../types.js'
import { readAddress } from '../address/address.js'
import type { IpAddress } from '../address/address.js'
import { withDeadline } from '../../deadline.js'

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

/** Of this machine, which has nothing left to ask with. */
const EXHAUSTED: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']

function failure (cause: unknown): Error {
  const code = (cause as { code?: unknown } | null)?.code
  if (EXHAUSTED.includes(code)) return new OutOfConnections({ cause })
  // c-ares' own time-out; getaddrinfo has no error of its own for it.
  return code === 'ETIMEOUT' ? new DnsTimeout({ cause }) : new DnsFailed({ cause })
}

/** Asks once, whatever the resolver does, and takes its first answer. */
async function ask (name: string, lookup: LookupFunction, options: LookupOptions): Promise<IpAddress[]> {
  const answer = new Promise<unknown>((resolve, reject) => {
    const returned: unknown = lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error) reject(error)
      else resolve(addresses)
    })
    // An async function in this place must not bring the process down with an unhandled rejection.
    Promise.resolve(returned).catch(reject)
  })
  const family = (options.family ?? 0) as 0 | 4 | 6
  const addresses = await answer.then((given) => readAnswer(given, family)).catch((cause) => { throw failure(cause) })
  if (addresses.length === 0) throw new DnsFailed()
  return addresses
}

/**
 * Makes of a resolver one that keeps `dns.lookup`'s contract, for a caller that relies on it: node,
 * which takes a promise that rejects for none of its business, and a second answer for another
 * connection.
 *
 * @quirk node-lookup-contract
 */
export function dependable (lookup: LookupFunction): LookupFunction {
  return (name, options, callback) => {
    ask(name, lookup, options).then((addresses) => {
      const [first] = addresses
      if (options.all === true) callback(null, addresses.map(({ text, family }) => ({ address: text, family })))
      else callback(null, first!.text, first!.family)
    }, (error) => callback(error, []))
  }
}

/**
 * Asks the resolver for the addresses of `name`: once, and its first answer counts. The resolver is
 * not trusted to keep `dns.lookup`'s contract: one that throws, rejects, never calls back or gives
 * no address is an error.
 *
 * @returns One address or more, in the resolver's order, without doubles.
 * @throws {DnsFailed} No address of this family, or the resolver failed (its error is the `cause`).
 * @throws {OutOfConnections} This machine has no descriptor to ask with.
 * @throws {DnsTimeout} No answer in time.
 */
export async function lookUp (name: string, { lookup, family, timeout }: LookUpOptions): Promise<IpAddress[]> {
  return await withDeadline(ask(name, lookup, { family }), timeout, () => new DnsTimeout())
}
