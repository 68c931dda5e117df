import t from 'tap'
import { interleave, type Address } from '../../../lib/policy/address/interleave.js'

const list = (...addresses: string[]): Address[] =>
  addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))

t.test('addresses of two families: the families alternate, beginning with the first', async t => {
  t.strictSame(interleave(list('a::1', 'a::2', 'a::3', '1.0.0.1', '1.0.0.2')), list('a::1', '1.0.0.1', 'a::2', '1.0.0.2', 'a::3'))
  t.strictSame(interleave(list('1.0.0.1', 'a::1', 'a::2')), list('1.0.0.1', 'a::1', 'a::2'))
  t.strictSame(interleave(list('1.0.0.1', '1.0.0.2', 'a::1')), list('1.0.0.1', 'a::1', '1.0.0.2'))
})

t.test('addresses of one family: they stay in their order', async t => {
  t.strictSame(interleave(list('1.0.0.2', '1.0.0.1')), list('1.0.0.2', '1.0.0.1'))
  t.strictSame(interleave([]), [])
})
