import fc from 'fast-check'
import t from 'tap'
import { formatAuthenticationInfo, parseAuthenticationInfo } from '../../lib/fields/authentication-info.js'
import { LONG_TEXTS, authParams, quotable, token } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

interface Row { id: string, field_value: string, expected: Record<string, string>, source: string }

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_FIELD' }
const NOT_REPRESENTABLE = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }

for (const { id, field_value: value, expected, source } of vectors<Row>('auth-info-parse')) {
  t.test(`${id}: ${source} (R-PAI-4)`, async t => {
    t.strictSame({ ...parseAuthenticationInfo(value) }, expected)
  })
}

t.test('several lines: they are one list of parameters', async t => {
  t.strictSame({ ...parseAuthenticationInfo(['nextnonce="n"', 'qop=auth']) }, { nextnonce: 'n', qop: 'auth' })
  t.strictSame({ ...parseAuthenticationInfo([]) }, {})
})

t.test('a scheme name, a token68 or a repeated parameter: it is refused (R-PAI-4)', async t => {
  t.throws(() => parseAuthenticationInfo('Digest nextnonce="n"'), MALFORMED)
  t.throws(() => parseAuthenticationInfo('YII='), MALFORMED)
  t.throws(() => parseAuthenticationInfo('a=1, A=2'), MALFORMED)
})

t.test('parameters that are written: each is a token or quoted as its definition says (R-PAI-5)', async t => {
  t.equal(
    formatAuthenticationInfo({ nextnonce: 'n', qop: 'auth', rspauth: '66', cnonce: 'c', nc: '0000000a', x: 'y', z: 'y z' }),
    'nextnonce="n", qop=auth, rspauth="66", cnonce="c", nc=0000000a, x=y, z="y z"'
  )
  t.equal(formatAuthenticationInfo({}), '')
  t.throws(() => formatAuthenticationInfo({ qop: 'a b' }), NOT_REPRESENTABLE)
  t.throws(() => formatAuthenticationInfo({ x: 'a\r\nb' }), NOT_REPRESENTABLE)
})

t.test('an nc that is not 8 hex digits: it is not written (R-PAI-10)', async t => {
  for (const nc of ['1', '', '000000001', '0000000g', '00000001\n']) {
    t.throws(() => formatAuthenticationInfo({ nc }), NOT_REPRESENTABLE, nc)
    t.throws(() => formatAuthenticationInfo({ NC: nc }), NOT_REPRESENTABLE, nc)
  }
  t.equal(formatAuthenticationInfo({ nc: '0000000F' }), 'nc=0000000F')
})

t.test('parameters that were written: parsing gives them back', async t => {
  fc.assert(fc.property(authParams((name) => name === 'qop' ? token : name === 'nc' ? fc.constant('00000001') : quotable), (params) => {
    t.strictSame(parseAuthenticationInfo(formatAuthenticationInfo(params)), params)
  }))
})

t.test('64 KiB of text with commas: it meets a cap (R-PARSE-11)', async t => {
  for (const text of LONG_TEXTS.filter((text) => text.includes(','))) t.throws(() => parseAuthenticationInfo(text), MALFORMED)
})
