import t from 'tap'
import {
  MAX_MEMBERS, endOfMember, endOfToken, endOfToken68, isTchar, isToken, isToken68, isVisible, joinLines,
  readSchemeHead, skipEmptyMembers, skipOws
} from '../../lib/fields/grammar.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const all = Array.from({ length: 0x180 }, (_, code) => code)
const charsOf = (test: (code: number) => boolean) => all.filter(test).map((code) => String.fromCharCode(code)).join('')

t.test('the character classes: they are those of the RFC', async t => {
  const alphaDigit = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  const sorted = (chars: string) => [...chars].sort().join('')
  t.equal(charsOf(isTchar), sorted(alphaDigit + "!#$%&'*+-.^_`|~"))
  t.equal(charsOf((code) => isToken68(String.fromCharCode(code))), sorted(alphaDigit + '-._~+/'))
  t.equal(charsOf(isVisible), charsOf((code) => code >= 0x21 && code <= 0x7e))
  t.notOk(isTchar(NaN), 'past the end')
})

t.test('text that is a token only in part: it is not accepted as one', async t => {
  t.ok(isToken('SHA-512-256'))
  t.notOk(isToken(''))
  t.notOk(isToken('a b'))
  t.notOk(isToken('caf\u00e9'))
  t.equal(endOfToken('Basic realm', 0), 5)
  t.equal(endOfToken('=x', 0), 0)
})

t.test('padding that is not at the end: the text is no token68 (R-PARSE-10)', async t => {
  t.ok(isToken68('dTpw=='))
  t.notOk(isToken68(''))
  t.notOk(isToken68('=='))
  t.notOk(isToken68('a=b'))
  t.equal(endOfToken68('x dTpw==,', 2), 8)
  t.equal(endOfToken68('==', 0), 0)
})

t.test('a run of whitespace: SP and HTAB belong to it, CR and LF do not', async t => {
  t.equal(skipOws(' \t\r', 0), 2)
  t.equal(skipOws('a  ', 1), 3)
})

t.test('empty members: they are skipped, up to a cap (R-PARSE-1)', async t => {
  t.equal(skipEmptyMembers(' , ,\t,a', 0, 'list'), 6)
  t.equal(skipEmptyMembers(',', 0, 'list'), 1)
  const most = ','.repeat(MAX_MEMBERS)
  t.equal(skipEmptyMembers(most, 0, 'list'), MAX_MEMBERS)
  t.throws(() => skipEmptyMembers(most + ',', 0, 'list'), MALFORMED)
})

t.test('a member of a list: it ends at a comma or at the end', async t => {
  t.equal(endOfMember('a \t, b', 1, 'list'), 3)
  t.equal(endOfMember('a ', 1, 'list'), 2)
  t.throws(() => endOfMember('a b', 1, 'list'), { ...MALFORMED, message: /list.*index 2/ })
})

t.test('several lines of a field: they are one list', async t => {
  t.equal(joinLines('a'), 'a')
  t.equal(joinLines(['a', 'b']), 'a, b')
})

const readHead = (text: string, lenient?: boolean) => readSchemeHead(text, 0, 'credentials', lenient)

t.test('a scheme alone: it takes no parameters', async t => {
  t.strictSame(readHead('Negotiate, NTLM'), { scheme: 'Negotiate', token68: undefined, takesParams: false, end: 9 })
})

t.test('text behind a scheme: it is tried as token68 first, which needs a comma or the end behind it (R-PARSE-10)', async t => {
  t.strictSame(readHead('S foo='), { scheme: 'S', token68: 'foo=', takesParams: false, end: 6 })
  t.strictSame(readHead('S  foo , x'), { scheme: 'S', token68: 'foo', takesParams: false, end: 6 })
  t.strictSame(readHead('S foo=bar'), { scheme: 'S', token68: undefined, takesParams: true, end: 2 })
  t.strictSame(readHead('S foo bar'), { scheme: 'S', token68: undefined, takesParams: true, end: 2 })
  t.strictSame(readHead('S  '), { scheme: 'S', token68: undefined, takesParams: true, end: 3 })
})

t.test('whitespace behind a scheme: only SP parts it from the rest, or HTAB too when lenient (R-CRED-7)', async t => {
  t.strictSame(readHead('S\tfoo'), { scheme: 'S', token68: undefined, takesParams: false, end: 1 })
  t.strictSame(readHead('S\t foo', true), { scheme: 'S', token68: 'foo', takesParams: false, end: 6 })
})

t.test('a scheme that is not a token: it is refused', async t => {
  for (const text of ['', ' S', '"S" foo', '=', ',']) t.throws(() => readHead(text), MALFORMED, text)
})
