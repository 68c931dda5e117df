import { readAddress } from '../address/address.js'
import { Recent } from '../../store/recent.js'

const kept = new Recent<string>(1000)

/**
 * What is counted as one address: an IPv4 address, or a network of 64 bits, which is what a single
 * subscriber of IPv6 has at least (RFC 6177). An IPv4-mapped address is the IPv4 address in it; a
 * zone does not matter. Empty where there is no address: the clients of a socket in the file system
 * have none.
 *
 * @example
 * addressGroup('2001:db8::1') // '20010db800000000/64'
 */
export function addressGroup (address: string | undefined): string {
  if (address === undefined) return ''
  return kept.get(address) ?? kept.set(address, groupOf(address))
}

function groupOf (text: string): string {
  const zone = text.indexOf('%')
  const address = readAddress(zone === -1 ? text : text.slice(0, zone))
  if (address === null) return text
  return address.family === 4 ? address.text : `${(address.bits >> 64n).toString(16).padStart(16, '0')}/64`
}
