import fc from 'fast-check'
import t from 'tap'
import { mergeIntoRaw } from '../../lib/fields/merge-into-raw.js'
import { token } from '../fixtures/field-text.js'

const rows: Array<[string, string[], Record<string, string | string[] | undefined>, string[]]> = [
  ['order and case stay', ['X-B', '1', 'x-A', '2'], { 'x-a': '2', 'x-b': '1' }, ['X-B', '1', 'x-A', '2']],
  ['what is gone is gone, all lines of it', ['A', '1', 'B', '2', 'a', '3'], { b: '2' }, ['B', '2']],
  ['undefined is gone too', ['A', '1'], { a: undefined }, []],
  ['a changed value takes the place of the old', ['A', '1', 'B', '2'], { a: '3', b: '2' }, ['A', '3', 'B', '2']],
  ['new fields come last, named as they are', ['A', '1'], { a: '1', 'x-new': '2' }, ['A', '1', 'x-new', '2']],
  ['two lines that node has joined stay two', ['Via', '1.1 a', 'X', '-', 'via', '1.1 b'], { via: '1.1 a, 1.1 b', x: '-' }, ['Via', '1.1 a', 'X', '-', 'via', '1.1 b']],
  ['as do those of Cookie', ['Cookie', 'a=1', 'Cookie', 'b=2'], { cookie: 'a=1; b=2' }, ['Cookie', 'a=1', 'Cookie', 'b=2']],
  ['and those that undici has listed', ['Set-Cookie', 'a', 'X', '-', 'Set-Cookie', 'b'], { 'set-cookie': ['a', 'b'], x: '-' }, ['Set-Cookie', 'a', 'X', '-', 'Set-Cookie', 'b']],
  ['a changed list is written at the first of its lines', ['Set-Cookie', 'a', 'X', '-', 'Set-Cookie', 'b'], { 'set-cookie': ['a', 'c'], x: '-' }, ['Set-Cookie', 'a', 'Set-Cookie', 'c', 'X', '-']],
  ['a list of another length is changed', ['A', '1'], { a: ['1', '2'] }, ['A', '1', 'A', '2']],
  ['a line that node has dropped does not come back', ['Age', '1', 'Age', '2'], { age: '1' }, ['Age', '1']],
  ['nor does it when it says the same', ['Age', '1', 'Age', '1'], { age: '1' }, ['Age', '1']],
  ['a list of one is that one', ['A', '1'], { a: ['1'] }, ['A', '1']],
  ['a name that objects have a use for is one like any other', ['Constructor', '1', '__proto__', '2', 'toString', '3'], { tostring: '3' }, ['toString', '3']],
  ['nothing received', [], { a: '1', b: ['2', '3'] }, ['a', '1', 'b', '2', 'b', '3']]
]

for (const [name, raw, fields, expected] of rows) {
  t.test(name, async t => { t.same(mergeIntoRaw(raw, fields), expected) })
}

t.test('a number: it is written as text', async t => {
  t.same(mergeIntoRaw([], { 'content-length': 3 as unknown as string }), ['Content-Length', '3'])
})

t.test('fields that have not been changed: they are written as they were received', async t => {
  fc.assert(fc.property(fc.array(fc.tuple(token, token), { maxLength: 8 }), lines => {
    const fields: Record<string, string[]> = Object.create(null)
    for (const [name, value] of lines) (fields[name.toLowerCase()] ??= []).push(value)
    t.same(mergeIntoRaw(lines.flat(), fields), lines.flat())
  }))
})
