import fc from 'fast-check'
import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { hasNoHostBits, PrefixTable, type Prefix } from '../../../lib/policy/address/prefix-table.js'

const prefix = (text: string, length: number): Prefix => ({ ...readAddress(text)!, length })

t.test('an address in several blocks: every block that holds it is found, and no other', async t => {
  const table = new PrefixTable<string>()
  table.entry(prefix('10.0.0.0', 8), () => '10/8')
  table.entry(prefix('10.1.0.0', 16), () => '10.1/16')
  table.entry(prefix('10.2.0.0', 16), () => '10.2/16')
  table.entry(prefix('0.0.0.0', 0), () => 'all')
  table.entry(prefix('a00::', 8), () => 'a00::/8') // the same first bits as 10/8, of the other family
  table.entry(prefix('::', 0), () => 'all6')
  const found = (text: string) => [...table.matches(readAddress(text)!)].sort()
  t.strictSame(found('10.1.2.3'), ['10.1/16', '10/8', 'all'])
  t.strictSame(found('10.3.0.0'), ['10/8', 'all'])
  t.strictSame(found('11.0.0.0'), ['all'])
  t.strictSame(found('a01::'), ['a00::/8', 'all6'])
})

t.test('a block that is asked for twice: it has one entry', async t => {
  const table = new PrefixTable<string[]>()
  const entry = table.entry(prefix('10.0.0.0', 8), () => [])
  t.equal(table.entry(prefix('10.0.0.0', 8), () => ['another']), entry)
})

t.test('any address and any block: the block holds it exactly if the first bits are the same', async () => {
  fc.assert(fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (one, other, length) => {
    const table = new PrefixTable<boolean>()
    table.entry(prefix(one, length), () => true)
    const first = (text: string) => readAddress(text)!.bits.toString(2).padStart(32, '0').slice(0, length)
    return [...table.matches(readAddress(other)!)].length === (first(one) === first(other) ? 1 : 0)
  }))
})

t.test('bits behind the prefix length: they are seen', async t => {
  t.ok(hasNoHostBits(prefix('10.0.0.0', 8)))
  t.notOk(hasNoHostBits(prefix('10.0.0.1', 8)))
  t.ok(hasNoHostBits(prefix('10.0.0.1', 32)))
  t.ok(hasNoHostBits(prefix('2001:db8::', 32)))
  t.notOk(hasNoHostBits(prefix('2001:db8::1', 127)))
})
