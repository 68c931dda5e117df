import fc from 'fast-check'
import t from 'tap'
import { formatChallenge, isPortableRealm, parseChallenges, toChallenges } from '../../lib/fields/challenge.js'
import type { Challenge } from '../../lib/fields/challenge.js'
import { MAX_MEMBERS, MAX_PARAMS } from '../../lib/fields/grammar.js'
import { LONG_TEXTS, anyOctets, authParams, quotable, token, token68 } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

interface Outcome { error?: true, challenges?: Challenge[] }
interface ParseRow { id: string, field_lines_latin1: string[], expected: Outcome, lenient?: Outcome, source: string }
interface FormatRow { id: string, challenge: Challenge, expected: string | { error: true } }

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD', statusCode: 400 }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE', statusCode: 500 }
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
const parse = (lines: string | string[], lenient = false) => plain(parseChallenges(lines, { lenient }))

// The rule a vector is there for; the others show that commas are told apart.
const RULES: Record<string, string[]> = {
  'R-PARSE-1': ['CH-12', 'CH-13'],
  'R-PARSE-2': ['CH-14'],
  'R-PARSE-4': ['CH-15'],
  'R-PARSE-5': ['CH-16'],
  'R-PARSE-6': ['CH-17', 'CH-18'],
  'R-PARSE-7': ['CH-31', 'CH-32', 'CH-33'],
  'R-PARSE-8': ['CH-29'],
  'R-PARSE-10': ['CH-8', 'CH-9', 'CH-10', 'CH-22', 'CH-45']
}
const ruleOf = (id: string) => Object.keys(RULES).find((rule) => RULES[rule]?.includes(id)) ?? 'R-PARSE-9'

for (const { id, field_lines_latin1: lines, expected, lenient, source } of vectors<ParseRow>('challenge-parse')) {
  t.test(`${id}: ${source} (${ruleOf(id)})`, async t => {
    for (const [outcome, isLenient] of [[expected, false], [lenient ?? expected, true]] as const) {
      if (outcome.error) t.throws(() => parse(lines, isLenient), MALFORMED)
      else t.strictSame(parse(lines, isLenient), outcome.challenges)
    }
  })
}

for (const { id, challenge, expected } of vectors<FormatRow>('challenge-serialize')) {
  t.test(`${id} is written, or refused (R-CH-4, R-CH-6)`, async t => {
    if (typeof expected !== 'string') t.throws(() => formatChallenge(challenge), NOT_REPRESENTABLE)
    else {
      t.equal(formatChallenge(challenge), expected)
      t.strictSame(parse(expected), [challenge])
    }
  })
}

t.test('a malformed challenge: the error names the place and nothing received', async t => {
  t.throws(() => parse('Basic realm="secret'), { ...MALFORMED, message: 'malformed challenge: unexpected char at index 19' })
})

t.test('one line or several: they are one list, and a challenge may go on in the next line', async t => {
  t.strictSame(parse('Negotiate'), [{ scheme: 'Negotiate' }])
  t.strictSame(parse(['Digest realm="r"', 'nonce="n", NTLM']), [{ scheme: 'Digest', params: { realm: 'r', nonce: 'n' } }, { scheme: 'NTLM' }])
  t.throws(() => parse([]), MALFORMED)
})

t.test('challenges, or the lines of their field: both are taken', async t => {
  const challenges = [{ scheme: 'NTLM' }, { scheme: 'Basic', params: { realm: 'x' } }]
  t.equal(toChallenges(challenges), challenges)
  t.strictSame(toChallenges([]), [])
  for (const lines of ['NTLM, Basic realm="x"', ['NTLM', 'Basic realm="x"']]) t.strictSame(plain([...toChallenges(lines)]), challenges)
  t.throws(() => toChallenges([',']), { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' })
})

t.test('a comma behind a scheme: parameters may follow it only where SP stands before it (R-PARSE-9)', async t => {
  t.strictSame(parse('A , B'), [{ scheme: 'A' }, { scheme: 'B' }])
  t.strictSame(parse('A \t, b=1'), [{ scheme: 'A', params: { b: '1' } }])
  t.throws(() => parse('A\t, b=1'), MALFORMED)
  t.throws(() => parse('A \tb=1'), MALFORMED)
})

t.test('more challenges, parameters or empty members than the cap: they are refused (R-PARSE-1, R-PARSE-11)', async t => {
  const schemes = Array.from({ length: MAX_MEMBERS }, (_, i) => `s${i}`)
  const params = Array.from({ length: MAX_PARAMS }, (_, i) => `p${i}=x`)
  t.equal(parse(schemes).length, MAX_MEMBERS)
  t.throws(() => parse([...schemes, 'x']), MALFORMED)
  t.equal(Object.keys(parse(`A ${params.join()}, B ${params.join()}`)[1].params).length, MAX_PARAMS)
  t.throws(() => parse(`A ${params.join()},x=y`), MALFORMED)
  t.throws(() => parse(`A${','.repeat(MAX_MEMBERS + 1)}B`), MALFORMED)
})

t.test('any text: it is read, or refused with our error', async () => {
  fc.assert(fc.property(anyOctets, fc.boolean(), (text, lenient) => isReadOrRefused(text, lenient)), { numRuns: 1000 })
})

t.test('64 KiB of any text: it is read or refused, and with commas it meets a cap (R-PARSE-11)', async t => {
  for (const text of LONG_TEXTS) {
    for (const start of ['', 'A ', 'A b=', 'A b="']) {
      t.ok(isReadOrRefused(start + text, false))
      if (text.includes(',')) t.throws(() => parse(start + text), MALFORMED)
    }
  }
})

function isReadOrRefused (text: string, lenient: boolean): boolean {
  try {
    return parse(text, lenient).length > 0
  } catch (error) {
    return (error as { code?: string }).code === MALFORMED.code
  }
}

t.test('a known scheme: it is written in its registered case (R-CH-16)', async t => {
  for (const scheme of ['Basic', 'Bearer', 'Digest', 'Negotiate', 'NTLM', 'AWS4-HMAC-SHA256']) {
    t.equal(formatChallenge({ scheme: scheme.toLowerCase() }), scheme)
    t.equal(formatChallenge({ scheme: scheme.toUpperCase() }), scheme)
  }
  t.equal(formatChallenge({ scheme: 'neWauth' }), 'neWauth')
})

t.test('a parameter given twice: the challenge is not written (R-CH-3)', async t => {
  t.throws(() => formatChallenge({ scheme: 'Basic', params: { realm: 'a', REALM: 'b' } }), NOT_REPRESENTABLE)
})

t.test('a token68 beside parameters: it is refused, while neither of them leaves the bare scheme (R-CH-9)', async t => {
  t.throws(() => formatChallenge({ scheme: 'X', token68: 'dTpw', params: { a: 'b' } }), NOT_REPRESENTABLE)
  t.equal(formatChallenge({ scheme: 'X', token68: 'dTpw', params: {} }), 'X dTpw')
  t.equal(formatChallenge({ scheme: 'X', params: {} }), 'X')
  t.throws(() => formatChallenge({ scheme: 'X', token68: '' }), NOT_REPRESENTABLE)
  t.throws(() => formatChallenge({ scheme: '' }), NOT_REPRESENTABLE)
})

t.test('a challenge that is written: it has one SP behind the scheme, none around "=", no empty members (R-CH-2, R-CH-8)', async t => {
  t.equal(formatChallenge({ scheme: 'X', params: { a: '1', b: '' } }), 'X a="1", b=""')
})

t.test('a parameter that must not be quoted: it is written as a token, any other is quoted', async t => {
  t.equal(formatChallenge({ scheme: 'dIgest', params: { Stale: 'true', domain: '/' } }), 'Digest Stale=true, domain="/"')
  t.equal(formatChallenge({ scheme: 'Basic', params: { stale: 'true' } }), 'Basic stale="true"')
  t.equal(formatChallenge({ scheme: 'X', params: { 'title*': "UTF-8''a" } }), "X title*=UTF-8''a")
  t.throws(() => formatChallenge({ scheme: 'Digest', params: { stale: 'tr ue' } }), NOT_REPRESENTABLE)
})

t.test('a realm beyond ASCII: it is refused, and one that clients misread can be told (R-CH-7)', async t => {
  t.throws(() => formatChallenge({ scheme: 'Basic', params: { Realm: 'caf\u00e9' } }), { ...NOT_REPRESENTABLE, message: /index 3/ })
  for (const realm of ['', 'gateway.test', 'Corporate Proxy']) t.ok(isPortableRealm(realm), realm)
  for (const realm of ['a, b', 'a "b"', 'a\\b', 'caf\u00e9', 'a\tb']) t.notOk(isPortableRealm(realm), realm)
})

t.test('challenges that were written: parsing gives them back', async () => {
  const value = (name: string) => name.endsWith('*') ? token : name === 'realm' ? quotable.map((text) => text.replace(/[^\0-\x7f]/g, 'x')) : quotable
  const challenge = fc.oneof(
    fc.record({ scheme: token }),
    fc.record({ scheme: token, token68 }),
    fc.record({ scheme: token, params: authParams(value) })
  )
  fc.assert(fc.property(fc.array(challenge, { minLength: 1, maxLength: 5 }), (challenges) => {
    const lines = challenges.map(formatChallenge)
    const registered = challenges.map((one) => ({ ...one, scheme: formatChallenge({ scheme: one.scheme }) }))
    t.strictSame(parse(lines), plain(registered))
    t.strictSame(parse(lines.join(', ')), plain(registered))
  }))
})
