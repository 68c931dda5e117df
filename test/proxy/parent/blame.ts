import t from 'tap'
import { Blame } from '../../../lib/proxy/parent/blame.js'
import { parentAt } from '../../fixtures/parent.js'

t.test('a parent that fails: it is blamed, unless it has responded to another request since', async t => {
  const told: unknown[] = []
  const blame = new Blame({ failed: ({ name }, { message }) => { told.push([name, message]) }, worked: ({ name }) => { told.push(name) } })
  const [one, two] = [parentAt(1, { name: 'one' }), parentAt(2, { name: 'two' })]
  const since = performance.now()
  blame.blame(one, new Error('away'), since)
  blame.praise(one)
  blame.blame(one, new Error('the target hangs'), since)
  blame.blame(two, new Error('away'), since)
  await new Promise(resolve => { setImmediate(resolve) })
  blame.blame(one, new Error('hangs'), performance.now())
  t.strictSame(told, [['one', 'away'], 'one', ['two', 'away'], ['one', 'hangs']])
})
