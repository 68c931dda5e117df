import { domainToASCII, domainToUnicode } from 'node:url'
import { BadTarget } from '../../errors.js'
import { readAddress } from '../address/address.js'

const MAX_NAME = 253 // RFC 1035, 2.3.4, less the root's octets
const MAX_LABEL = 63
const NOT_A_HOST = /[^\w.\u0080-\uffff-]/ // what is ASCII must be a letter, digit, "-", "_" or "."
const NOT_ASCII_HOST = /[^\w.-]/
const BEYOND_ASCII = /[\u0080-\uffff]/

/**
 * As {@link canonicalHost}, but an address as all rules spell it: an IPv4 address that is mapped
 * into IPv6 is the IPv4 address.
 *
 * @throws {BadTarget} It is no host.
 */
export function canonicalName (host: string): string {
  const name = canonicalHost(host)
  return name.includes(':') ? readAddress(name)!.text : name
}

function canonicalIPv6 (text: string): string {
  const address = text.includes(':') ? readAddress(text) : null
  if (address === null) throw new BadTarget('the host is no IPv6 address')
  return address.family === 4 ? `::ffff:${address.text}` : address.text
}

/**
 * The one spelling of a host that every rule is asked about and that is resolved.
 *
 * A name comes out in lower case, as A-labels, without its trailing dot. Whatever the URL standard
 * reads as an IPv4 address (`0177.1`, `2130706433`, `0x7f.1`, circled digits) comes out as a dotted
 * quad. IPv6, with or without brackets, comes out compressed and without them; only an IPv4-mapped
 * address keeps a quad in it. The result is a fixed point: applied again, nothing changes.
 *
 * @param host - The host of a target: no port, no userinfo.
 * @throws {BadTarget} It is no host: empty, an empty label, over 253 chars or 63 in a label, an
 *   A-label that decodes to nothing beyond ASCII, a zone id, brackets round anything but IPv6,
 *   percent-encoding, a space or another char no host name has, a name ending in a number that is
 *   no IPv4 address.
 * @see {@link https://url.spec.whatwg.org/#host-parsing URL Standard, host parsing}
 * @see {@link https://www.rfc-editor.org/rfc/rfc5952#section-4 RFC 5952, 4}
 * @example
 * canonicalHost('BÜCHER.example.') // 'xn--bcher-kva.example'
 * canonicalHost('0x7f.1') // '127.0.0.1'
 * canonicalHost('[::FFFF:7f00:1]') // '::ffff:127.0.0.1'
 * @quirk node-a-labels
 */
export function canonicalHost (host: string): string {
  if (host.startsWith('[') && host.endsWith(']')) return canonicalIPv6(host.slice(1, -1))
  if (host.includes(':')) return canonicalIPv6(host)
  if (host.length > MAX_NAME + 1) throw new BadTarget('the host is too long')
  // Looked for first: the URL parser would cut, decode or skip some of these in silence.
  if (NOT_A_HOST.test(host)) throw new BadTarget('the host holds a char that no host has')
  const ascii = domainToASCII(host)
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  if (name === '' || NOT_ASCII_HOST.test(name)) throw new BadTarget('the host is no host name')
  if (name.length > MAX_NAME) throw new BadTarget('the host is too long')
  for (const label of name.split('.')) {
    if (label === '') throw new BadTarget('the host has an empty label')
    if (label.length > MAX_LABEL) throw new BadTarget('the host has a label that is too long')
    // Node 24 decodes no A-label of a name in ASCII; node 20 and 22 let one that decodes to ASCII
    // through.
    if (label.startsWith('xn--') && !BEYOND_ASCII.test(domainToUnicode(label))) {
      throw new BadTarget('the host has an A-label that decodes to no name')
    }
  }
  return name
}
