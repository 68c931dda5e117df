import { readAddress } from '../address/address.js'
import { canonicalHost } from './canonical-host.js'
import { PatternList } from './pattern-list.js'
import type { PatternMatch } from './pattern-list.js'

/**
 * Makes of patterns, as in `forward.allow`, a function that tells whether a target is on the list.
 * Nothing is resolved: an address on the list is not a name that leads there.
 *
 * @returns For a host in any spelling and a port: `'port'` where a pattern holds the host and names
 *   the port, or `*` as port; `'host'` where one holds the host and names no port; else `null`.
 * @throws {BadOption} An element is no pattern.
 * @throws {BadTarget} The function does, for a host that is none.
 * @example
 * const isInternal = createMatcher(['*.corp.example', '10.0.0.0/8'])
 * isInternal('Wiki.corp.example.', 443) // 'host'
 */
export function createMatcher (patterns: readonly string[]): (host: string, port: number) => PatternMatch {
  const list = PatternList.from(patterns, 'patterns')
  return (host, port) => {
    const name = canonicalHost(host)
    const address = readAddress(name)
    return address === null ? list.matchName(name, port) : list.matchAddress(address, port)
  }
}
