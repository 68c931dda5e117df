import fc from 'fast-check'
import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { canonicalHost } from '../../../lib/policy/target/canonical-host.js'
import { specialBlock } from '../../../lib/policy/address/special-addresses.js'
import { isSpecial } from '../../fixtures/is-special.js'
import rows from '../../vectors/special-addresses.json' with { type: 'json' }

t.test('the whole table of special-purpose addresses, with the neighbours of each block: each is classified as listed (R-CONNECT-9, S41)', async t => {
  for (const { name, address, block } of rows) t.equal(isSpecial(address), block, name)
})

t.test('an address that was read already: its block is found', async t => {
  t.equal(specialBlock(readAddress('::1')!), 'loopback')
  t.equal(specialBlock(readAddress('9.9.9.9')!), null)
})

/** IPv4 addresses, special ones as often as others. */
const octets = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.constantFrom(0, 10, 127, 224, 255), fc.nat(255), fc.nat(255), fc.nat(255)),
  fc.tuple(fc.constantFrom(169, 172, 192, 198, 203), fc.constantFrom(0, 16, 31, 88, 168, 254), fc.constantFrom(0, 2, 99, 113), fc.nat(255))
)
const spelling = fc.tuple(octets, fc.integer({ min: 1, max: 4 }), fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 }), fc.nat(3))

/** Writes an address in `count` parts, the last of which holds what is left, each part in a base of its own. */
function spell ([a, b, c, d]: readonly number[], count: number, bases: readonly number[], zeros: number): string {
  const bytes = [a!, b!, c!, d!]
  const last = bytes.slice(count - 1).reduce((sum, byte) => sum * 256 + byte, 0)
  return [...bytes.slice(0, count - 1), last].map((part, index) => {
    if (bases[index] === 10) return String(part)
    return (bases[index] === 16 ? '0x' : '0') + '0'.repeat(zeros) + part.toString(bases[index])
  }).join('.')
}

t.test('any number spelling of any IPv4 address: it is classified like its dotted quad (R-CONNECT-9, R-CONNECT-10)', async () => {
  fc.assert(fc.property(spelling, ([quad, count, bases, zeros]) => {
    const host = canonicalHost(spell(quad, count, bases, zeros))
    return host === quad.join('.') && isSpecial(host) === isSpecial(quad.join('.'))
  }), { numRuns: 1000 })
})

t.test('any special IPv4 address in any wrapper: it is special, and no wrapper makes one public (R-CONNECT-9)', async () => {
  fc.assert(fc.property(octets, ([a, b, c, d]) => {
    const quad = `${a}.${b}.${c}.${d}`
    const hex = (x: number, y: number): string => ((x << 8) | y).toString(16)
    const block = isSpecial(quad)
    const transparent = [`::ffff:${quad}`, `::ffff:${hex(a, b)}:${hex(c, d)}`, `64:ff9b::${quad}`]
    const refused = [
      `::${quad}`, `::ffff:0:${quad}`, `2002:${hex(a, b)}:${hex(c, d)}::1`, `64:ff9b:1::${quad}`,
      `2001:0:${hex(a, b)}:${hex(c, d)}::1`, `2001:0:1:2:3:4:${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`
    ]
    return transparent.every(text => isSpecial(text) === block) && refused.every(text => isSpecial(text) !== null) &&
      [...transparent, ...refused].every(text => isSpecial(canonicalHost(text)) === isSpecial(text))
  }), { numRuns: 1000 })
})
