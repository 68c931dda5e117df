import t from 'tap'
import { after, isThenable } from '../lib/eventual.js'

t.test('a value with a function `then`: it counts as later, any other value as now', async t => {
  for (const later of [Promise.resolve(), { then () {} }]) t.equal(isThenable(later as unknown), true)
  for (const now of [null, undefined, false, 'then', {}, { then: 'later' }]) t.equal(isThenable(now as unknown), false)
})

t.test('what follows from a value: it is done at once, or when the value comes', async t => {
  t.equal(after(1, value => value + 1), 2)
  t.equal(await after(Promise.resolve(1), async value => value + 1), 2)
  await t.rejects(async () => await after(Promise.reject(new Error('no')), () => t.fail()), { message: 'no' })
})
