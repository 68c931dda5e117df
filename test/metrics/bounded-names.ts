import t from 'tap'
import { BoundedNames } from '../../lib/metrics/bounded-names.js'

t.test('more names than have a place: the first that came keep theirs', async t => {
  const names = new BoundedNames(2)
  t.strictSame(['a', 'b', 'c', 'a', 'b', 'd'].map(name => names.of(name)), ['a', 'b', 'other', 'a', 'b', 'other'])
})

t.test('a name that is long: it has no place, and takes none', async t => {
  const names = new BoundedNames(1)
  t.strictSame(['x'.repeat(129), 'x'.repeat(128)].map(name => names.of(name)), ['other', 'x'.repeat(128)])
})
