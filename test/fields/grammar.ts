import t from 'tap'
import {
  MAX_MEMBERS, endOfMember, endOfToken, endOfToken68, isTchar, isToken, isToken68, isVisible, joinLines, skipEmptyMembers, skipOws
} from '../../lib/fields/grammar.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const all = Array.from({ length: 0x180 }, (_, code) => code)
const charsOf = (test: (code: number) => boolean) => all.filter(test).map((code) => String.fromCharCode(code)).join('')

t.test('the classes of char are those of the RFC', async t => {
  const alphaDigit = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  const sorted = (chars: string) => [...chars].sort().join('')
  t.equal(charsOf(isTchar), sorted(alphaDigit + "!#$%&'*+-.^_`|~"))
  t.equal(charsOf((code) => isToken68(String.fromCharCode(code))), sorted(alphaDigit + '-._~+/'))
  t.equal(charsOf(isVisible), charsOf((code) => code >= 0x21 && code <= 0x7e))
  t.notOk(isTchar(NaN), 'past the end')
})

t.test('the whole text has to be a token', async t => {
  t.ok(isToken('SHA-512-256'))
  t.notOk(isToken(''))
  t.notOk(isToken('a b'))
  t.notOk(isToken('caf\u00e9'))
  t.equal(endOfToken('Basic realm', 0), 5)
  t.equal(endOfToken('=x', 0), 0)
})

t.test('padding belongs to a token68 at its end only (R-PARSE-10)', async t => {
  t.ok(isToken68('dTpw=='))
  t.notOk(isToken68(''))
  t.notOk(isToken68('=='))
  t.notOk(isToken68('a=b'))
  t.equal(endOfToken68('x dTpw==,', 2), 8)
  t.equal(endOfToken68('==', 0), 0)
})

t.test('SP and HTAB are whitespace, CR and LF are not', async t => {
  t.equal(skipOws(' \t\r', 0), 2)
  t.equal(skipOws('a  ', 1), 3)
})

t.test('empty members are skipped, up to a cap (R-PARSE-1)', async t => {
  t.equal(skipEmptyMembers(' , ,\t,a', 0, 'list'), 6)
  t.equal(skipEmptyMembers(',', 0, 'list'), 1)
  const most = ','.repeat(MAX_MEMBERS)
  t.equal(skipEmptyMembers(most, 0, 'list'), MAX_MEMBERS)
  t.throws(() => skipEmptyMembers(most + ',', 0, 'list'), MALFORMED)
})

t.test('a member ends at a comma or at the end', async t => {
  t.equal(endOfMember('a \t, b', 1, 'list'), 3)
  t.equal(endOfMember('a ', 1, 'list'), 2)
  t.throws(() => endOfMember('a b', 1, 'list'), { ...MALFORMED, message: /list.*index 2/ })
})

t.test('several lines are one list', async t => {
  t.equal(joinLines('a'), 'a')
  t.equal(joinLines(['a', 'b']), 'a, b')
})
