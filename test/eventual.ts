import t from 'tap'
import { isThenable } from '../lib/eventual.js'

t.test('a value with a function `then`: it counts as later, any other value as now', async t => {
  for (const later of [Promise.resolve(), { then () {} }]) t.equal(isThenable(later as unknown), true)
  for (const now of [null, undefined, false, 'then', {}, { then: 'later' }]) t.equal(isThenable(now as unknown), false)
})
