import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { hasNoHostBits } from '../../../lib/policy/address/prefix-table.js'
import { SPECIAL_BLOCKS } from '../../../lib/policy/address/special-registry.js'

t.test('every row of the registry: it is a CIDR with a name and a source', async t => {
  for (const [cidr, name, source] of SPECIAL_BLOCKS) {
    const [address, length] = cidr.split('/')
    t.ok(hasNoHostBits({ ...readAddress(address!)!, length: Number(length) }), cidr)
    t.match(name, /^[a-z0-9][a-z0-9-]+$/)
    t.match(source, /^RFC \d+/)
  }
})

t.test('the blocks of the registry: none stands twice, and none is hidden by a wider one above it', async t => {
  const blocks = SPECIAL_BLOCKS.map(([cidr]) => {
    const [address, length] = cidr.split('/')
    const { family, bits } = readAddress(address!)!
    const width = family === 4 ? 32 : 128
    return { cidr, family, first: bits, last: bits + (1n << BigInt(width - Number(length))) - 1n }
  })
  const hidden = blocks.flatMap((above, index) => blocks.slice(index + 1)
    .filter(below => above.family === below.family && above.first <= below.first && below.last <= above.last)
    .map(below => `${below.cidr} below ${above.cidr}`))
  t.strictSame(hidden, [])
})
