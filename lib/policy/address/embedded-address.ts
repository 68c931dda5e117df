import { ipv4 } from './address.js'
import type { IpAddress } from './address.js'

const LOW_32 = 0xffffffffn

/**
 * The IPv4 address that an IPv6 address stands for when a translator or a tunnel is on the path.
 *
 *     ::a.b.c.d                 IPv4-compatible          RFC 4291, 2.5.5.1
 *     ::ffff:0:a.b.c.d          IPv4-translated          RFC 2765, 2.1
 *     64:ff9b::a.b.c.d          NAT64, well-known        RFC 6052, 2.1
 *     64:ff9b:1:…:a.b.c.d       NAT64, local use         RFC 8215 (the layout of a /96 prefix)
 *     2002:aabb:ccdd::          6to4                     RFC 3056, 2
 *     2001:0:…:(a.b.c.d ^ ~0)   Teredo, the client       RFC 4380, 4
 *
 * IPv4-mapped addresses do not occur here: `readAddress` reads them as IPv4.
 *
 * @returns The IPv4 address, or `null` when there is none in it.
 */
export function embeddedIPv4 (address: IpAddress): IpAddress | null {
  if (address.family === 4) return null
  const { bits } = address
  const upper = bits >> 32n
  if (upper === 0n) return bits > 1n ? ipv4(bits) : null // :: and ::1 are themselves
  if (upper === 0xffff0000n || upper === 0x64ff9bn << 64n || bits >> 80n === 0x64ff9b0001n) return ipv4(bits & LOW_32)
  if (bits >> 112n === 0x2002n) return ipv4((bits >> 80n) & LOW_32)
  if (bits >> 96n === 0x20010000n) return ipv4((bits & LOW_32) ^ LOW_32)
  return null
}
