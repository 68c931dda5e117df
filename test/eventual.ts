import t from 'tap'
import { isThenable } from '../lib/eventual.js'

t.test('later is what has a function `then`', async t => {
  for (const later of [Promise.resolve(), { then () {} }]) t.equal(isThenable(later as unknown), true)
  for (const now of [null, undefined, false, 'then', {}, { then: 'later' }]) t.equal(isThenable(now as unknown), false)
})
