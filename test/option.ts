import t from 'tap'
import { MAX_TIMER, badOption, isObject, readInteger, refuseUnknown } from '../lib/option.js'

const bad = (message: string) => ({ code: 'FST_PROXY_AUTH_BAD_OPTION', message })

t.test('an object is neither a list nor null', async t => {
  t.strictSame([{}, Object.create(null), [], null, undefined, 'text', () => {}].map(isObject), [true, true, false, false, false, false, false])
})

t.test('what was given is told by its type, never by its value', async t => {
  for (const [got, type] of [[null, 'null'], [['canary'], 'a list'], ['canary', 'string'], [undefined, 'undefined'], [{ canary: 1 }, 'object']] as const) {
    t.match(badOption('a.b', 'text', got), bad(`option a.b must be text, got ${type}`))
  }
})

t.test('an integer of a range', async t => {
  for (const value of [0, 1, MAX_TIMER]) t.equal(readInteger(value, 'time', 0, MAX_TIMER), value)
  for (const value of [-1, 1.5, NaN, Infinity, MAX_TIMER + 1]) {
    t.throws(() => readInteger(value, 'time', 0, MAX_TIMER), bad('option time must be an integer from 0 to 2147483647, got another number'))
  }
  for (const value of ['1', null, undefined, 1n]) {
    t.throws(() => readInteger(value, 'time', 1, 2), bad(`option time must be an integer from 1 to 2, got ${typeof value}`))
  }
})

t.test('an option that is not there stops the boot', async t => {
  const known = new Set(['a'])
  refuseUnknown({ a: 1 }, known)
  t.throws(() => refuseUnknown({ a: 1, b: 'canary' }, known), bad('option b must be left out (there is no such option), got it'))
  t.throws(() => refuseUnknown({ b: 1 }, known, 'forward.'), bad('option forward.b must be left out (there is no such option), got it'))
})
