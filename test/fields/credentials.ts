import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { Credentials, formatCredentials, parseCredentials, readScheme } from '../../lib/fields/credentials.js'
import type { CredentialsParts } from '../../lib/fields/credentials.js'
import { MAX_PARAMS } from '../../lib/fields/grammar.js'
import { LONG_TEXTS, anyOctets, authParams, quotable, token, token68 } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

type Outcome = { error: true } | CredentialsParts
interface ParseRow { id: string, field_value_latin1: string, expected: Outcome, lenient?: Outcome, source: string }

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD', statusCode: 400 }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }

/** What can be seen of credentials only by asking for it. */
function partsOf ({ scheme, token68, params }: Credentials): CredentialsParts {
  return { scheme, ...(token68 !== undefined && { token68 }), ...(params !== undefined && { params: { ...params } }) }
}

// The rule a vector is there for; the others show the grammar of credentials.
const RULES: Record<string, string[]> = {
  'R-CRED-1': ['CR-6', 'CR-7'],
  'R-CRED-7': ['CR-4'],
  'R-PARSE-1': ['CR-14', 'CR-15'],
  'R-PARSE-3': ['CR-12'],
  'R-PARSE-6': ['CR-16'],
  'R-PARSE-7': ['CR-30'],
  'R-PARSE-8': ['CR-29'],
  'R-BEARER-7': ['CR-8', 'CR-9'],
  'R-AWS-1': ['CR-23'],
  'R-AWS-2': ['CR-24']
}
const ruleOf = (id: string) => Object.keys(RULES).find((rule) => RULES[rule]?.includes(id)) ?? 'R-CRED-5'

for (const { id, field_value_latin1: value, expected, lenient, source } of vectors<ParseRow>('credentials-parse')) {
  t.test(`${id}: ${source} (${ruleOf(id)})`, async t => {
    for (const [outcome, options] of [[expected, {}], [lenient ?? expected, { lenient: true }]] as const) {
      if ('error' in outcome) t.throws(() => parseCredentials(value, options), MALFORMED)
      else {
        t.strictSame(partsOf(parseCredentials(value, options)), outcome)
        t.equal(readScheme(value), outcome.scheme)
      }
    }
  })
}

t.test('text that starts with a scheme: the scheme is told, whatever follows (R-CRED-3)', async t => {
  t.equal(readScheme('AWS4-HMAC-SHA256 Credential=AK/x, SignedHeaders=a;b'), 'AWS4-HMAC-SHA256')
  t.equal(readScheme('Basic\tdTpw'), 'Basic')
  t.equal(readScheme('  bAsIc'), 'bAsIc')
  t.equal(readScheme('Basic, x'), 'Basic')
  for (const value of ['', ' ', '=', '"Basic" x', ',Basic', '\0', '\u00e9']) t.equal(readScheme(value), undefined)
})

t.test('a list of credentials: it is refused (R-CRED-1)', async t => {
  for (const value of ['Basic dTpw, Basic dTpx', 'Basic dTpw,', 'Basic dTpw=, x', 'Digest a=b, Digest c=d', 'Digest a=b, Basic', 'Basic, Basic', 'Basic,']) {
    t.throws(() => parseCredentials(value), MALFORMED, value)
  }
})

t.test('whitespace around the value: it is not part of it', async t => {
  t.strictSame(partsOf(parseCredentials(' \tBasic dTpw \t')), { scheme: 'Basic', token68: 'dTpw' })
  t.strictSame(partsOf(parseCredentials('Basic\t ')), { scheme: 'Basic' })
})

t.test('malformed credentials: the error names the place and nothing received', async t => {
  t.throws(() => parseCredentials('Digest username="secret'), { message: 'malformed credentials: unexpected char at index 23' })
})

t.test('text that even lenient parsing does not take: it is refused (R-CRED-5)', async t => {
  for (const value of ['Bearer a b', 'Bearer a,b', 'Bearer "a:b"', 'Bearer a:b=c', 'Bearer =', 'Bearer caf\u00e9', 'Bearer :\0']) {
    t.throws(() => parseCredentials(value, { lenient: true }), MALFORMED, value)
  }
  t.strictSame(partsOf(parseCredentials('Bearer a:b==', { lenient: true })), { scheme: 'Bearer', token68: 'a:b==' })
})

t.test('credentials in logs: nothing of them shows, not even the scheme, which may be the secret itself (R-SEC-1)', async t => {
  for (const value of ['Basic secret', 'Digest secret="secret"', 'secret']) {
    const credentials = parseCredentials(value)
    const seen = [
      String(credentials), `${credentials}`, JSON.stringify({ credentials }), inspect(credentials), inspect({ a: [credentials] }, { depth: 9 }),
      inspect(credentials, { customInspect: false, showHidden: true }), JSON.stringify({ ...credentials }),
      JSON.stringify(Object.getOwnPropertyNames(credentials)), inspect(structuredClone({ ...credentials }))
    ]
    t.notMatch(seen.join(), /secret|Basic|Digest/)
    t.match(seen.join(), /\[credentials\]/)
  }
})

t.test('a parameter named __proto__ or toString: it is read like any other', async t => {
  const { params } = parseCredentials('X __proto__=1, toString=2')
  t.strictSame(Object.entries(params!), [['__proto__', '1'], ['tostring', '2']])
})

t.test('more parameters than the cap: they are refused, and 64 KiB of any text ends in a value or an error (R-PARSE-11)', async t => {
  const params = Array.from({ length: MAX_PARAMS + 1 }, (_, i) => `p${i}=x`)
  t.throws(() => parseCredentials(`X ${params.join()}`), MALFORMED)
  for (const text of LONG_TEXTS) {
    for (const start of ['', 'A ', 'A b=', 'A b="']) {
      t.ok(isReadOrRefused(start + text, false))
      if (text.includes(',')) t.throws(() => parseCredentials(start + text), MALFORMED)
    }
  }
})

t.test('any text: it is read, or refused with our error (R-CRED-5)', async () => {
  fc.assert(fc.property(anyOctets, fc.boolean(), (text, lenient) => isReadOrRefused(`Basic ${text}`, lenient) && isReadOrRefused(text, lenient)))
})

t.test('a parameter that must not be quoted: it is written as a token, any other is quoted', async t => {
  t.equal(formatCredentials({ scheme: 'Basic', token68: 'dTpw' }), 'Basic dTpw')
  t.equal(formatCredentials({ scheme: 'Negotiate' }), 'Negotiate')
  t.equal(formatCredentials({ scheme: 'X', params: {} }), 'X')
  t.equal(
    formatCredentials({ scheme: 'digest', params: { 'username*': "UTF-8''u", uri: '/a,b', qop: 'auth', nc: '00000001', algorithm: 'MD5', userhash: 'false' } }),
    "digest username*=UTF-8''u, uri=\"/a,b\", qop=auth, nc=00000001, algorithm=MD5, userhash=false"
  )
  t.equal(formatCredentials({ scheme: 'X', params: { qop: 'auth' } }), 'X qop="auth"')
  t.throws(() => formatCredentials({ scheme: 'Digest', params: { nc: '' } }), NOT_REPRESENTABLE)
})

t.test('credentials that a parser would refuse: they are not written (R-SEC-5)', async t => {
  const cases: CredentialsParts[] = [
    { scheme: '' }, { scheme: 'Ba sic' }, { scheme: 'X', token68: 'a b' }, { scheme: 'X', token68: 'a', params: { b: 'c' } },
    { scheme: 'X', params: { a: '\r\n' } }, { scheme: 'X', params: { a: '1', A: '2' } }
  ]
  for (const parts of cases) t.throws(() => formatCredentials(parts), NOT_REPRESENTABLE)
})

t.test('credentials that were written: parsing gives them back', async t => {
  const params = authParams((name) => name.endsWith('*') || name === 'qop' ? token : quotable)
  const parts = fc.oneof(
    token.map((scheme) => ({ scheme })),
    fc.tuple(token, token68).map(([scheme, token68]) => ({ scheme, token68 })),
    fc.tuple(token, params).map(([scheme, params]) => ({ scheme, params: { ...params } }))
  )
  fc.assert(fc.property(parts, (parts) => {
    const credentials = parseCredentials(formatCredentials(parts))
    t.strictSame(partsOf(credentials), parts)
    t.equal(formatCredentials(credentials), formatCredentials(parts))
  }))
})

function isReadOrRefused (text: string, lenient: boolean): boolean {
  try {
    return parseCredentials(text, { lenient }) instanceof Credentials
  } catch (error) {
    return (error as { code?: string }).code === MALFORMED.code
  }
}
