import t from 'tap'
import { Recent } from '../../lib/store/recent.js'

t.test('more values than the limit: the last are kept, and no others', async t => {
  const recent = new Recent<number>(2)
  t.equal(recent.get('a'), undefined)
  t.equal(recent.set('a', 1), 1)
  recent.set('b', 2)
  t.strictSame([recent.get('a'), recent.get('b')], [1, 2])
  recent.set('c', 3)
  t.strictSame([recent.get('a'), recent.get('b'), recent.get('c')], [undefined, 2, 3])
})
