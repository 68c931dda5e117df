import t from 'tap'
import { readSchemeHead } from '../../lib/fields/auth-scheme.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const read = (text: string, lenient?: boolean) => readSchemeHead(text, 0, 'credentials', lenient)

t.test('a scheme alone: it takes no parameters', async t => {
  t.strictSame(read('Negotiate, NTLM'), { scheme: 'Negotiate', token68: undefined, takesParams: false, end: 9 })
})

t.test('text behind a scheme: it is tried as token68 first, which needs a comma or the end behind it (R-PARSE-10)', async t => {
  t.strictSame(read('S foo='), { scheme: 'S', token68: 'foo=', takesParams: false, end: 6 })
  t.strictSame(read('S  foo , x'), { scheme: 'S', token68: 'foo', takesParams: false, end: 6 })
  t.strictSame(read('S foo=bar'), { scheme: 'S', token68: undefined, takesParams: true, end: 2 })
  t.strictSame(read('S foo bar'), { scheme: 'S', token68: undefined, takesParams: true, end: 2 })
  t.strictSame(read('S  '), { scheme: 'S', token68: undefined, takesParams: true, end: 3 })
})

t.test('whitespace behind a scheme: only SP parts it from the rest, or HTAB too when lenient (R-CRED-7)', async t => {
  t.strictSame(read('S\tfoo'), { scheme: 'S', token68: undefined, takesParams: false, end: 1 })
  t.strictSame(read('S\t foo', true), { scheme: 'S', token68: 'foo', takesParams: false, end: 6 })
})

t.test('a scheme that is not a token: it is refused', async t => {
  for (const text of ['', ' S', '"S" foo', '=', ',']) t.throws(() => read(text), MALFORMED, text)
})
