import { readAddress } from '../address/address.js'
import { parsePattern } from '../target/pattern.js'
import type { Pattern } from '../target/pattern.js'
import { PatternList } from '../target/pattern-list.js'

/** What may stand before a name and says no more than the name alone. */
const LEADING_DOTS = /^\*?\.+/
const BLOCK = /^\[?([\d.:a-f]+)\]?\/(\d{1,3})\]?$/i

/**
 * Reads `no_proxy`: the targets that are reached directly.
 *
 *     no-proxy = entry *( ( "," / blank ) entry )
 *     entry = "*" / [ "." / "*." ] name [ ":" port ] / address [ ":" port ] / CIDR
 *
 * A name stands for all names below it, too, with a dot before it or without. An entry that is none
 * of these holds nothing, as with curl: its targets go to the parent.
 *
 * @example
 * readNoProxy('.example.org, 10.0.0.0/8, [::1]:8080').matchName('www.example.org', 443) // 'host'
 */
export function readNoProxy (text: string): PatternList {
  return new PatternList(text.split(/[\s,]+/).flatMap(readEntry))
}

function readEntry (text: string): Pattern[] {
  const block = readBlock(text)
  if (block !== null) return [block]
  try {
    const pattern = parsePattern(text.replace(LEADING_DOTS, ''), 'no_proxy')
    return pattern.kind === 'name' ? [pattern, { ...pattern, kind: 'subdomains' }] : [pattern]
  } catch {
    return []
  }
}

/** Of a block, bits behind its length may be set, unlike in a pattern of ours. */
function readBlock (text: string): Pattern | null {
  const [, base, digits] = BLOCK.exec(text) ?? []
  const address = base === undefined ? null : readAddress(base)
  if (address === null) return null
  const { family, bits } = address
  const width = family === 4 ? 32 : 128
  // An IPv4-mapped address has been read as the IPv4 address in it.
  const length = Number(digits) - (family === 4 && base!.includes(':') ? 96 : 0)
  if (length < 0 || length > width) return null
  return { kind: 'prefix', prefix: { family, bits, length }, port: null }
}
