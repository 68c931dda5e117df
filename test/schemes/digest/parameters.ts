import t from 'tap'
import fc from 'fast-check'
import { formatCredentials, parseCredentials } from '../../../lib/fields/credentials.js'
import { MAX_REALM_LENGTH, readDigestParameters } from '../../../lib/schemes/digest/parameters.js'
import type { DigestParameters } from '../../../lib/schemes/digest/parameters.js'
import { anyOctets } from '../../fixtures/field-text.js'
import { algorithmOf, octets } from '../../fixtures/digest.js'
import type { DigestRow, LiveRow } from '../../fixtures/digest.js'
import { vectors } from '../../fixtures/vectors.js'

const BAD_REQUEST = { name: 'FastifyError', statusCode: 400 } // the field's grammar, or the scheme's
const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', statusCode: 400 }
const RIGHT = {
  username: 'alice',
  realm: 'lab',
  nonce: 'bm9uY2U',
  uri: '/p?q=1',
  response: 'ab'.repeat(32),
  opaque: 'b3A',
  algorithm: 'SHA-256',
  qop: 'auth',
  cnonce: 'Y25vbmNl',
  nc: '0000000a',
  userhash: 'false'
}
type Params = Record<string, string>
const read = (params: Params, latin1Fallback = false): DigestParameters | undefined =>
  readDigestParameters(parseCredentials(formatCredentials({ scheme: 'Digest', params })), { latin1Fallback })
const without = (...names: string[]): Params => Object.fromEntries(Object.entries(RIGHT).filter(([name]) => !names.includes(name)))

t.test('valid parameters: they are read into a record (R-DIG-26)', async t => {
  t.same(read(RIGHT), {
    ...RIGHT, algorithm: algorithmOf('SHA-256'), userhash: false, encoding: 'utf8', count: 10
  })
  t.match(read(without('opaque', 'userhash', 'qop', 'nc')), { opaque: '', userhash: false, qop: undefined, nc: undefined, count: 0 })
})

t.test('credentials that clients have sent and the RFC has printed: they are readable (R-DIG-26, R-DIG-28, R-DIG-38, R-DIG-39, R-DIG-40)', async t => {
  for (const { id, inputs, expected, credentials } of vectors<DigestRow>('digest')) {
    const params = readDigestParameters(parseCredentials(octets(credentials, inputs.encoding)), { latin1Fallback: true })
    t.match(params, {
      username: params?.userhash === true ? expected.userhash : inputs.username.normalize('NFC'),
      response: expected.response,
      count: inputs.qop === undefined ? 0 : parseInt(inputs.nc!, 16),
      algorithm: algorithmOf(inputs.algorithm)
    }, id)
  }
  for (const { id, username, credentials_octets_latin1: credentials } of vectors<LiveRow>('digest-live-captures')) {
    const params = readDigestParameters(parseCredentials(credentials))
    t.equal(params?.userhash === true ? username : params?.username, username, id)
  }
})

t.test('any subset of the parameters: 400 where one is missing, else a record; never anything else (R-DIG-26, S2)', async t => {
  const names = Object.keys(RIGHT)
  for (let subset = 0; subset < 2 ** names.length; subset++) {
    const kept = names.filter((_, bit) => (subset >> bit & 1) === 1)
    const has = (...all: string[]): boolean => all.every((name) => kept.includes(name))
    const right = has('username', 'realm', 'nonce', 'uri', 'response') && (!has('qop') || has('cnonce', 'nc'))
    // Without `algorithm` it is MD5, and the response has too many digits.
    const act = () => read(without(...names.filter((name) => !kept.includes(name))))
    if (kept.length === 0) t.equal(act(), undefined, 'the scheme alone')
    else if (right && has('algorithm')) t.equal(act()?.count, has('qop') ? 10 : 0)
    else t.throws(act, MALFORMED, kept.join())
  }
})

t.test('a parameter that comes twice, also under another name for the same: it is malformed (R-DIG-27, R-PARSE-6)', async t => {
  const text = formatCredentials({ scheme: 'Digest', params: RIGHT })
  for (const [name, value] of Object.entries(RIGHT)) {
    for (const second of [`${name}="${value}"`, `${name.toUpperCase()}=x`]) {
      t.throws(() => readDigestParameters(parseCredentials(`${text}, ${second}`)), BAD_REQUEST, second)
    }
  }
  t.throws(() => read({ ...RIGHT, 'username*': "UTF-8''alice" }), MALFORMED)
  t.same(read({ ...RIGHT, unknown: 'x', stale: 'true', domain: '/' }), read(RIGHT), 'unknown ones are passed over')
})

t.test('the vectors of what is refused: each is refused with 400 (R-DIG-27, R-DIG-28, R-DIG-32, R-CRED-5)', async t => {
  interface Row { id: string, credentials?: string, credentials_fragment?: string, expected: string }
  for (const { id, credentials, credentials_fragment: fragment, expected } of vectors<Row>('digest-reject')) {
    if (credentials !== undefined) t.throws(() => readDigestParameters(parseCredentials(credentials)), BAD_REQUEST, id)
    else if (fragment?.startsWith('nc=') === true) {
      const text = `${formatCredentials({ scheme: 'Digest', params: without('nc') })}, ${fragment}`
      const act = () => readDigestParameters(parseCredentials(text))
      if (expected === 'accept') t.equal(act()?.count, 1, id)
      else t.throws(act, MALFORMED, id)
    }
  }
})

t.test('quoted and unquoted parameters: they are the same (R-PARSE-4)', async t => {
  const quoted = Object.entries(RIGHT).map(([name, value]) => `${name}="${value}"`).join(', ')
  t.same(readDigestParameters(parseCredentials(`Digest ${quoted}`)), read(RIGHT))
  const tokens = Object.entries({ ...RIGHT, uri: 'x' }).map(([name, value]) => `${name}=${value}`).join(',')
  t.same(readDigestParameters(parseCredentials(`digest ${tokens}`)), { ...read(RIGHT), uri: 'x' })
})

t.test('nc: it is 8 hex digits in either case, from 1 (R-DIG-32, R-PAI-10)', async t => {
  t.equal(read({ ...RIGHT, nc: 'FFFFFFFF' })?.count, 0xffffffff)
  t.equal(read({ ...RIGHT, nc: '0000000A' })?.nc, '0000000A', 'as sent, for it is hashed so')
  for (const nc of ['00000000', '1', '0000001', '000000001', '0000000g', '0x000001', '+0000001', '-0000001', '1e000000 ', ' 0000001', '']) {
    t.throws(() => readDigestParameters(parseCredentials(`${formatCredentials({ scheme: 'Digest', params: without('nc') })}, nc="${nc}"`)), MALFORMED, nc)
  }
})

t.test('a response: it is as long as its hash, and the same in upper case (DGX-RESPONSE-UPPER, R-DIG-20)', async t => {
  t.equal(read({ ...RIGHT, response: 'AB'.repeat(32) })?.response, RIGHT.response)
  t.equal(read({ ...RIGHT, algorithm: 'md5', response: 'cd'.repeat(16) })?.response, 'cd'.repeat(16))
  for (const response of ['', 'ab'.repeat(16), 'ab'.repeat(33), `${'ab'.repeat(31)}ag`, `${'ab'.repeat(31)}a`]) {
    t.throws(() => read({ ...RIGHT, response }), MALFORMED, response)
  }
  t.throws(() => read({ ...RIGHT, algorithm: 'SHA-1', response: 'x' }), MALFORMED)
  t.equal(read({ ...RIGHT, algorithm: 'SHA-1', response: 'ab'.repeat(20) })?.algorithm, undefined, 'not for this to refuse')
  t.equal(read({ ...without('qop', 'cnonce', 'nc'), algorithm: 'SHA-1' })?.count, 0, 'nor without qop')
})

t.test('cnonce: it is printable ASCII of limited length (R-DIG-36)', async t => {
  for (const cnonce of ['a', 'a"b\\c, d', 'x'.repeat(256)]) t.equal(read({ ...RIGHT, cnonce })?.cnonce, cnonce)
  for (const cnonce of ['', '\xe4', 'a\tb', 'x'.repeat(257)]) t.throws(() => read({ ...RIGHT, cnonce }), MALFORMED, cnonce)
  t.throws(() => read({ ...without('qop', 'cnonce'), algorithm: 'SHA-256-sess' }), MALFORMED, '-sess needs it without qop too')
  t.equal(read(without('qop', 'nc'))?.cnonce, RIGHT.cnonce, 'Java sends one without qop')
})

t.test('userhash=true: the name is taken for a hash, and must be one (R-DIG-38)', async t => {
  const username = 'CD'.repeat(32)
  t.match(read({ ...RIGHT, username, userhash: 'TRUE' }), { username: username.toLowerCase(), userhash: true })
  t.match(read({ ...RIGHT, username, userhash: 'False' }), { username, userhash: false })
  for (const username of ['alice', 'ab'.repeat(16), '']) t.throws(() => read({ ...RIGHT, username, userhash: 'true' }), MALFORMED, username)
  for (const userhash of ['yes', '1', 'truetrue']) t.throws(() => read({ ...RIGHT, userhash }), MALFORMED, userhash)
})

t.test('username*: it is an ext-value in UTF-8, and never comes beside userhash=true (R-DIG-28)', async t => {
  const extended = (value: string, userhash = 'false'): Params => ({ ...without('username'), 'username*': value, userhash })
  t.equal(read(extended("UTF-8''J%C3%A4s%C3%B8n%20Doe"))?.username, 'J\u00e4s\u00f8n Doe')
  t.equal(read(extended("utf-8'en'Ja%CC%88"))?.username, 'J\u00e4', 'in form C')
  for (const value of ["ISO-8859-1''J%E4", "UTF-8''J%E4", "UTF-8''a%00", 'alice', "UTF-8''a%3Ab"]) {
    t.throws(() => read(extended(value)), BAD_REQUEST, value)
  }
  t.throws(() => read(extended("UTF-8''alice", 'true')), MALFORMED)
  t.throws(() => read(extended(`UTF-8''${'a'.repeat(1025)}`)), MALFORMED)
})

t.test('up to 64 KiB in any parameter: 400, nothing else (S1, R-DIG-36)', async t => {
  for (const name of [...Object.keys(RIGHT).filter((name) => name !== 'uri'), 'username*']) {
    for (const unit of ['a', '0', '\xff', '"', '\\', '%41']) {
      const value = unit.repeat(65536 / unit.length)
      const text = `${formatCredentials({ scheme: 'Digest', params: without(name) })}, ${name}="${value.replace(/["\\]/g, '\\$&')}"`
      t.throws(() => readDigestParameters(parseCredentials(text), { latin1Fallback: true }), BAD_REQUEST, `${name} of ${unit}`)
    }
  }
  t.equal(read({ ...RIGHT, uri: `/${'a'.repeat(65535)}` })?.uri.length, 65536, 'as long as any target that node lets through')
  t.throws(() => read({ ...RIGHT, uri: `/${'a'.repeat(65536)}` }), MALFORMED)
  t.equal(read({ ...RIGHT, realm: 'x'.repeat(MAX_REALM_LENGTH) })?.realm.length, MAX_REALM_LENGTH)
})

t.test('a parameter beyond a limit of its own: it is refused, whatever the others say (R-DIG-36)', async t => {
  const unknown = { ...RIGHT, algorithm: 'SHA-1' } // of an unknown algorithm nobody knows how long its hashes are
  const hashed = { ...unknown, userhash: 'true' }
  t.equal(read({ ...hashed, username: 'ab'.repeat(1536) })?.username.length, 3072)
  t.throws(() => read({ ...hashed, username: 'ab'.repeat(1537) }), { ...MALFORMED, message: /username is too long/ })
  t.equal(read({ ...unknown, response: 'ab'.repeat(32) })?.response.length, 64)
  t.throws(() => read({ ...unknown, response: 'ab'.repeat(33) }), { ...MALFORMED, message: /response is too long/ })
  const extended = (language: string): Params => ({ ...without('username'), 'username*': `UTF-8'${language}'alice` })
  t.equal(read(extended('e'.repeat(9216 - 12)))?.username, 'alice')
  t.throws(() => read(extended('e'.repeat(9216 - 11))), { ...MALFORMED, message: /username\* is too long/ })
  t.throws(() => read({ ...without('qop'), nc: '000000001' }), { ...MALFORMED, message: /nc is too long/ })
})

t.test('no credentials, or those of another scheme: nothing is malformed, whereas a token68 is (R-CRED-2, S7)', async t => {
  t.equal(readDigestParameters(parseCredentials('Digest')), undefined)
  t.equal(readDigestParameters(parseCredentials('Basic dTpw')), undefined)
  for (const text of ['Digest username', 'Digest dXNlcjpwYXNz', 'Digest =', 'Digest username=', 'Digest "', 'Digest ,=']) {
    t.throws(() => readDigestParameters(parseCredentials(text)), BAD_REQUEST, text)
  }
})

t.test('any text in a parameter: it is read or refused with 400', async () => {
  const names = [...Object.keys(RIGHT), 'username*']
  fc.assert(fc.property(fc.constantFrom(...names), anyOctets, fc.boolean(), (name, value, latin1Fallback) => {
    const text = `${formatCredentials({ scheme: 'Digest', params: without(name) })}, ${name}="${value.replace(/["\\]/g, '\\$&')}"`
    try {
      return typeof readDigestParameters(parseCredentials(text), { latin1Fallback })?.uri === 'string'
    } catch (error) {
      return (error as { statusCode?: number }).statusCode === 400
    }
  }), { numRuns: 2000 })
})

t.test('malformed parameters: the error says nothing of what was sent (R-SEC-1)', async t => {
  for (const name of Object.keys(RIGHT)) {
    try {
      read({ ...RIGHT, [name]: name === 'uri' || name === 'realm' || name === 'nonce' || name === 'opaque' ? 'canary'.repeat(20_000) : 'canary\t' })
    } catch (error) {
      t.notMatch((error as Error).message, /canary/, name)
    }
  }
})
