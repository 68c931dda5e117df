import t from 'tap'
import { parseMaxForwards } from '../../lib/fields/max-forwards.js'

t.test('a value of digits: it is read as a count', async t => {
  t.equal(parseMaxForwards('0'), 0)
  t.equal(parseMaxForwards('010'), 10)
  t.equal(parseMaxForwards('9'.repeat(400)), Number.MAX_SAFE_INTEGER)
})

t.test('any other value: there is no limit', async t => {
  for (const value of [undefined, '', '-1', '1.5', '0x1', '1, 2', ' 1', '1\n']) t.equal(parseMaxForwards(value), undefined)
})
