import t from 'tap'
import { MAX_TIMER, badOption, checkObject, checkOptions, isObject, readInteger, readList, readTime, readWord, refuseUnknown, shownName } from '../lib/check-option.js'

const bad = (message: string) => ({ code: 'FST_PROXY_AUTH_BAD_OPTION', message })

t.test('a list or null: it is not an object', async t => {
  t.strictSame([{}, Object.create(null), [], null, undefined, 'text', () => {}].map(isObject), [true, true, false, false, false, false, false])
})

t.test('a wrong value: the message tells its type, never the value', async t => {
  for (const [got, type] of [[null, 'null'], [['canary'], 'a list'], ['canary', 'string'], [undefined, 'undefined'], [{ canary: 1 }, 'object']] as const) {
    t.match(badOption('a.b', 'text', got), bad(`option a.b must be text, got ${type}`))
  }
})

t.test('an option for an integer: one in the range is accepted, anything else is refused', async t => {
  for (const value of [0, 1, MAX_TIMER]) t.equal(readInteger(value, 'time', 0, MAX_TIMER), value)
  for (const value of [-1, 1.5, NaN, Infinity, MAX_TIMER + 1]) {
    t.throws(() => readInteger(value, 'time', 0, MAX_TIMER), bad('option time must be an integer from 0 to 2147483647, got another number'))
  }
  for (const value of ['1', null, undefined, 1n]) {
    t.throws(() => readInteger(value, 'time', 1, 2), bad(`option time must be an integer from 1 to 2, got ${typeof value}`))
  }
})

t.test('an option that is not there: the message says which is near, or which there are (F-35)', async t => {
  const known = new Set(['a'])
  refuseUnknown({ a: 1 }, known)
  t.throws(() => refuseUnknown({ a: 1, foward: 'canary' }, new Set(['a', 'forward'])), bad('unknown option "foward"; did you mean "forward"?'))
  t.throws(() => refuseUnknown({ denny: 1 }, new Set(['allow', 'deny']), 'forward.'), bad('unknown option "forward.denny"; did you mean "forward.deny"?'))
  t.throws(() => refuseUnknown({ timeout: 1 }, new Set(['allow', 'deny'])), bad('unknown option "timeout"; there are: allow, deny'))
})

t.test('an option for an object: anything but an object with known members is refused', async t => {
  const options = { a: 1 }
  t.equal(checkObject(options, 'x', new Set(['a', 'b'])), options)
  t.throws(() => checkObject(null as never, 'x', new Set()), bad('option x must be an object, got null'))
  t.throws(() => checkObject(false as never, 'x', new Set(), 'true or an object'), bad('option x must be true or an object, got boolean'))
  t.throws(() => checkObject(options, 'x', new Set(['b'])), bad('unknown option "x.a"; did you mean "x.b"?'))
})

t.test('the options as a whole: anything but an object with known members is refused', async t => {
  const options = { a: 1 }
  t.equal(checkOptions(options, new Set(['a'])), options)
  t.throws(() => checkOptions(null as never, new Set()), bad('option options must be an object, got null'))
  t.throws(() => checkOptions(options, new Set()), bad('unknown option "a"; there are: '))
})

t.test('an option for a list: a frozen copy is kept, no list or too short a list is refused', async t => {
  const given = ['a']
  const list = readList(given, 'x', 1)
  given.pop()
  t.same(list, ['a'])
  t.ok(Object.isFrozen(list))
  t.same(readList([], 'x'), [])
  t.throws(() => readList('canary' as never, 'x'), bad('option x must be a list, got string; put it into a list'))
  t.throws(() => readList([], 'x', 1), bad('option x must be a list of one or more, got an empty list'))
})

t.test('an option for one of a few words: any other value is refused', async t => {
  t.equal(readWord('a', 'x', ['a', 'b']), 'a')
  t.throws(() => readWord('canary' as string, 'x', ['a', 'b']), bad("option x must be 'a' or 'b', got string"))
})

t.test('an option for a time: an integer from the minimum to the longest timer is accepted', async t => {
  t.equal(readTime(MAX_TIMER, 'x', 1), MAX_TIMER)
  t.equal(readTime(0, 'x', 0), 0)
  t.throws(() => readTime(0, 'x', 1), bad('option x must be an integer from 1 to 2147483647, got another number'))
})

t.test('a name of any text, for a message: it is on one line, and cut', async t => {
  for (const [name, shown] of [['to', 'to'], ['größe', 'größe'], ['a\nb\u2028c\x1b[31m\u202e', 'a?b?c?[31m?'], ['x'.repeat(61), `${'x'.repeat(60)}…`]] as const) t.equal(shownName(name), shown)
  t.throws(() => refuseUnknown({ 'a\nb': 1 }, new Set()), bad('unknown option "a?b"; there are: '))
})
