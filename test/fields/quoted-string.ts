import fc from 'fast-check'
import t from 'tap'
import { quote, readQuoted } from '../../lib/fields/quoted-string.js'
import { LONG_TEXTS, quotable } from '../fixtures/field-text.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD', statusCode: 400 }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE', statusCode: 500 }

t.test('double quote and backslash: they are escaped, and nothing else is (R-CH-5)', async t => {
  t.equal(quote('a"b\\c, d=\t\u00e9'), '"a\\"b\\\\c, d=\t\u00e9"')
  t.equal(quote(''), '""')
})

t.test('a char that no field value may carry: it is refused, at its place (R-CH-6, R-SEC-5)', async t => {
  for (const char of ['\r', '\n', '\0', '\x01', '\x1f', '\x7f', '\u0100', '\u20ac']) {
    t.throws(() => quote(`ab${char}`), { ...NOT_REPRESENTABLE, message: /index 2/ })
  }
})

t.test('a quoted-pair: it counts as its octet (R-PARSE-3)', async t => {
  t.same(readQuoted('x="\\a\\"\\\\\\\t"y', 2), { value: 'a"\\\t', end: 12 })
})

t.test('octets beyond ASCII and HTAB: they are taken as they are (R-PARSE-8)', async t => {
  t.same(readQuoted('"\tcaf\u00c3\u00a9"', 0), { value: '\tcaf\u00c3\u00a9', end: 8 })
})

t.test('text that is no quoted-string: it is refused, with the index of the fault (R-PARSE-7)', async t => {
  const cases: Array<[string, number]> = [
    ['a', 0], ['', 0], ['"', 1], ['"a', 2], ['"a\\', 3], ['"a\\"', 4],
    ['"a\r\nb"', 2], ['"a\0"', 2], ['"\x7f"', 1], ['"\\\n"', 2], ['"\u0100"', 1], ['"\\\u0100"', 2]
  ]
  for (const [text, at] of cases) {
    t.throws(() => readQuoted(text, 0, 'challenge'), { ...MALFORMED, message: new RegExp(`challenge.*index ${at}$`) }, JSON.stringify(text))
  }
})

t.test('a quoted-string that was written: reading gives it back', async () => {
  fc.assert(fc.property(quotable, quotable, (text, around) => {
    const { value, end } = readQuoted(`${around}${quote(text)}${around}`, around.length)
    return value === text && end === around.length + quote(text).length
  }))
})

t.test('64 KiB of any text: it ends in a value or an error (R-PARSE-11)', async t => {
  for (const text of LONG_TEXTS) {
    t.equal(readQuoted(quote(text), 0).value, text)
    t.throws(() => readQuoted(`"${text.replaceAll('"', '')}`, 0), MALFORMED)
  }
})
