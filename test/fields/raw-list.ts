import t from 'tap'
import {
  formatFields, hasField, listOf, recordOf, valuesOf, withoutField, withoutFields, noteLength, receivedLength
} from '../../lib/fields/raw-list.js'

const FIELDS = ['X-A', '1', 'x-b', '2', 'x-a', '3']

t.test('a field name in any case: the field is found, by the whole name only', async t => {
  t.equal(hasField(FIELDS, 'x-a'), true)
  t.equal(hasField(FIELDS, 'x-c'), false)
  t.equal(hasField(['X', 'x-a'], 'x-a'), false, 'a value is no name')
  t.strictSame(valuesOf(FIELDS, 'x-a'), ['1', '3'])
  t.strictSame(valuesOf(FIELDS, 'x-c'), [])
})

t.test('a field that is left out: all of its lines go, and a list that has none stays the same list', async t => {
  t.strictSame(withoutField([...FIELDS], 'x-a'), ['x-b', '2'])
  t.equal(withoutField(FIELDS, 'x-c'), FIELDS)
  t.strictSame(withoutFields(FIELDS, name => name === 'x-a'), ['X-A', '1', 'x-b', '2'])
})

t.test('a list as fields by name, and back: several lines of one are a list', async t => {
  t.same({ ...recordOf([...FIELDS, 'X-A', '4']) }, { 'x-a': ['1', '3', '4'], 'x-b': '2' })
  t.equal(Object.getPrototypeOf(recordOf(['__proto__', '1'])), null)
  t.strictSame(listOf({ a: '1', b: ['2', '3'], c: undefined, d: 4 as never }), ['a', '1', 'b', '2', 'b', '3', 'd', '4'])
})

t.test('a list of fields: it is written as the lines of a header section', async t => {
  t.equal(formatFields(FIELDS), 'X-A: 1\r\nx-b: 2\r\nx-a: 3\r\n')
  t.equal(formatFields([]), '')
})

t.test('a list that gets shorter: its length as received stays known (F-22)', async t => {
  const request = { rawHeaders: ['a', '1', 'b', '2', 'c', '3'] }
  t.equal(receivedLength(request), 6)
  noteLength(request)
  request.rawHeaders.splice(0, 2)
  t.equal(receivedLength(request), 6)
  noteLength(request)
  t.equal(receivedLength(request), 6, 'the first note counts')
})
