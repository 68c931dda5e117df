import t from 'tap'
import { isBearerToken, readParentCredentials } from '../../../lib/policy/parent/read-credentials.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const token = async () => 'abc'
const RIGHT: object[] = [
  { scheme: 'Basic', username: 'gateway', password: 'p:ä' },
  { scheme: 'Basic', username: '', password: '' },
  { scheme: 'Bearer', token: 'mF_9.B5f-4.1JqM==' },
  { scheme: 'Bearer', token },
  { scheme: 'Digest', username: 'a:b', password: '' },
  { scheme: 'Digest', username: 'gateway', password: 'p', algorithms: ['SHA-256', 'MD5-sess'], rspauth: 'require' },
  { scheme: 'NTLM', username: 'gateway', password: 'p' },
  { scheme: 'NTLM', username: 'gateway', ntHash: '0123456789abcdef0123456789ABCDEF', domain: 'CORP', workstation: 'GW' },
  { scheme: 'Negotiate' },
  { scheme: 'Negotiate', service: 'HTTP@parent.test', principal: 'gateway@EXAMPLE.ORG', mutual: false },
  { scheme: 'AWS4', accessKeyId: 'AK/ID', secretAccessKey: 's', region: 'local', service: 'proxy' },
  { scheme: 'AWS4', accessKeyId: 'AKID', secretAccessKey: 's', sessionToken: 'a/b+c=', region: 'local', service: 'proxy' }
]

t.test('credentials of each scheme: are kept as a frozen copy', async t => {
  for (const given of RIGHT) {
    const kept = readParentCredentials(given, 'credentials')
    t.strictSame(kept, given)
    t.not(kept, given)
    t.ok(Object.isFrozen(kept))
  }
  t.ok(Object.isFrozen((readParentCredentials(RIGHT[5], 'credentials') as { algorithms?: unknown }).algorithms))
})

t.test('credentials that were checked: are not copied again', async t => {
  const kept = readParentCredentials(RIGHT[0], 'credentials')
  t.equal(readParentCredentials(kept, 'credentials'), kept)
})

t.test('members that are undefined: count as absent', async t => {
  t.strictSame(readParentCredentials({ scheme: 'NTLM', username: 'u', password: 'p', ntHash: undefined }, 'x'), { scheme: 'NTLM', username: 'u', password: 'p' })
})

t.test('a service in the spelling of principals: is kept in that of GSSAPI', async t => {
  t.strictSame(readParentCredentials({ scheme: 'Negotiate', service: 'HTTP/parent.test' }, 'x'), { scheme: 'Negotiate', service: 'HTTP@parent.test' })
})

t.test('a member that changes between two reads: is read once', async t => {
  let reads = 0
  const given = { scheme: 'Basic', username: 'u', get password () { return reads++ === 0 ? 'first' : 7 } }
  t.strictSame(readParentCredentials(given, 'x'), { scheme: 'Basic', username: 'u', password: 'first' })
})

t.test('wrong credentials: the error names the option, never the value', async t => {
  const refuses = (value: unknown, option: string, got: string) => refusesOption(t, () => readParentCredentials(value, 'credentials'), option, got)
  for (const [value, got] of [[CANARY, 'string'], [null, 'null'], [undefined, 'undefined'], [[], 'an empty list'], [() => {}, 'function']] as const) {
    refuses(value, 'credentials', got)
  }
  refuses({}, 'credentials.scheme', 'undefined')
  refuses({ scheme: CANARY }, 'credentials.scheme', 'string')
  refuses({ scheme: 'constructor' }, 'credentials.scheme', 'string')
  refuses({ ...RIGHT[0], pasword: CANARY }, 'credentials.pasword', 'it')
  const text = CANARY.padEnd(1025, 'x')
  for (const [index, name, value, got] of [
    [0, 'username', 7, 'number'], [0, 'username', `${CANARY}:`, 'one with it'], [0, 'username', undefined, 'undefined'],
    [0, 'username', text, 'other text'], [0, 'password', undefined, 'undefined'], [0, 'password', `${CANARY}\n`, 'other text'],
    [0, 'password', `${CANARY}\ud800`, 'other text'], [0, 'password', null, 'null'],
    [2, 'token', undefined, 'undefined'], [2, 'token', `${CANARY} x`, 'other text'], [2, 'token', CANARY.padEnd(16_385, 'x'), 'other text'],
    [2, 'token', {}, 'object'], [2, 'token', '', 'other text'],
    [4, 'username', '', 'empty text'], [4, 'password', {}, 'object'], [4, 'algorithms', [], 'an empty list'], [4, 'algorithms', 'MD5', 'string'],
    [4, 'rspauth', CANARY, 'string'], [4, 'rspauth', false, 'boolean'],
    [6, 'username', '', 'empty text'], [6, 'password', '', 'empty text'], [6, 'ntHash', CANARY, 'other text'], [6, 'ntHash', Buffer.alloc(16), 'object'],
    [6, 'password', undefined, 'neither'], [7, 'password', CANARY, 'both'], [6, 'domain', 7, 'number'], [6, 'workstation', text, 'other text'],
    [8, 'service', CANARY, 'other text'], [8, 'service', 'HTTP@a/b', 'other text'], [8, 'principal', '', 'empty text'], [8, 'mutual', 'yes', 'string'],
    [10, 'accessKeyId', `${CANARY},`, 'other text'], [10, 'accessKeyId', 7, 'number'], [10, 'secretAccessKey', '', 'empty text'],
    [10, 'region', `${CANARY}/`, 'other text'], [10, 'service', undefined, 'undefined'], [10, 'sessionToken', `${CANARY}\r\nX: y`, 'other text']
  ] as const) refuses({ ...RIGHT[index], [name]: value }, `credentials.${name}`, got)
  refusesOption(t, () => readParentCredentials({ ...RIGHT[4], algorithms: ['MD5', CANARY] }, 'credentials'), 'each of credentials.algorithms', 'string')
})

t.test('what is sent as a token: is text by the grammar of RFC 6750', async t => {
  for (const value of ['a', 'a=', '-._~+/', 'x'.repeat(16_384)]) t.ok(isBearerToken(value), value.slice(0, 9))
  for (const value of ['', '=', 'a b', 'a\n', 'ä', 'a,b', 'a"', 'x'.repeat(16_385), undefined, 7, ['a']]) t.notOk(isBearerToken(value), String(value).slice(0, 9))
})
