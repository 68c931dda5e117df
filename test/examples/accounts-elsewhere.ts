// The examples whose accounts are kept by another server, by what their comments say to paste.
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SignJWT, exportJWK } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { closedPort } from '../fixtures/closed-port.js'
import { startExample } from '../fixtures/example.js'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'

const { skip } = curl
const GOOD = { status: '200', body: 'origin' }
/** The same through a tunnel. */
const tunnelled = (line: string) => line.replace('curl ', 'curl -p ')

t.test('ldap.mjs: the group is let through, others are 403, and a verdict outlives the directory', { skip: skip || slapd.skip }, async t => {
  const target = await origin(t)
  const { url, bindDN, bindCredentials, searchBase, stop } = await startSlapd(t, { alice: 'alice-secret', bob: 'bob-secret' }, { proxy: ['alice'] })
  const env = { LDAP_URL: url, LDAP_BASE: searchBase, LDAP_READER: bindDN, LDAP_PASSWORD: bindCredentials, LDAP_NAME: 'cn', SPECIAL: target.authority }
  const { lines: [line] } = await startExample(t, 'ldap', { env, target: target.url })
  for (const each of [line!, tunnelled(line!)]) {
    t.same(await paste(t, each), GOOD)
    for (const wrong of ['alice:wrong', 'alice:', 'carol:alice-secret', '*:alice-secret', 'proxy:alice-secret']) {
      t.equal((await paste(t, each.replace('alice:alice-secret', wrong))).status, '407', wrong)
    }
    t.equal((await paste(t, each.replaceAll('alice', 'bob'))).status, '403')
  }
  t.equal(target.seen.length, 2)
  await stop()
  t.same(await paste(t, line!), GOOD)
  t.equal((await paste(t, line!.replace('alice-secret', 'another'))).status, '503')
})

t.test('ldap.mjs, a wrong password of its own: it is a fault of the gateway, and no refusal of the user', { skip: skip || slapd.skip }, async t => {
  const { url, bindDN, searchBase } = await startSlapd(t, { alice: 'alice-secret' })
  const env = { LDAP_URL: url, LDAP_BASE: searchBase, LDAP_READER: bindDN, LDAP_PASSWORD: 'wrong', LDAP_NAME: 'cn' }
  const { lines: [line] } = await startExample(t, 'ldap', { env })
  t.equal((await paste(t, line!)).status, '503')
})

interface Provider {
  readonly env: Record<string, string>
  /** Signs a token for alice, that is good unless `claims` or `header` say otherwise. */
  token (claims?: object, options?: { readonly header?: object, readonly key?: KeyObject }): Promise<string>
}

/** An identity provider on loopback, with one key. */
async function startProvider (t: Test): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwks = JSON.stringify({ keys: [{ ...await exportJWK(publicKey), kid: 'first', use: 'sig' }] })
  const { url } = await origin(t, (_request, response) => { response.setHeader('content-type', 'application/json').end(jwks) })
  const now = Math.floor(Date.now() / 1000)
  return {
    env: { ISSUER: url, JWKS: `${url}/keys` },
    token: async (claims = {}, { header = {}, key = privateKey } = {}) =>
      await new SignJWT({ iss: url, aud: 'egress', sub: 'alice', exp: now + 600, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'first', ...header }).sign(key)
  }
}

t.test('jwks.mjs: a token is good as Bearer and as the password of Basic, and names its user', { skip }, async t => {
  const target = await origin(t)
  const { env, token } = await startProvider(t)
  const { lines, said } = await startExample(t, 'jwks', { env: { ...env, SPECIAL: target.authority }, target: target.url })
  const TOKEN = await token()
  for (const [line, scheme] of [[lines[0]!, 'Bearer'], [lines[1]!, 'Basic']] as const) {
    for (const each of [line, tunnelled(line)]) t.same(await paste(t, each, '.', { TOKEN }), GOOD)
    await said(new RegExp(`"proxy":\\{[^}]*"user":"alice","scheme":"${scheme}",[^}]*"method":"CONNECT"`))
  }
  for (const { headers } of target.seen) t.notOk('proxy-authorization' in headers)
})

t.test('jwks.mjs: a token that is not for the gateway is refused, and reaches no target', { skip }, async t => {
  const target = await origin(t)
  const { env, token } = await startProvider(t)
  const { lines } = await startExample(t, 'jwks', { env: { ...env, SPECIAL: target.authority }, target: target.url })
  const strangers = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const wrong = {
    'for another audience': await token({ aud: 'origin' }),
    'of another issuer': await token({ iss: 'https://elsewhere.example' }),
    expired: await token({ exp: 1 }),
    'that never expires': await token({ exp: undefined }),
    'of nobody': await token({ sub: undefined }),
    'signed by a stranger': await token({}, { key: strangers }),
    'with a key that is unknown': await token({}, { key: strangers, header: { kid: 'other' } }),
    unsigned: `${(await token({}, { header: { typ: 'JWT' } })).replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString('base64url')).replace(/[^.]+$/, '')}`,
    'that is none': 'alice-secret'
  }
  for (const [name, TOKEN] of Object.entries(wrong)) {
    for (const line of lines) t.equal((await paste(t, tunnelled(line), '.', { TOKEN })).status, '407', name)
  }
  t.equal(target.connections, 0)
})

t.test('jwks.mjs, an identity provider that is away: 503, which leaves the client its token', { skip }, async t => {
  const { token } = await startProvider(t)
  const away = `http://127.0.0.1:${await closedPort()}`
  const { lines } = await startExample(t, 'jwks', { env: { ISSUER: away, JWKS: away } })
  const TOKEN = await token()
  for (const line of lines) t.equal((await paste(t, line, '.', { TOKEN })).status, '503')
})
