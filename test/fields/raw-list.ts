import t from 'tap'
import { hasField, listOf, recordOf, withoutField } from '../../lib/fields/raw-list.js'

const FIELDS = ['X-A', '1', 'x-b', '2', 'x-a', '3']

t.test('a field is found by its name in any case, and by the whole of it', async t => {
  t.equal(hasField(FIELDS, 'x-a'), true)
  t.equal(hasField(FIELDS, 'x-c'), false)
  t.equal(hasField(['X', 'x-a'], 'x-a'), false, 'a value is no name')
})

t.test('a field is left out with all of its lines; a list that has none is the same list', async t => {
  t.strictSame(withoutField([...FIELDS], 'x-a'), ['x-b', '2'])
  t.equal(withoutField(FIELDS, 'x-c'), FIELDS)
})

t.test('a list as fields by name, and back: several lines of one are a list', async t => {
  t.same({ ...recordOf([...FIELDS, 'X-A', '4']) }, { 'x-a': ['1', '3', '4'], 'x-b': '2' })
  t.equal(Object.getPrototypeOf(recordOf(['__proto__', '1'])), null)
  t.strictSame(listOf({ a: '1', b: ['2', '3'], c: undefined, d: 4 as never }), ['a', '1', 'b', '2', 'b', '3', 'd', '4'])
})
