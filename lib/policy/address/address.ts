import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** An address as a number, so that blocks are compared by bits and never by spelling. */
export interface IpAddress {
  readonly family: 4 | 6
  /** 32 bits for family 4, 128 for family 6. */
  readonly bits: bigint
  /** The canonical text: dotted quad, or compressed lower-case IPv6 without brackets. */
  readonly text: string
}

const MAPPED = 0xffffn // ::ffff:0:0/96, the upper 96 bits
const LOW_32 = 0xffffffffn

function toBits (bytes: readonly number[]): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** The IPv4 address with these 32 bits. */
export function ipv4 (bits: bigint): IpAddress {
  const bytes = [24n, 16n, 8n, 0n].map((shift) => Number((bits >> shift) & 0xffn))
  return { family: 4, bits, text: bytes.join('.') }
}

/**
 * Reads an address in the notation that a resolver or `server.address()` gives: a dotted quad of
 * four decimal numbers, or IPv6 without brackets and without zone. Other spellings are
 * `canonicalHost`'s business.
 *
 * An IPv4-mapped IPv6 address is read as the IPv4 address in it, because that is where the kernel
 * connects.
 *
 * @returns The address, or `null` for any other text.
 * @see {@link https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2 RFC 4291, 2.5.5.2}
 * @example
 * readAddress('::ffff:127.0.0.1') // { family: 4, bits: 0x7f000001n, text: '127.0.0.1' }
 */
export function readAddress (text: string): IpAddress | null {
  if (isIPv4(text)) return ipv4(toBits(ipaddr.IPv4.parse(text).toByteArray()))
  if (!isIPv6(text) || text.includes('%')) return null
  // ipaddr.js takes ::192.0.2.1 for ::ffff:192.0.2.1, so the WHATWG parser turns the quad into hex
  // first.
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const bits = toBits(ipaddr.IPv6.parse(canonical).toByteArray())
  return bits >> 32n === MAPPED ? ipv4(bits & LOW_32) : { family: 6, bits, text: canonical }
}
