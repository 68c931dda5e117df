import t from 'tap'
import { numberOf } from '../../../lib/proxy/parent/parent-number.js'
import { parentAt } from '../../fixtures/parent.js'

t.test('parents that are alike: each has a number of its own, which stays', async t => {
  const [one, other] = [parentAt(3128), parentAt(3128)]
  t.not(numberOf(one), numberOf(other))
  t.equal(numberOf(one), numberOf(one))
})
