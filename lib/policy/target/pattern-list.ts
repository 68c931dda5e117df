import { BadOption } from '../../errors.js'
import type { IpAddress } from '../address/address.js'
import { parsePattern } from './pattern.js'
import type { Pattern, PatternPort } from './pattern.js'
import { PrefixTable } from '../address/prefix-table.js'

/**
 * How a target is on a list: `'port'` when a pattern that holds its host names its port (or `*` as
 * port), `'host'` when one holds its host and names no port, `null` when none does. Patterns that
 * name other ports do not count.
 */
export type PatternMatch = 'port' | 'host' | null

/** The stronger of two answers: `'port'`, then `'host'`, then `null`. */
export function stronger (one: PatternMatch, other: PatternMatch): PatternMatch {
  return one === 'port' || other === 'port' ? 'port' : one ?? other
}

/** The ports of all patterns for one host. */
class Ports {
  private unnamed = false
  private every = false
  private named: Set<number> | null = null

  add (port: PatternPort): void {
    if (port === null) this.unnamed = true
    else if (port === '*') this.every = true
    else (this.named ??= new Set()).add(port)
  }

  match (port: number): PatternMatch {
    if (this.every || this.named?.has(port) === true) return 'port'
    return this.unnamed ? 'host' : null
  }
}

/**
 * A list of patterns, arranged for look-up: an exact name costs one map access, a wildcard one per
 * label, a block one per prefix length in use. The number of patterns does not matter.
 */
export class PatternList {
  /** True when an address or a block is on the list (`*` is neither). */
  readonly hasAddresses: boolean
  private readonly any = new Ports()
  private readonly names = new Map<string, Ports>()
  private readonly subdomains = new Map<string, Ports>()
  private readonly addresses = new PrefixTable<Ports>()
  private readonly addressPorts = new Ports()

  constructor (patterns: readonly Pattern[]) {
    this.hasAddresses = patterns.some(({ kind }) => kind === 'prefix')
    for (const pattern of patterns) {
      if (pattern.kind === 'prefix') this.addressPorts.add(pattern.port)
      this.portsOf(pattern).add(pattern.port)
    }
  }

  /**
   * @param option - The name of the option for the error, such as `forward.allow`.
   * @throws {BadOption} It is no array, or an element is no pattern.
   */
  static from (texts: unknown, option: string): PatternList {
    if (!Array.isArray(texts)) throw new BadOption(option, 'an array of strings', texts === null ? 'null' : typeof texts)
    return new PatternList(texts.map((text, index) => parsePattern(text, `${option}[${index}]`)))
  }

  private portsOf (pattern: Pattern): Ports {
    if (pattern.kind === 'any') return this.any
    if (pattern.kind === 'prefix') return this.addresses.entry(pattern.prefix, () => new Ports())
    const names = pattern.kind === 'name' ? this.names : this.subdomains
    let ports = names.get(pattern.name)
    if (ports === undefined) names.set(pattern.name, ports = new Ports())
    return ports
  }

  /** @param name - As `canonicalHost` gives it. */
  matchName (name: string, port: number): PatternMatch {
    let match = stronger(this.any.match(port), this.names.get(name)?.match(port) ?? null)
    for (let dot = name.indexOf('.'); dot !== -1 && match !== 'port'; dot = name.indexOf('.', dot + 1)) {
      match = stronger(match, this.subdomains.get(name.slice(dot + 1))?.match(port) ?? null)
    }
    return match
  }

  matchAddress (address: IpAddress, port: number): PatternMatch {
    let match = this.any.match(port)
    for (const ports of this.addresses.matches(address)) match = stronger(match, ports.match(port))
    return match
  }

  /**
   * True when an address or a block is on the list with this port, so that only resolving can tell.
   */
  namesAddressPort (port: number): boolean {
    return this.matchSomeAddress(port) === 'port'
  }

  /** How a target is on the list at best whose address is not known yet, by that address. */
  matchSomeAddress (port: number): PatternMatch {
    return this.addressPorts.match(port)
  }
}
