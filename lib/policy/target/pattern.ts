import { isIPv4 } from 'node:net'
import { BadOption } from '../../errors.js'
import { readAddress } from '../address/address.js'
import type { IpAddress } from '../address/address.js'
import { canonicalHost } from './canonical-host.js'
import { hasNoHostBits } from '../address/prefix-table.js'
import type { Prefix } from '../address/prefix-table.js'

/** The port of a pattern: one, all of them, or none named. */
export type PatternPort = number | '*' | null

/** One entry of `allow`, `deny` or `special`. */
export type Pattern = { readonly port: PatternPort } & (
  | { readonly kind: 'any' }
  | { readonly kind: 'name' | 'subdomains', readonly name: string }
  | { readonly kind: 'prefix', readonly prefix: Prefix }
)

const EXPECTED = 'a host name, *.name, *, address or CIDR, each with an optional :port'
const A_PATH = 'a path: a tunnel has none, so write the host alone'
const PORT = /^[1-9]\d{0,4}$/
const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/

/** Reads `text` as a prefix, or gives the defect. An IPv4-mapped block is the IPv4 block in it. */
function readPrefix (address: IpAddress, length: string, mapped: boolean): Prefix | string {
  const width = address.family === 4 && !mapped ? 32 : 128
  if (!PREFIX_LENGTH.test(length) || Number(length) > width) return 'a string with a bad prefix length'
  const bits = Number(length) - (mapped ? 96 : 0)
  if (bits < 0) return 'a string with a bad prefix length'
  const prefix = { family: address.family, bits: address.bits, length: bits }
  return hasNoHostBits(prefix) ? prefix : 'a string with bits set behind its prefix length'
}

/** Reads the host of a pattern, or gives the defect. */
function readHost (text: string): { kind: 'any' } | { kind: 'name' | 'subdomains', name: string } | { kind: 'prefix', prefix: Prefix } | string {
  if (text === '*') return { kind: 'any' }
  const slash = text.indexOf('/')
  if (slash !== -1) {
    const address = readAddress(text.slice(0, slash))
    const digits = /^\d*$/.test(text.slice(slash + 1))
    if (address === null) return digits ? 'a string with a CIDR of no address' : A_PATH
    const prefix = readPrefix(address, text.slice(slash + 1), address.family === 4 && !isIPv4(text.slice(0, slash)))
    return typeof prefix === 'string' ? prefix : { kind: 'prefix', prefix }
  }
  const wildcard = text.startsWith('*.')
  let name: string
  try {
    name = canonicalHost(wildcard ? text.slice(2) : text)
  } catch {
    return text.includes('*') ? 'a string with a wildcard that is not the whole leftmost label' : 'a string with a bad host'
  }
  const address = readAddress(name)
  if (address === null) return { kind: wildcard ? 'subdomains' : 'name', name }
  if (wildcard) return 'a string with a wildcard before an address'
  return { kind: 'prefix', prefix: { family: address.family, bits: address.bits, length: address.family === 4 ? 32 : 128 } }
}

/**
 * Tells what people write in the place of a pattern, and what to write instead. Of the text it
 * shows a name at most.
 */
function slipIn (text: string): string | null {
  if (text.includes('://')) return 'a URL: write its host, with :port where it names one'
  if (/^\.[\w-]+(?:\.[\w-]+)*$/.test(text)) return `a name with a leading dot; did you mean '*${text}'?`
  return null
}

/** Cuts a pattern into its host and, behind the colon, its port. */
function cut (text: string): { host: string, port: string | null } | null {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0
  if (bracket === -1) return null
  const colon = text.indexOf(':', bracket)
  // Without brackets a second colon means IPv6, which then cannot have a port.
  const host = colon === -1 || (bracket === 0 && text.indexOf(':', colon + 1) !== -1) ? text : text.slice(0, colon)
  const port = host === text ? null : text.slice(colon + 1)
  if (bracket === 0) return { host, port }
  const inside = host.slice(1, bracket)
  const behind = host.slice(bracket + 1)
  // [2001:db8::/32] and [2001:db8::]/32 are both in use.
  if (!inside.includes(':') || (behind !== '' && !behind.startsWith('/'))) return null
  return { host: inside + behind, port }
}

/**
 * Reads one entry of `allow`, `deny` or `special`.
 *
 *     pattern = host-pattern [ ":" ( port / "*" ) ]
 *     host-pattern = "*" / [ "*." ] name / address / CIDR
 *
 * IPv6 stands in brackets when a port follows. `*.example.org` is every name below `example.org`,
 * at any depth, and not `example.org` itself. `*` is every name and address. Names are made
 * canonical as targets are.
 *
 * @param option - The name of the option for the error, such as `forward.allow[2]`.
 * @throws {BadOption} The text is no pattern. The message names the option and the defect, never
 *   the text.
 * @example
 * parsePattern('*.Example.org:8443', 'forward.allow[0]')
 * // { kind: 'subdomains', name: 'example.org', port: 8443 }
 */
export function parsePattern (text: string, option: string): Pattern {
  if (typeof text !== 'string') throw new BadOption(option, EXPECTED, typeof text)
  const slip = slipIn(text)
  if (slip !== null) throw new BadOption(option, EXPECTED, slip)
  const parts = cut(text)
  if (parts === null) throw new BadOption(option, EXPECTED, 'a string with misplaced brackets')
  let port: PatternPort = null
  if (parts.port === '*') port = '*'
  else if (parts.port !== null) {
    port = PORT.test(parts.port) ? Number(parts.port) : 0
    if (port < 1 || port > 65535) throw new BadOption(option, EXPECTED, parts.port.includes('/') ? A_PATH : 'a string with a bad port')
  }
  const host = readHost(parts.host)
  if (typeof host === 'string') throw new BadOption(option, EXPECTED, host)
  return { ...host, port }
}
