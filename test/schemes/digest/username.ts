import t from 'tap'
import { checkUsername, decodeEscapedUsername, decodeUsername } from '../../../lib/schemes/digest/username.js'
import { octets } from '../../fixtures/digest.js'

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', statusCode: 400 }
const NAME = 'J\u00e4s\u00f8n'

t.test('raw UTF-8 in the field: it is decoded (R-DIG-40)', async t => {
  t.same(decodeUsername(octets(NAME), false), { username: NAME, encoding: 'utf8' })
  t.same(decodeUsername('alice', true), { username: 'alice', encoding: 'utf8' })
  t.same(decodeUsername('', false), { username: '', encoding: 'utf8' })
})

t.test('ISO-8859-1 in the field: it is decoded by option only (R-DIG-40)', async t => {
  t.throws(() => decodeUsername(octets(NAME, 'latin1'), false), MALFORMED)
  t.same(decodeUsername(octets(NAME, 'latin1'), true), { username: NAME, encoding: 'latin1' })
})

t.test('two ways to write a letter: they are one name (R-DIG-42)', async t => {
  t.equal(decodeUsername(octets('Ja\u0308s\u00f8n'), false).username, NAME)
  t.equal(checkUsername('Ja\u0308s\u00f8n'), NAME)
})

t.test('controls or colons in a name: it is malformed', async t => {
  for (const name of ['a:b', ':', 'a\tb', 'a\0', 'a\n', '\x7f']) {
    t.throws(() => decodeUsername(name, false), MALFORMED, JSON.stringify(name))
    t.throws(() => decodeUsername(`${octets(NAME)}${name}`, false), MALFORMED)
    t.throws(() => decodeUsername(`\xe4${name}`, true), MALFORMED)
    t.throws(() => checkUsername(name), MALFORMED)
  }
  t.equal(checkUsername('a"b\\c d@e'), 'a"b\\c d@e')
})

t.test('a name that is too long: the cap counts what comes of decoding (S3)', async t => {
  t.equal(decodeUsername('a'.repeat(1024), false).username.length, 1024)
  t.throws(() => decodeUsername('a'.repeat(1025), false), MALFORMED)
  t.throws(() => decodeUsername('\xff'.repeat(40 * 1024), true), MALFORMED)
})

t.test('a name with escapes of newer curl: octets beyond ASCII are read, and no others (R-DIG-41)', async t => {
  t.equal(decodeEscapedUsername('J%C3%A4s%c3%b8n'), NAME)
  t.equal(decodeEscapedUsername('Ja%CC%88s%C3%B8n'), NAME)
  t.equal(decodeEscapedUsername('100%25 J%C3%A4s%C3%B8n'), `100%25 ${NAME}`)
  for (const name of ['alice', 'a%20b', 'a%3Ab', '100%', '%', '%C', '%00', '%zz', '%C3', '%C3x', '%FF', NAME, `${NAME}%C3%A4`, '\u0142%C3%A4']) {
    t.equal(decodeEscapedUsername(name), null, name)
  }
})
