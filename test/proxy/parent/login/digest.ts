import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, MemoryStore, lookupStatic } from '../../../../lib/index.js'
import type { DigestOptions } from '../../../../lib/index.js'
import { formatAuthenticationInfo } from '../../../../lib/fields/authentication-info.js'
import { formatChallenge } from '../../../../lib/fields/challenge.js'
import { parseCredentials } from '../../../../lib/fields/credentials.js'
import { DigestLogin } from '../../../../lib/proxy/parent/login/digest.js'
import type { LoginAttempt, LoginFields } from '../../../../lib/proxy/parent/login/login.js'
import { findDigestAlgorithm } from '../../../../lib/schemes/digest/algorithm.js'
import { computeHa1, computeKey, computeResponse } from '../../../../lib/schemes/digest/response.js'
import type { ParentDigestCredentials } from '../../../../lib/policy/parent/credentials.js'
import { gateway } from '../../../fixtures/gateway.js'
import { askFor, credentialsOf, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'

const UNPROVEN = { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN' }
const login = (more: Partial<ParentDigestCredentials> = {}) =>
  new DigestLogin({ scheme: 'Digest', username: 'gateway', password: 'secret', ...more })
const challenge = (nonce: string, more: Record<string, string> = {}) =>
  formatChallenge({ scheme: 'Digest', params: { realm: 'Parent', qop: 'auth', algorithm: 'SHA-256', nonce, ...more } })
const paramsOf = (fields: LoginFields | null) => ({ ...parseCredentials(credentialsOf(fields)!).params })
/** Nonce and count of what was sent. */
const countOf = (fields: LoginFields | null) => { const { nonce, nc } = paramsOf(fields); return `${nonce} ${nc}` }

/** What a parent that knows the password says of a response. */
function infoFor (fields: LoginFields | null, { password = 'secret', ...more }: Record<string, string> = {}): string[] {
  const { realm, nonce, uri, cnonce, nc, qop, algorithm: name } = paramsOf(fields) as Record<string, string>
  const algorithm = findDigestAlgorithm(name)!
  const key = computeKey(algorithm, computeHa1(algorithm, 'gateway', realm!, password), nonce!, cnonce!)
  const rspauth = computeResponse(algorithm, key, { method: '', uri: uri!, nonce: nonce!, qop, nc, cnonce })
  return [formatAuthenticationInfo({ rspauth, cnonce: cnonce!, nc: nc!, qop: qop!, ...more })]
}

/** An attempt that was let in with this challenge, which is remembered then. */
async function succeed (account: DigestLogin, nonce = 'n1', more?: Record<string, string>): Promise<LoginFields> {
  const attempt = account.attempt(askFor())
  t.equal(await attempt.first(), null)
  const fields = await attempt.next([challenge(nonce, more)])
  await attempt.succeeded(infoFor(fields), [])
  return fields!
}

t.test('no challenge yet: nothing goes unasked, and content has to wait', async t => {
  const account = login()
  const attempt = account.attempt(askFor())
  t.equal(await attempt.first(), null)
  t.match([account.ready, attempt.ready], [false, false])
  await attempt.next([challenge('n1')])
  t.match([account.ready, attempt.ready], [false, true])
  await attempt.succeeded([], [])
  t.equal(account.ready, true)
  t.match(account, { scheme: 'Digest', account: /^gateway#\d+$/, bindsConnection: false })
})

t.test('a challenge that was answered with success: it is answered again unasked, each count once', async t => {
  const account = login()
  await succeed(account)
  const attempts = Array.from({ length: 50 }, () => account.attempt(askFor()))
  const sent = await Promise.all(attempts.map(async each => paramsOf(await each.first())))
  t.strictSame(sent.map(({ nc }) => parseInt(nc!, 16)), attempts.map((_each, i) => i + 2))
  t.equal(new Set(sent.map(({ cnonce }) => cnonce)).size, 50)
  t.ok(sent.every(({ nonce }) => nonce === 'n1'))
})

t.test('a challenge of a -sess algorithm: its later answers have the cnonce of the first, which is part of the key', async t => {
  const account = login()
  const { cnonce } = paramsOf(await succeed(account, 'n1', { algorithm: 'SHA-256-sess' }))
  const again = paramsOf(await account.attempt(askFor()).first())
  t.match(again, { nc: '00000002', cnonce })
})

t.test('requests that are asked at the same time: each answers its own challenge, and the first to succeed is remembered', async t => {
  const account = login()
  const [one, other] = [account.attempt(askFor()), account.attempt(askFor())]
  t.equal(countOf(await one.next([challenge('n1')])), 'n1 00000001')
  t.equal(countOf(await other.next([challenge('n2')])), 'n2 00000001')
  await other.succeeded([], [])
  await one.succeeded([], [])
  t.equal(countOf(await account.attempt(askFor()).first()), 'n2 00000002')
})

t.test('a remembered challenge that is refused: it is forgotten, and the new one is answered', async t => {
  for (const stale of [{ stale: 'TRUE' }, {} as Record<string, string>]) {
    const account = login()
    await succeed(account)
    const attempt = account.attempt(askFor())
    await attempt.first()
    t.equal(countOf(await attempt.next([challenge('n2', stale)])), 'n2 00000001')
    t.equal(account.ready, false)
    await attempt.succeeded([], [])
    t.equal(countOf(await account.attempt(askFor()).first()), 'n2 00000002')
  }
})

t.test('a late refusal of an old challenge: the new one stays', async t => {
  const account = login()
  await succeed(account)
  const [slow, quick] = [account.attempt(askFor()), account.attempt(askFor())]
  await slow.first()
  await quick.first()
  await quick.next([challenge('n2', { stale: 'true' })])
  await quick.succeeded([], [])
  t.equal(countOf(await slow.next([challenge('n3', { stale: 'true' })])), 'n3 00000001')
  t.equal(countOf(await account.attempt(askFor()).first()), 'n2 00000002')
})

t.test('an answer to a challenge of the same request that is refused: stale is answered once, anything else is final', async t => {
  const wrong = login().attempt(askFor())
  await wrong.next([challenge('n1')])
  t.equal(await wrong.next([challenge('n2')]), null)
  const stale = login().attempt(askFor())
  await stale.next([challenge('n1')])
  t.equal(countOf(await stale.next([challenge('n2', { stale: 'true' })])), 'n2 00000001')
  t.equal(await stale.next([challenge('n3', { stale: 'true' })]), null)
  t.equal(stale.ready, true)
})

t.test('a parent whose challenge changes each time, for ever: the attempt ends', async t => {
  const account = login()
  await succeed(account)
  const attempt = account.attempt(askFor())
  let legs = 0
  for (let fields = await attempt.first(); fields !== null; fields = await attempt.next([challenge(`x${legs}`, { stale: 'true' })])) legs += 1
  t.equal(legs, 3)
})

t.test('several challenges, five on one line among them: the strongest that may be used is answered', async t => {
  const line = ['MD5', 'SHA-256', 'SHA-512-256', 'MD5-sess', 'unknown'].map(algorithm => challenge(algorithm, { algorithm })).join(', ')
  t.match(paramsOf(await login().attempt(askFor()).next(['NTLM', line])), { algorithm: 'SHA-512-256' })
  t.match(paramsOf(await login({ algorithms: ['MD5', 'SHA-256'] }).attempt(askFor()).next([line])), { algorithm: 'SHA-256' })
  t.equal(await login({ algorithms: ['SHA-256-sess'] }).attempt(askFor()).next([line]), null)
})

t.test('challenges that cannot be answered: the parent has refused', async t => {
  for (const lines of [
    [], [''], ['Basic realm="x"'], ['Digest'], ['Digest realm="x"'], ['Digest realm="x'], ['Digest TlRM'], [challenge('n1', { qop: 'other' })],
    [challenge('n1', { algorithm: 'SHA-3' })], ['Digest realm="\u0001", nonce="x"']
  ]) t.equal(await login().attempt(askFor()).next(lines), null, lines[0] ?? 'none')
})

t.test('a challenge with a char that cannot be sent back: the parent has refused', async t => {
  const account = login()
  account.shared = { challenge: { scheme: 'Digest', params: { realm: 'x', nonce: 'n\n' } }, cnonce: 'c', count: 0 }
  const attempt = account.attempt(askFor())
  t.equal(await attempt.first(), null)
  t.equal(account.ready, false, 'and it is forgotten')
})

t.test('a challenge that covers content: it is answered for requests without any', async t => {
  const only = challenge('n1', { qop: 'auth-int' })
  t.match(paramsOf(await login().attempt(askFor()).next([only])), { qop: 'auth-int' })
  t.equal(await login().attempt(askFor({ content: true })).next([only]), null)
  const both = [challenge('n2', { qop: 'auth-int', algorithm: 'SHA-512-256' }), challenge('n3', { qop: 'auth-int , auth' }), 'Digest realm="x", nonce="n4"']
  t.match(paramsOf(await login().attempt(askFor({ content: true })).next(both)), { nonce: 'n3', qop: 'auth' })
  t.match(paramsOf(await login().attempt(askFor({ content: true })).next(both.slice(2))), { nonce: 'n4' })
})

t.test('a nonce for the next request: it is used from then on, from its first count', async t => {
  const account = login()
  await succeed(account)
  const attempt = account.attempt(askFor())
  const fields = await attempt.first()
  await attempt.succeeded(infoFor(fields, { nextnonce: 'n2' }), [])
  t.equal(countOf(await account.attempt(askFor()).first()), 'n2 00000001')
  t.equal(countOf(await account.attempt(askFor()).first()), 'n2 00000002')
})

t.test('rspauth: what becomes of a wrong or absent one, the policy says', async t => {
  const outcome = async (rspauth: ParentDigestCredentials['rspauth'], infoOf: (fields: LoginFields | null) => string[]): Promise<string> => {
    const account = login(rspauth === undefined ? {} : { rspauth })
    const attempt: LoginAttempt = account.attempt(askFor())
    const fields = await attempt.next([challenge('n1')])
    const failed = await (async () => await attempt.succeeded(infoOf(fields), []))().then(() => undefined, (error: Error) => error)
    if (failed !== undefined) t.match(failed, UNPROVEN)
    t.equal(account.ready, failed === undefined, 'a challenge of a parent that did not prove itself is forgotten')
    return failed === undefined ? 'taken' : 'refused'
  }
  const right = infoFor
  const wrong = (fields: LoginFields | null) => infoFor(fields, { password: 'other' })
  const replayed = (fields: LoginFields | null) => infoFor(fields, { nc: '00000009' })
  const malformed = () => ['rspauth="']
  const absent = () => []
  const overContent = (fields: LoginFields | null) => infoFor(fields, { qop: 'auth-int' })
  const rows = { right, wrong, replayed, malformed, absent, overContent }
  const table: Record<string, Record<string, string>> = {}
  for (const policy of [undefined, 'refuse', 'require', 'ignore'] as const) {
    table[String(policy)] = Object.fromEntries(await Promise.all(Object.entries(rows).map(async ([name, infoOf]) => [name, await outcome(policy, infoOf)])))
  }
  const refuse = { right: 'taken', wrong: 'refused', replayed: 'refused', malformed: 'refused', absent: 'taken', overContent: 'taken' }
  t.strictSame(table, {
    undefined: refuse,
    refuse,
    require: { right: 'taken', wrong: 'refused', replayed: 'refused', malformed: 'refused', absent: 'refused', overContent: 'refused' },
    ignore: { right: 'taken', wrong: 'taken', replayed: 'taken', malformed: 'taken', absent: 'taken', overContent: 'taken' }
  })
})

t.test('a parent that does not prove itself when a remembered challenge was answered: that is forgotten', async t => {
  const account = login()
  await succeed(account)
  const attempt = account.attempt(askFor())
  const fields = await attempt.first()
  t.throws(() => attempt.succeeded(infoFor(fields, { password: 'other', nextnonce: 'n2' }), []), UNPROVEN)
  t.equal(account.ready, false)
})

t.test('a parent that asks for nothing: proves nothing', async t => {
  const attempt = login({ rspauth: 'require' }).attempt(askFor())
  await attempt.first()
  t.throws(() => attempt.succeeded([], []), UNPROVEN)
  const other = login()
  const indifferent = other.attempt(askFor())
  await indifferent.first()
  t.equal(await indifferent.succeeded([], []), undefined)
  t.equal(other.ready, false)
})

/** A gateway of ours as the parent, and a way to log in to it on a new connection. */
async function parent (t: Test, options: Partial<DigestOptions> = {}, credentials: Partial<ParentDigestCredentials> = {}) {
  const { authority } = await tcpOrigin(t)
  const { lookup } = lookupStatic({ gateway: 'secret' })
  const { port } = await gateway(t, { strategies: [new DigestStrategy({ lookup, store: new MemoryStore(), ...options })] })
  const account = login({ rspauth: 'require', ...credentials })
  return async () => await logIn(await RawClient.to(t, port), account, askFor({ uri: authority, authority }))
}

for (const algorithm of ['MD5', 'SHA-256', 'SHA-512-256', 'MD5-sess', 'SHA-256-sess', 'SHA-512-256-sess'] as const) {
  t.test(`${algorithm} at a gateway of ours: one challenge does for many requests, and the gateway proves itself`, async t => {
    const ask = await parent(t, { algorithms: [algorithm] })
    const first = await ask()
    t.match(first, { status: 200, sent: [null, /^Digest /] })
    const more = await Promise.all([ask(), ask(), ask()])
    for (const { status, sent } of more) t.match([status, sent.length], [200, 1])
  })
}

t.test('a nonce of a gateway of ours that has ended: the next one is taken within the request', async t => {
  let now = Date.now()
  const ask = await parent(t, { clock: () => now, nonceLifetime: 60_000 })
  t.equal((await ask()).status, 200)
  now += 61_000
  t.match(await ask(), { status: 200, sent: [/^Digest /, /^Digest /] })
  now += 50_000 // the last quarter: the response has the next nonce
  t.equal((await ask()).sent.length, 1)
  now += 50_000
  t.match(await ask(), { status: 200, sent: { length: 1 } })
})

t.test('a gateway of ours that takes each nonce once: the next one comes with each response, and requests at once get their own', async t => {
  const ask = await parent(t, { oneTimeNonces: true })
  t.match(await ask(), { status: 200, sent: { length: 2 } })
  for (let i = 0; i < 3; i++) t.match(await ask(), { status: 200, sent: { length: 1 } })
  const together = await Promise.all(Array.from({ length: 10 }, ask))
  for (const { status, sent } of together) t.match([status, sent.length <= 2], [200, true])
})

t.test('a wrong password at a gateway of ours: is refused after one answer', async t => {
  const ask = await parent(t, {}, { password: 'wrong' })
  const { status, sent } = await ask()
  t.match([status, sent.length], [407, 2])
})
