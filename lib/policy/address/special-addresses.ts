import { readAddress } from './address.js'
import type { IpAddress } from './address.js'
import { embeddedIPv4 } from './embedded-address.js'
import { PrefixTable } from './prefix-table.js'
import { SPECIAL_BLOCKS } from './special-registry.js'

const NAT64 = 0x64ff9bn << 64n // 64:ff9b::/96, the upper 96 bits
const GLOBAL_UNICAST = 0b001n // 2000::/3, the upper 3 bits

interface Row { readonly rank: number, readonly name: string }

const blocks = new PrefixTable<Row>()
for (const [rank, [cidr, name]] of SPECIAL_BLOCKS.entries()) {
  const slash = cidr.indexOf('/')
  const address = readAddress(cidr.slice(0, slash))!
  blocks.entry({ ...address, length: Number(cidr.slice(slash + 1)) }, () => ({ rank, name }))
}

/**
 * The special-purpose block an address is in.
 *
 * An address under the well-known NAT64 prefix is classified by the IPv4 address in it, because a
 * host in an IPv6-only network reaches the whole IPv4 Internet that way. 6to4, Teredo, local NAT64,
 * IPv4-compatible and IPv4-translated addresses are special whatever is in them. IPv6 outside
 * 2000::/3 is, too: nothing else is assigned.
 *
 * @returns The name of the block, or `null` when the address is public.
 */
export function specialBlock (address: IpAddress): string | null {
  if (address.family === 6 && address.bits >> 32n === NAT64) return specialBlock(embeddedIPv4(address)!)
  let found: Row | null = null
  for (const row of blocks.matches(address)) {
    if (found === null || row.rank < found.rank) found = row
  }
  if (found !== null) return found.name
  return address.family === 6 && address.bits >> 125n !== GLOBAL_UNICAST ? 'reserved' : null
}
