import t from 'tap'
import { formatChallenge } from '../../lib/fields/challenge.js'
import { parseCredentials } from '../../lib/fields/credentials.js'
import { bearerChallenge, formatScope, readToken } from '../../lib/schemes/bearer.js'
import type { BearerError } from '../../lib/schemes/bearer.js'

const text = (refusal?: BearerError, scope = '') => formatChallenge(bearerChallenge('gw', scope, refusal))

t.test('a token68: it is taken as the token, and not looked into (R-BEARER-7)', async t => {
  t.equal(readToken(parseCredentials('Bearer mF_9.B5f-4.1JqM')), 'mF_9.B5f-4.1JqM')
  t.equal(readToken(parseCredentials('bearer a==')), 'a==')
  t.equal(readToken(parseCredentials('Bearer secret-token:abc', { lenient: true })), 'secret-token:abc')
})

t.test('no credentials, or those of another scheme: nothing is read, and nothing is malformed (R-BEARER-3)', async t => {
  t.equal(readToken(parseCredentials('Bearer')), undefined)
  t.equal(readToken(parseCredentials('Basic dTpw')), undefined)
})

t.test('parameters in place of a token: they are malformed (R-BEARER-7)', async t => {
  t.throws(() => readToken(parseCredentials('Bearer token="x"')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
})

t.test('a challenge: each parameter comes once, in the order of the RFC (R-BEARER-2, SR-5)', async t => {
  t.equal(text(), 'Bearer realm="gw"')
  t.equal(text(undefined, 'egress'), 'Bearer realm="gw", scope="egress"')
  t.equal(
    text({ error: 'insufficient_scope', description: 'needs egress', scope: ['egress', 'admin'], uri: 'https://idp.test/help#scope' }, 'other'),
    'Bearer realm="gw", scope="egress admin", error="insufficient_scope", error_description="needs egress", ' +
    'error_uri="https://idp.test/help#scope"'
  )
})

t.test('a verifier that gives chars that may not be sent: they never are (R-BEARER-5, R-SEC-5)', async t => {
  t.equal(
    text({ error: 'invalid_token', description: 'bad "quoted" token\r\nSet-Cookie: x \\ é' }),
    'Bearer realm="gw", error="invalid_token", error_description="bad \'quoted\' token??Set-Cookie: x ? ?"'
  )
  t.equal(text({ error: 'a"b\n' as 'invalid_token' }), 'Bearer realm="gw", error="a\'b?"')
  t.equal(text({ error: 'invalid_token', uri: 'https://idp.test/a b' }), 'Bearer realm="gw", error="invalid_token"')
  t.equal(text({ error: 'invalid_token', uri: '' }), 'Bearer realm="gw", error="invalid_token"')
  t.equal(text({ error: 'invalid_token', scope: 'a"b \r\n' }, 'egress'), 'Bearer realm="gw", error="invalid_token"')
  t.equal(
    text({ error: 'invalid_token', uri: 7 as unknown as string, description: {} as string }),
    'Bearer realm="gw", error="invalid_token"'
  )
})

t.test('a description that is too long: it is cut off', async t => {
  const { params } = bearerChallenge('gw', '', { error: 'invalid_token', description: 'x'.repeat(1000) })
  t.equal(params?.error_description, 'x'.repeat(200))
})

t.test('a scope: it is written as a list of tokens, without what is no token (R-BEARER-5, R-BEARER-8)', async t => {
  t.equal(formatScope('  a  B '), 'a B')
  t.equal(formatScope(['a', '', 'b c', 'd\\', 'é', 'e']), 'a e')
  t.equal(formatScope('proxy:connect https://idp.test/scope'), 'proxy:connect https://idp.test/scope')
})
