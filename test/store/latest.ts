import t from 'tap'
import { Latest } from '../../lib/store/latest.js'

t.test('more values than are kept: those that were set latest stay, and to set one anew counts', async t => {
  const latest = new Latest<string | null, number>(2)
  latest.set('a', 1)
  latest.set(null, 2)
  latest.set('a', 3)
  latest.set('b', 4)
  t.strictSame([...latest], [['a', 3], ['b', 4]])
  t.strictSame([latest.get('a'), latest.get(null)], [3, undefined])
})
