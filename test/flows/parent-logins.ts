// The logins for parents, at proxies that others have made: each leg on a connection as the parent keeps it.
import { chmodSync, chownSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { NegotiateStrategy } from '../../lib/index.js'
import type { ParentCredentials } from '../../lib/policy/parent/credentials.js'
import { createLogins } from '../../lib/proxy/parent/login/logins.js'
import type { Login, LoginRequest } from '../../lib/proxy/parent/login/login.js'
import type { ProxyIdentity } from '../../lib/types.js'
import { gateway } from '../fixtures/gateway.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import { origin } from '../fixtures/origin.js'
import { askFor, credentialsOf, logIn, parentWith } from '../fixtures/parent-login.js'
import type { LoggedIn } from '../fixtures/parent-login.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { squid, startSquid } from '../fixtures/squid.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { winbind, winbindSkip } from '../fixtures/winbind.js'

const USER = { username: 'gateway', password: 'gateway-secret' }
const ALICE: ProxyIdentity = { user: { username: 'alice' }, name: 'alice', info: undefined, scheme: 'Basic', realm: 'Gateway' }
const NOBODY = 65534
const negotiateHelper = peer('negotiate_kerberos_auth')

const accountOf = async (credentials: ParentCredentials, host = 'localhost'): Promise<Login> =>
  await createLogins(parentWith(credentials, { host })).find(ALICE, undefined)

/** A tunnel and a request in absolute-form, to origins of this test. */
async function requests (t: Test): Promise<{ tunnel: LoginRequest, get: LoginRequest }> {
  const { authority } = await tcpOrigin(t)
  const target = await origin(t)
  return {
    tunnel: askFor({ uri: authority, authority }),
    get: askFor({ method: 'GET', uri: `${target.url}/`, authority: target.authority })
  }
}

/** Each request on a connection of its own. */
const asker = (t: Test, port: number, login: Login) => async (request: LoginRequest): Promise<LoggedIn> =>
  await logIn(await RawClient.to(t, port), login, request)

t.test('Squid with Basic: one leg', { skip: squid.skip }, async t => {
  const port = await startSquid(t, 'Squid', USER, { schemes: ['basic'] })
  const { tunnel, get } = await requests(t)
  const ask = asker(t, port, await accountOf({ scheme: 'Basic', ...USER }))
  for (const request of [tunnel, get]) t.match(await ask(request), { status: 200, sent: { length: 1 } })
  const wrong = asker(t, port, await accountOf({ scheme: 'Basic', ...USER, password: 'wrong' }))
  t.match(await wrong(tunnel), { status: 407, sent: { length: 1 } })
})

t.test('Squid with Digest: a nonce as often as Squid lets it, then the next, alone and many at once', { skip: squid.skip }, async t => {
  const port = await startSquid(t, 'Squid', USER)
  const { tunnel, get } = await requests(t)
  const ask = asker(t, port, await accountOf({ scheme: 'Digest', ...USER }))
  const legs: number[] = []
  for (let i = 0; i < 12; i++) {
    const { status, sent } = await ask(i % 2 === 0 ? tunnel : get)
    t.equal(status, 200)
    legs.push(sent.length)
  }
  t.equal(legs[0], 2)
  t.ok(legs.filter(each => each === 1).length >= 6, legs.join())
  const together = await Promise.all(Array.from({ length: 30 }, async (_each, i) => await ask(i % 2 === 0 ? tunnel : get)))
  for (const { status, sent } of together) t.match([status, sent.length <= 3], [200, true])
  const wrong = asker(t, port, await accountOf({ scheme: 'Digest', ...USER, password: 'wrong' }))
  t.match(await wrong(tunnel), { status: 407, sent: { length: 2 } })
})

t.test('Squid with NTLM by Samba: a handshake for each connection, which then needs no more', { skip: squid.skip || winbindSkip }, async t => {
  const samba = await winbind(t)
  // The helper runs as Squid does, and asks what only those may ask who can come into this folder.
  const folder = dirname(samba.ntlmAuth)
  if (process.getuid?.() === 0) chownSync(join(folder, 'state/winbindd_privileged'), 0, NOBODY)
  chmodSync(join(folder, 'state'), 0o755)
  const port = await startSquid(t, 'Squid', USER, { schemes: [`auth_param ntlm program ${samba.ntlmAuth} --helper-protocol=squid-2.5-ntlmssp`] })
  const { tunnel, get } = await requests(t)
  const login = await accountOf({ scheme: 'NTLM', username: 'alice', password: 'alice-secret', domain: samba.domain })
  const ask = asker(t, port, login)
  t.match(await ask(tunnel), { status: 200, sent: { length: 3 } })
  t.match(await ask(tunnel), { status: 200, sent: { length: 2 } })
  const client = await RawClient.to(t, port)
  t.match(await logIn(client, login, get), { status: 200, sent: { length: 2 } })
  t.match(await client.send(`GET ${get.uri} HTTP/1.1\r\nHost: ${get.authority}\r\n\r\n`).answer(), /^HTTP\/1.1 200 /)
  const wrong = asker(t, port, await accountOf({ scheme: 'NTLM', username: 'alice', password: 'wrong', domain: samba.domain }))
  t.match(await wrong(tunnel), { status: 407, sent: { length: 3 } })
})

t.test('Negotiate with Kerberos: tickets are taken, and proof of the parent is checked', { skip: kerberos.skip }, async t => {
  const realm = await kdc(t)
  Object.assign(process.env, realm.env, { KRB5CCNAME: realm.cache('alice') })
  const { tunnel, get } = await requests(t)

  await t.test('a gateway of ours: a ticket for each connection, and it proves itself', async t => {
    const { port, proxied } = await gateway(t, { strategies: [new NegotiateStrategy({ service: 'HTTP/localhost' })], connectionBound: true })
    const login = await accountOf({ scheme: 'Negotiate', mutual: true })
    const ask = asker(t, port, login)
    t.match(await ask(tunnel), { status: 200, sent: { length: 2 } })
    t.match(await ask(get), { status: 200, sent: { length: 1 } })
    t.ok(proxied().every(({ user }) => user === 'alice'))
  })

  await t.test('a principal and a service by name: are what is used', async t => {
    const { port } = await gateway(t, { strategies: [new NegotiateStrategy({ service: 'HTTP/127.0.0.1' })], connectionBound: true })
    const login = await accountOf({ scheme: 'Negotiate', service: 'HTTP@127.0.0.1', principal: 'alice@TEST.LOCAL' })
    t.match(await asker(t, port, login)(tunnel), { status: 200 })
  })

  await t.test('a ticket for another service: is refused', async t => {
    const { port } = await gateway(t, { strategies: [new NegotiateStrategy({ service: 'HTTP/localhost' })], connectionBound: true })
    t.match(await asker(t, port, await accountOf({ scheme: 'Negotiate' }, '127.0.0.1'))(tunnel), { status: 407, sent: { length: 2 } })
  })

  await t.test('no ticket for that principal, and a service that the realm does not know: there are no credentials', async t => {
    const failed = { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', cause: Error }
    for (const more of [{ principal: 'bob@TEST.LOCAL' }, { service: 'HTTP@unknown.test' }]) {
      const login = await accountOf({ scheme: 'Negotiate', ...more })
      await t.rejects(async () => await login.attempt(tunnel).next(['Negotiate']), failed)
    }
  })

  await t.test('a false parent: what it sends to prove itself is refused', async t => {
    const login = await accountOf({ scheme: 'Negotiate' })
    const tokens = [
      'oQcwBaADCgEA', // SPNEGO: accepted and complete, without a token of Kerberos
      'oRQwEqADCgEAoQsGCSqGSIb3EgECAg==', // and with the mechanism
      'oQcwBaADCgEC', // rejected
      'YIGbBgkqhkiG9xIBAgIAAAA='
    ]
    for (const token of tokens) {
      const attempt = login.attempt(tunnel)
      t.match(credentialsOf(await attempt.next(['Negotiate'])), /^Negotiate YI/)
      await t.rejects(async () => await attempt.succeeded([], [`Negotiate ${token}`]), { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN' }, token)
    }
    // What was said to one context proves nothing to another.
    const [one, other] = [await kerberos.library.initializeServer(''), login.attempt(tunnel)]
    const first = credentialsOf(await login.attempt(tunnel).next(['Negotiate']))!
    await one.step(first.slice('Negotiate '.length))
    await other.next(['Negotiate'])
    await t.rejects(async () => await other.succeeded([], [`Negotiate ${one.response!}`]), { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN' })
  })

  await t.test('Squid: takes the ticket, and proves nothing', { skip: squid.skip || negotiateHelper.skip }, async t => {
    // The helper runs as Squid does: it reads the keytab, and writes no cache of replays.
    for (const [path, mode] of [[realm.folder, 0o755], [realm.keytab, 0o644]] as const) chmodSync(path, mode)
    process.env['KRB5RCACHENAME'] = 'none:'
    const port = await startSquid(t, 'Squid', USER, { schemes: [`auth_param negotiate program ${negotiateHelper.path} -k ${realm.keytab} -s HTTP/localhost -t none`] })
    const login = await accountOf({ scheme: 'Negotiate' })
    const ask = asker(t, port, login)
    t.match(await ask(tunnel), { status: 200, sent: { length: 2 } })
    t.match(await ask(get), { status: 200, sent: { length: 1 } })
    const strict = asker(t, port, await accountOf({ scheme: 'Negotiate', mutual: true }))
    await t.rejects(async () => await strict(tunnel), { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN' })
  })
})
