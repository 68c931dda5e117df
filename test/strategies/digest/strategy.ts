import { createHash, createSecretKey } from 'node:crypto'
import t from 'tap'
import fc from 'fast-check'
import type { Challenge } from '../../../lib/fields/challenge.js'
import { formatCredentials } from '../../../lib/fields/credentials.js'
import { createChain } from '../../../lib/passport/create-chain.js'
import { readDeclaration } from '../../../lib/passport/declaration.js'
import type { Verdict } from '../../../lib/passport/outcome.js'
import { DIGEST_ALGORITHMS } from '../../../lib/schemes/digest/algorithm.js'
import type { DigestAlgorithmName } from '../../../lib/schemes/digest/algorithm.js'
import { answerDigestChallenge } from '../../../lib/schemes/digest/client.js'
import { computeHa1, computeResponse, computeUserhash } from '../../../lib/schemes/digest/response.js'
import { MemoryStore } from '../../../lib/store/memory.js'
import type { Claim } from '../../../lib/store/store.js'
import { BasicStrategy } from '../../../lib/strategies/basic.js'
import { DigestStrategy, readDigestUser } from '../../../lib/strategies/digest/strategy.js'
import type { DigestInfo } from '../../../lib/strategies/digest/strategy.js'
import type { DigestAccount, DigestOptions, DigestRefusal } from '../../../lib/strategies/digest/options.js'
import { lookupStatic } from '../../../lib/users/static.js'
import { attemptInput } from '../../fixtures/attempt.js'
import {
  DigestClient, algorithmOf, challengesIn, infoOf, isStale, judge, octets, paramsOf
} from '../../fixtures/digest.js'
import { LONG_TEXTS } from '../../fixtures/field-text.js'
import { fastifyPassportOrigin, passportOrigin } from '../../fixtures/passport-origin.js'
import { until } from '../../fixtures/until.js'

const USERS: Record<string, string> = { alice: 'alice-secret', bob: 'bob-secret', J\u00e4s\u00f8n: 'p\u00e4\u00a7s\u20ac', 'a"b\\c': 'p"w\\' }
const lookup = (username: string) => Object.hasOwn(USERS, username) ? { password: USERS[username]! } : null
const digest = (options: Partial<DigestOptions> = {}): DigestStrategy => new DigestStrategy({ lookup, ...options })
const clocked = (options: Partial<DigestOptions> = {}) => {
  const time = { now: Date.UTC(2026, 10, 21) }
  return { time, strategy: digest({ clock: () => time.now, ...options }) }
}
const lookupHash: DigestOptions['lookupHash'] = (userhash, realm, hash) => {
  const username = Object.keys(USERS).find((username) => computeUserhash(algorithmOf(hash), username, realm) === userhash)
  return username === undefined ? null : { username, password: USERS[username]! }
}
const ALL = DIGEST_ALGORITHMS.map(({ name }) => name)

t.test('the right password: the user is accepted, and rspauth proves that the server knows it (R-PAI-4, R-PAI-5, R-PAI-6, R-PAI-7, R-PAI-8, R-PAI-9, R-PAI-10, R-DIG-20)', async t => {
  for (const name of ALL) {
    const client = new DigestClient(digest({ algorithms: [name] }))
    for (const count of [1, 2, 10, 255]) {
      client.nc = count - 1
      const verdict = await client.send()
      t.match(verdict, { kind: 'accepted', user: { username: 'alice' }, info: { userId: 'alice' } })
      t.match(infoOf(verdict), new RegExp(`^qop=auth, rspauth="[0-9a-f]+", cnonce="c", nc=${count.toString(16).padStart(8, '0')}$`))
      t.same(client.answer.verify(infoOf(verdict)), { rspauth: 'right', qop: 'auth', next: undefined })
    }
  }
})

t.test('each challenge: has a nonce of its own, and several algorithms keep their order (R-DIG-4, R-CH-11, R-407-13)', async t => {
  const strategy = digest({ algorithms: ['SHA-256', 'MD5', 'SHA-512-256-sess'] })
  t.equal(strategy.fresh, true)
  const all = [...strategy.challenge({ realm: 'lab' }), ...challengesIn(await judge(strategy)), ...challengesIn(await judge(strategy))]
  t.same(all.slice(0, 3).map(({ params }) => params?.algorithm), ['SHA-256', 'MD5', 'SHA-512-256-sess'])
  t.equal(new Set(all.map(({ params }) => params?.nonce)).size, all.length)
  for (const { params } of all) {
    t.match(params, { realm: 'lab', qop: 'auth', opaque: /^[0-9a-f]{32}$/, charset: 'UTF-8', stale: undefined, userhash: undefined, domain: undefined })
  }
})

t.test('the options of the strategy: determine the parameters of the challenge (R-DIG-2, R-DIG-3, R-DIG-9, R-DIG-14, R-DIG-15, R-DIG-19)', async t => {
  const params = (options: Partial<DigestOptions>) => digest(options).challenge({ realm: 'lab' })[0]?.params
  t.match(params({ lookupHash }), { userhash: 'true' })
  t.match(params({ charset: false, opaque: '' }), { charset: undefined, opaque: undefined })
  t.match(params({ opaque: 'b3A=', qop: ['auth', 'auth-int'] }), { opaque: 'b3A=', qop: 'auth,auth-int' })
  t.equal(params({})?.opaque, params({})?.opaque, 'the same from every process')
  t.not(params({})?.opaque, digest().challenge({ realm: 'other' })[0]?.params?.opaque)
})

t.test('a wrong password and an unknown user: look the same, and no client is told to retry without asking (R-407-12, R-DIG-16)', async t => {
  const strategy = digest({ algorithms: ['SHA-256', 'MD5'] })
  const shapes = new Set<string>()
  for (const changed of [{ password: 'wrong' }, { username: 'nobody' }, { username: '' }, { username: '__proto__' }, { password: 'bob-secret' }]) {
    const verdict = await new DigestClient(strategy, changed).send()
    t.equal(isStale(verdict), false, JSON.stringify(changed))
    shapes.add((verdict as { challenge: string }).challenge.replace(/nonce="[^"]*"/g, ''))
  }
  t.equal(shapes.size, 1)
  for (const credentials of [undefined, 'Digest', 'Basic dTpw', 'Bearer x', 'Digests x']) {
    t.equal(isStale(await judge(strategy, credentials)), false, String(credentials))
  }
})

t.test('a lookup: may give a password or an HA1 of the wanted hash, now or later (R-DIG-44)', async t => {
  for (const name of ALL) {
    const asked: unknown[] = []
    const { hash } = algorithmOf(name)
    const account = (username: string): DigestAccount => ({ ha1: computeHa1(algorithmOf(hash), username, 'lab', 'alice-secret').toUpperCase() })
    for (const lookup of [account, async (username: string) => account(username)]) {
      const strategy = digest({ algorithms: [name], lookup: (...all) => { asked.push(all); return lookup(all[0]) } })
      t.match(await new DigestClient(strategy).send(), { kind: 'accepted' }, name)
    }
    t.same(asked, Array(2).fill(['alice', 'lab', hash]))
  }
  for (const no of [null, undefined, false] as const) {
    t.equal(isStale(await new DigestClient(digest({ lookup: () => no })).send()), false)
    t.equal(isStale(await new DigestClient(digest({ lookup: async () => no })).send()), false)
  }
})

t.test('an account with a user and info: determines the user, and adds to the info', async t => {
  const user = { id: 7 }
  const strategy = digest({ lookup: () => ({ password: 'alice-secret', user, info: { groups: ['staff'], userId: 'mallory', proxyAuthenticationInfo: {} } }) })
  const verdict = await new DigestClient(strategy).send()
  t.match(verdict, { kind: 'accepted', info: { userId: 'alice', groups: ['staff'], proxyAuthenticationInfo: { nc: '00000001' } } })
  t.equal((verdict as { user: unknown }).user, user)
})

t.test('a lookup that cannot tell: is an error, never a refusal (R-407-15)', async t => {
  const cause = new Error('the directory is away')
  const bad: Array<DigestOptions['lookup']> = [
    () => { throw cause }, async () => { throw cause }, () => ({}) as DigestAccount, async () => ({ ha1: 'x' }), () => 'alice-secret' as never,
    () => ({ ha1: 'ab'.repeat(16) })
  ]
  for (const lookup of bad) {
    t.match(await new DigestClient(digest({ lookup })).send(), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_STRATEGY_FAILED' } })
  }
})

t.test('a strategy with lookupHash: finds users by the hash of the name, and by the plain name (R-DIG-15, R-DIG-38, R-DIG-39)', async t => {
  for (const name of ALL) {
    const strategy = digest({ algorithms: [name], lookupHash })
    const hashed = new DigestClient(strategy, { username: 'J\u00e4s\u00f8n', password: 'p\u00e4\u00a7s\u20ac' })
    t.match(await hashed.send(), { kind: 'accepted', user: { username: 'J\u00e4s\u00f8n' }, info: { userId: 'J\u00e4s\u00f8n' } })
    t.match(hashed.answer.credentials, /userhash=true$/)
    const plain = new DigestClient(strategy)
    plain.challenges = strategy.challenge({ realm: 'lab' }).map(({ scheme, params }) => ({ scheme, params: { ...params, userhash: 'false' } }))
    t.match(await plain.send(), { kind: 'accepted' }, 'as Firefox and Java do')
  }
  t.equal(isStale(await new DigestClient(digest({ lookupHash }), { username: 'nobody' }).send()), false)
  t.equal(isStale(await new DigestClient(digest({ lookupHash }), { password: 'wrong' }).send()), false)
  const unnamed = digest({ lookupHash: () => ({ password: 'x' }) as never })
  t.match(await new DigestClient(unnamed).send(), { kind: 'broken' })
  const later = digest({ lookupHash: async (...all) => await lookupHash!(...all) })
  t.match(await new DigestClient(later).send(), { kind: 'accepted' })
})

t.test('names that are not ASCII: username*, raw UTF-8, escaped by curl (R-DIG-28, R-DIG-40, R-DIG-41, R-DIG-42)', async t => {
  const [username, password] = ['J\u00e4s\u00f8n', 'p\u00e4\u00a7s\u20ac']
  for (const lookedUp of [lookup, async (username: string) => lookup(username)]) {
    const client = new DigestClient(digest({ lookup: lookedUp }), { username, password })
    const resent = async (change: (name: string) => object): Promise<Verdict> => {
      const { 'username*': _, ...params } = paramsOf(await client.credentials())
      return await judge(client.strategy, formatCredentials({ scheme: 'Digest', params: { ...params, ...change(username) } }))
    }
    t.match(await client.send(), { info: { userId: username } })
    t.match(client.answer.credentials, /username\*=UTF-8''/)
    t.match(await resent((name) => ({ username: octets(name) })), { info: { userId: username } }, 'as Chromium does')
    t.match(await resent((name) => ({ username: encodeURIComponent(name) })), { info: { userId: username } }, 'as curl 8.22 does')
    t.match(await resent((name) => ({ username: octets(name.normalize('NFD')) })), { info: { userId: username } })
    t.match(await resent((name) => ({ username: octets(name, 'latin1') })), { kind: 'failed', status: 400 })
    t.equal(isStale(await resent(() => ({ username: 'J%C3%A4nX' }))), false, 'unknown either way')
  }
  const own = digest({ lookup: (name) => name === 'J%C3%A4' ? { password: 'alice-secret' } : null })
  t.match(await new DigestClient(own, { username: 'J%C3%A4' }).send(), { info: { userId: 'J%C3%A4' } }, 'a name may look like that')
})

t.test('a password: is hashed in form C where UTF-8 is announced, and as it is elsewhere (R-DIG-42)', async t => {
  for (const charset of [true, false]) {
    const strategy = digest({ charset, lookup: () => ({ password: 'cafe\u0301' }) })
    t.equal((await new DigestClient(strategy, { password: 'cafe\u0301' }).send()).kind, 'accepted', `charset ${charset}`)
    t.equal((await new DigestClient(strategy, { password: 'caf\u00e9' }).send()).kind, charset ? 'accepted' : 'failed')
  }
})

t.test('credentials in ISO-8859-1: are accepted by option only (R-DIG-40)', async t => {
  const password = 'p\u00e4\u00a7s'
  const strategy = digest({ latin1Fallback: true, lookup: () => ({ password }) })
  const client = new DigestClient(strategy)
  const { nonce = '', realm = '', ...params } = paramsOf(await client.credentials())
  const algorithm = algorithmOf('SHA-256')
  const key = computeHa1(algorithm, 'J\u00e4s\u00f8n', realm, password, 'latin1')
  const response = computeResponse(algorithm, key, { method: 'GET', uri: '/p?q=1', nonce, qop: 'auth', nc: '00000001', cnonce: 'c' })
  const credentials = formatCredentials({ scheme: 'Digest', params: { ...params, realm, nonce, response, username: 'J\u00e4s\u00f8n' } })
  t.match(await judge(strategy, credentials), { info: { userId: 'J\u00e4s\u00f8n' } })
  t.match(await judge(digest(), credentials), { status: 400 })
})

t.test('names and passwords with quotes and backslashes: are accepted (R-PARSE-3)', async t => {
  t.match(await new DigestClient(digest(), { username: 'a"b\\c', password: 'p"w\\' }, 'r "q" \\ end, x').send(), { info: { userId: 'a"b\\c' } })
})

t.test('credentials that do not match the challenge: are refused, and not as stale (R-DIG-6, R-DIG-13, R-DIG-29, R-DIG-30, R-DIG-31, R-REALM-3)', async t => {
  const refusals: DigestRefusal[] = []
  const strategy = digest({ onRefused: (refusal) => refusals.push(refusal), lookup: () => { throw new Error('not to be called') } })
  const params = paramsOf(await new DigestClient(strategy).credentials())
  const { qop, nc, cnonce, ...old } = params
  const { opaque, ...unclear } = params
  const changes: Array<[string, object]> = [
    ['algorithm', { ...params, algorithm: 'MD5', response: 'ab'.repeat(16) }], ['algorithm', { ...params, algorithm: 'SHA-256-sess' }],
    ['realm', { ...params, realm: 'Lab' }], ['opaque', { ...params, opaque: 'x' }], ['opaque', unclear], ['qop', { ...params, qop: 'auth-int' }],
    ['qop', old], ['userhash', { ...params, userhash: 'true', username: 'ab'.repeat(32) }]
  ]
  for (const [reason, changed] of changes) {
    const verdict = await judge(strategy, formatCredentials({ scheme: 'Digest', params: changed as typeof params }))
    t.equal(isStale(verdict), false)
    t.match(verdict, { note: { reason, userId: null, guess: false } }, 'nobody has looked at the response')
    t.same(refusals.pop(), { reason, username: null })
  }
})

t.test('uri: any: a uri that names another resource is taken (F-54)', async t => {
  for (const uri of ['/', 'http://other.test/p?q=1']) {
    t.match(await new DigestClient(digest({ uri: 'any' })).send({}, { uri }), { kind: 'accepted' }, uri)
  }
})

t.test('a uri that names another resource: the status is 400, and nothing is looked up (R-DIG-24, R-DIG-25)', async t => {
  const refusals: DigestRefusal[] = []
  const strategy = digest({ onRefused: (refusal) => refusals.push(refusal), lookup: () => { throw new Error('not to be called') } })
  const BAD = { kind: 'failed', status: 400, challenge: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' } }
  for (const uri of ['/p', '/P?q=1', '/p?q=%31', '*', 'http://other.test/p?q=1', '']) {
    t.match(await new DigestClient(strategy).send({}, { uri }), BAD, uri)
    t.same(refusals.pop(), { reason: 'uri', username: null })
  }
  const tunnel = { method: 'CONNECT', url: 'origin.test:443' }
  for (const uri of ['/', 'origin.test', 'other.test:443']) t.match(await new DigestClient(strategy).send(tunnel, { uri }), BAD, uri)
})

t.test('each form of request, with each spelling of its target: is hashed as it was signed (R-DIG-22, R-DIG-23, R-DIG-25)', async t => {
  const client = new DigestClient(digest())
  const send = async (method: string, url: string, uri: string, headers = {}): Promise<string> => (await client.send({ method, url, headers }, { uri })).kind
  t.equal(await send('GET', 'http://origin.test/p?q=1', 'http://origin.test/p?q=1'), 'accepted')
  t.equal(await send('GET', 'http://ORIGIN.test:80/p?q=1', 'HTTP://origin.test/p?q=1'), 'accepted')
  t.equal(await send('POST', 'http://origin.test/p?q=1', '/p?q=1'), 'accepted')
  t.equal(await send('CONNECT', 'origin.test:443', 'origin.test:443'), 'accepted')
  t.equal(await send('GET', '/p', '/p'), 'accepted')
  t.equal(await send('GET', '/p', 'http://gw.test/p', { host: 'gw.test' }), 'accepted')
  t.equal(await send('OPTIONS', '*', '*'), 'accepted')
  const socket = { encrypted: true } as never
  const strategy = digest()
  const over = async (uri: string): Promise<number | undefined> => {
    const credentials = await new DigestClient(strategy, { uri }).credentials()
    let status: number | undefined
    const attempt = Object.assign(Object.create(strategy) as DigestStrategy, { success: () => { status = 200 }, fail: (_: unknown, code = 407) => { status = code } })
    attempt.authenticate({ headers: { host: 'gw.test', authorization: credentials }, method: 'GET', url: '/p', originalUrl: '/mounted/p', socket }, { realm: 'lab' })
    return status
  }
  t.equal(await over('https://gw.test/mounted/p'), 200)
  t.equal(await over('http://gw.test/mounted/p'), 400, 'it came over TLS')
  t.equal(await over('/p'), 400, 'what a router has left of it')
})

t.test('credentials that were made for another method: are refused (R-DIG-22)', async t => {
  const strategy = digest()
  const credentials = await new DigestClient(strategy).credentials({ method: 'POST' })
  t.equal(isStale(await judge(strategy, credentials)), false)
})

t.test('our own rspauth, sent as a response: is refused (R-PAI-9)', async t => {
  const strategy = digest()
  const client = new DigestClient(strategy)
  const { rspauth = '' } = ((await client.send()) as { info: DigestInfo }).info.proxyAuthenticationInfo
  const credentials = formatCredentials({ scheme: 'Digest', params: { ...paramsOf(client.answer.credentials), response: rspauth } })
  for (const method of ['GET', 'POST']) t.equal(isStale(await judge(strategy, credentials, { method })), false)
  t.match(await judge(strategy, credentials, { method: '' }), { status: 400 })
  const statuses: unknown[] = []
  const attempt = Object.assign(Object.create(strategy) as DigestStrategy, { fail: (_: unknown, code: number) => statuses.push(code) })
  attempt.authenticate({ headers: { authorization: credentials } }, { realm: 'lab' })
  t.same(statuses, [400], 'a request without method and target')
})

t.test('a replay: is refused as stale; each nc counts once, in any order and with gaps (R-DIG-32, R-DIG-33, R-DIG-34)', async t => {
  const client = new DigestClient(digest())
  const first = await client.credentials()
  t.match(await judge(client.strategy, first), { kind: 'accepted' })
  t.equal(isStale(await judge(client.strategy, first)), true)
  for (const nc of [9, 3, 200, 2]) {
    const credentials = await client.credentials({ nc })
    t.match(await judge(client.strategy, credentials), { kind: 'accepted' })
    t.equal(isStale(await judge(client.strategy, credentials)), true)
  }
  t.match(await judge(client.strategy, await client.credentials({ nc: 0xffffffff })), { info: { proxyAuthenticationInfo: { nextnonce: String } } })
  t.equal(isStale(await judge(client.strategy, await client.credentials({ nc: 10 }))), true, 'out of the window')
})

t.test('200 at once over one nonce, through a slow store: all pass, each once (R-DIG-33, R-DIG-34, S8)', async t => {
  const memory = new MemoryStore()
  const waiting: Array<() => void> = []
  const store = {
    id: 'slow',
    async claim (...all: Parameters<MemoryStore['claim']>): Promise<Claim> {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return memory.claim(...all)
    }
  }
  const client = new DigestClient(digest({ store, lookup: async (username) => lookup(username) }))
  const numbers = Array.from({ length: 200 }, (_, n) => n + 1)
  const shuffled = [...numbers, ...numbers].sort((a, b) => (a * 7919) % 401 - (b * 7919) % 401)
  const verdicts: Array<Promise<Verdict>> = []
  for (const nc of shuffled) verdicts.push(judge(client.strategy, await client.credentials({ nc })))
  while (waiting.length < shuffled.length) await new Promise(setImmediate)
  while (waiting.length > 0) waiting.splice(Math.floor(waiting.length / 3), 1)[0]?.()
  const kinds = (await Promise.all(verdicts)).map((verdict) => verdict.kind === 'accepted' ? 'accepted' : isStale(verdict))
  t.same(kinds.filter((kind) => kind === 'accepted').length, 200)
  t.same(kinds.filter((kind) => kind === true).length, 200)
})

t.test('a client without the right password: uses up no counts and no room in the store (R-DIG-35)', async t => {
  const store = new MemoryStore()
  const client = new DigestClient(digest({ store }))
  t.equal(isStale(await client.send({}, { password: 'wrong', nc: 1 })), false)
  t.equal(isStale(await client.send({}, { username: 'nobody', nc: 1 })), false)
  t.equal(store.size, 0)
  t.match(await client.send({}, { nc: 1 }), { kind: 'accepted' })
})

t.test('one user begins with more nonces than there is room for, however the name is spelled: others find room', async t => {
  const store = new MemoryStore({ maxWindows: 8 })
  const strategy = digest({ store, lookup: username => lookup(username.toLowerCase()) })
  const kinds = async (...names: string[]) => await Promise.all(names.map(async username => {
    const verdict = await new DigestClient(strategy).send({}, { username, password: USERS[username.toLowerCase()]! })
    return verdict.kind === 'broken' ? verdict.cause : verdict.kind
  }))
  t.match(await kinds('bob', 'Bob', 'bob', 'BOB', 'bob'), ['accepted', 'accepted', 'accepted', 'accepted', { code: 'FST_PROXY_AUTH_STORE_FULL', statusCode: 503 }])
  t.same(await kinds('alice'), ['accepted'])
})

t.test('stale says that the response was right: an old nonce, one of before a restart, of another key, of another algorithm (R-DIG-6, R-DIG-8, R-DIG-16, R-DIG-37)', async t => {
  const { strategy, time } = clocked({ algorithms: ['SHA-256', 'MD5'] })
  const client = new DigestClient(strategy)
  const wrong = new DigestClient(strategy, { password: 'wrong' })
  t.match(await client.send(), { kind: 'accepted' })
  await wrong.send()
  time.now += 300_000
  const refused = await client.send()
  t.equal(isStale(refused), true)
  t.equal(isStale(await wrong.send()), false, 'the password is asked for again')
  t.match(await client.follow(challengesIn(refused)).send(), { kind: 'accepted' }, 'and goes on without asking anybody')

  const restarted = digest({ algorithms: ['SHA-256', 'MD5'] })
  t.equal(isStale(await judge(restarted, await client.credentials())), true)
  t.equal(isStale(await judge(restarted, await wrong.credentials())), false)

  const [sha256, md5] = challengesIn(await judge(strategy)) as [Challenge, Challenge]
  const switched = [{ scheme: 'Digest', params: { ...md5.params, nonce: sha256.params!.nonce! } }]
  t.equal(isStale(await new DigestClient(strategy).follow(switched).send()), true, 'a nonce of another algorithm (DGX-ALG-SWITCH)')
  const invented = [{ scheme: 'Digest', params: { ...md5.params, nonce: 'invented' } }]
  t.equal(isStale(await new DigestClient(strategy).follow(invented).send()), true)
})

t.test('a response that is wrong in a single digit: is refused (R-DIG-20)', async t => {
  const client = new DigestClient(digest())
  const params = paramsOf(await client.credentials())
  for (let at = 0; at < 64; at++) {
    const response = params.response!.slice(0, at) + (params.response![at] === 'f' ? 'e' : 'f') + params.response!.slice(at + 1)
    t.equal(isStale(await judge(client.strategy, formatCredentials({ scheme: 'Digest', params: { ...params, response } }))), false)
  }
  const upper = formatCredentials({ scheme: 'Digest', params: { ...params, response: params.response!.toUpperCase() } })
  t.match(await judge(client.strategy, upper), { kind: 'accepted' }, 'upper case is the same hash (DGX-RESPONSE-UPPER)')
})

t.test('each parameter left out, doubled or changed: 400 or a challenge, never in (R-DIG-26, R-CRED-5, S2)', async t => {
  const strategy = digest({ algorithms: ['SHA-256', 'MD5', 'SHA-256-sess'], qop: ['auth', 'auth-int'] })
  const credentials = await new DigestClient(strategy).credentials()
  const params = paramsOf(credentials)
  const outcome = async (text: string): Promise<number | string> => {
    const verdict = await judge(strategy, text)
    return verdict.kind === 'failed' ? verdict.status ?? 407 : verdict.kind
  }
  const expected: Record<string, [left: number | string, doubled: number, changed: number | string]> = {
    username: [400, 400, 407],
    realm: [400, 400, 407],
    nonce: [400, 400, 407],
    uri: [400, 400, 400],
    algorithm: [400, 400, 407],
    qop: [407, 400, 407],
    nc: [400, 400, 400],
    cnonce: [400, 400, 407],
    response: [400, 400, 400],
    opaque: [407, 400, 407]
  }
  t.same(Object.keys(expected).sort(), Object.keys(params).sort())
  for (const [name, [left, doubled, changed]] of Object.entries(expected)) {
    const { [name]: value = '', ...rest } = params
    const text = formatCredentials({ scheme: 'Digest', params: rest })
    t.equal(await outcome(text), left, `no ${name}`)
    t.equal(await outcome(`${credentials}, ${name}="${value}"`), doubled, `${name} twice`)
    t.equal(await outcome(`${text}, ${name}="${value}x"`), changed, `${name} changed`)
    t.equal(await outcome(`${text}, ${name}=`), 400)
    for (const junk of ['', '\\', '\\"', '\u00ff', '\t', '%00', '*']) {
      t.match(await outcome(`${text}, ${name}="${junk === '\\' ? '\\\\' : junk}"`), /^(400|407)$/, `${name} as ${JSON.stringify(junk)}`)
    }
    for (const control of ['\0', '\n', '\x7f']) t.equal(await outcome(`${text}, ${name}="${control}"`), 400)
    for (const long of LONG_TEXTS) {
      t.match(await outcome(`${text}, ${name}="${long.replace(/["\\]/g, '\\$&')}"`), /^(400|407)$/, `${name} of 64 KiB`)
    }
  }
  t.equal(await outcome(credentials), 'accepted', 'and none of that has used up the count')
})

t.test('malformed credentials: the status is 400, and no user is looked up (R-CRED-5, S7)', async t => {
  const strategy = digest({ lookup: () => { throw new Error('not to be called') } })
  for (const credentials of ['Digest =', 'Digest username', 'Digest dXNlcjpwYXNz', 'Digest "', 'Digest username="a" realm="b"', 'Digest ,', 'Digest a=b']) {
    t.match(await judge(strategy, credentials), { kind: 'failed', status: 400, challenge: { statusCode: 400 } }, credentials)
  }
})

t.test('credentials without qop: are accepted by option only, and get no parameters that need it (R-DIG-31)', async t => {
  const old = ({ scheme, params: { qop, ...params } = {} }: { scheme: string, params?: Record<string, string> }) => ({ scheme, params })
  for (const rfc2069 of [false, true]) {
    const strategy = digest({ rfc2069 })
    const client = new DigestClient(strategy).follow(strategy.challenge({ realm: 'lab' }).map(old))
    const verdict = await client.send()
    if (!rfc2069) t.equal(isStale(verdict), false)
    else {
      t.match(infoOf(verdict), /^rspauth="[0-9a-f]{64}"$/)
      t.equal(client.answer.verify(infoOf(verdict)).rspauth, 'right')
      t.match(await client.send(), { kind: 'accepted' }, 'the nonce has no counts')
    }
    t.match(strategy.challenge({ realm: 'lab' })[0]?.params, { qop: 'auth' }, 'qop is offered all the same (R-DIG-2)')
  }
  const once = digest({ rfc2069: true, oneTimeNonces: true })
  const client = new DigestClient(once).follow(once.challenge({ realm: 'lab' }).map(old))
  t.match(infoOf(await client.send()), /^nextnonce="[\w-]{48}", rspauth="/)
  t.equal(isStale(await client.send()), true)
})

t.test('nextnonce when due: near the end of the old one, or with each answer (R-DIG-49, R-DIG-50, R-DIG-51, R-DIG-52)', async t => {
  const { strategy, time } = clocked({ nonceLifetime: 1000 })
  const client = new DigestClient(strategy)
  t.notMatch(infoOf(await client.send()), /nextnonce/)
  time.now += 800
  const verdict = await client.send()
  t.match(infoOf(verdict), /^nextnonce="[\w-]{48}", qop=auth, rspauth="/)
  const { next } = client.answer.verify(infoOf(verdict))
  t.match(await client.send(), { kind: 'accepted' }, 'the old one goes on')
  time.now += 300
  t.match(await client.follow([next!]).send(), { kind: 'accepted' }, 'the new one from 1')

  const once = new DigestClient(digest({ oneTimeNonces: true }))
  for (let round = 0; round < 50; round++) {
    const answered = await once.send()
    t.match(answered, { kind: 'accepted' })
    once.follow([once.answer.verify(infoOf(answered)).next!])
  }
  await once.send()
  t.equal(isStale(await once.send()), true, 'who does not follow it takes another round')
})

t.test('a full store: a new client gets 503 with Retry-After, and those accepted before go on (S5)', async t => {
  const store = new MemoryStore({ maxWindows: 1 })
  const strategy = digest({ store })
  const [first, second] = [new DigestClient(strategy), new DigestClient(strategy)]
  t.match(await first.send(), { kind: 'accepted' })
  const verdict = await second.send()
  t.match(verdict, { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_STORE_FULL', statusCode: 503, headers: { 'retry-after': /^36\d$/ } } })
  t.match(await first.send(), { kind: 'accepted' })
  t.equal(isStale(await second.send({}, { password: 'wrong' })), false, 'a stranger does not see it')
  const hasty = digest({ store: { id: 'x', claim: () => ({ kind: 'full', retryAfter: 0 }) } })
  t.match(await new DigestClient(hasty).send(), { cause: { headers: { 'retry-after': '1' } } })
})

t.test('a store that fails, or gives an unknown result: the client is not accepted (R-407-15)', async t => {
  for (const claim of [() => { throw new Error('away') }, async () => { throw new Error('away') }, async () => undefined, () => undefined]) {
    t.match(await new DigestClient(digest({ store: { id: 'x', claim: claim as never } })).send(), { kind: 'broken' })
  }
  t.equal(isStale(await new DigestClient(digest({ store: { id: 'x', claim: () => ({ kind: 'surely' }) as never } })).send()), true)
})

const INT: Partial<DigestOptions> = { qop: ['auth', 'auth-int'] }
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex')

t.test('auth-int: without content at once, with content only when somebody has hashed it (R-DIG-22)', async t => {
  const refusals: DigestRefusal[] = []
  const strategy = digest({ ...INT, onRefused: (refusal) => refusals.push(refusal) })
  const send = async (sent: Parameters<typeof judge>[2], content?: string): Promise<string> => {
    const verdict = await new DigestClient(strategy, { qop: 'auth-int', ...(content !== undefined && { content }) }).send(sent)
    return verdict.kind === 'accepted' ? 'accepted' : `stale ${isStale(verdict)}`
  }
  t.equal(await send({}), 'accepted')
  t.equal(await send({ method: 'POST', headers: { 'content-length': '0' } }), 'accepted')
  t.equal(await send({ method: 'POST', headers: { 'content-length': '1' } }), 'stale false')
  t.same(refusals.pop(), { reason: 'content', username: 'alice' })
  t.equal(await send({ method: 'POST', headers: { 'transfer-encoding': 'chunked' } }), 'stale false')
  t.equal(await send({ httpVersion: '2.0' }), 'stale false', 'HTTP/2 need not say that content follows')
  t.equal(await send({ httpVersion: '2.0', headers: { 'content-length': '0' } }), 'accepted')
  t.equal(await send({ httpVersion: '1.0' }), 'accepted')
  const posted = { method: 'POST', headers: { 'content-length': '7' } }
  t.equal(await send({ ...posted, contentHash: { sha256: sha256('content') } }, 'content'), 'accepted')
  t.equal(await send({ ...posted, contentHash: { sha256: sha256('another') } }, 'content'), 'stale false')
  t.equal(await send({ ...posted, contentHash: { md5: sha256('content') } }, 'content'), 'stale false', 'of another hash')
  t.equal(await send({ ...posted, contentHash: { sha256: sha256('content') } }), 'stale false', 'curl hashes nothing (R-DIG-46)')
})

t.test('over content that nobody has read, credentials are not judged: without that the client is asked again, and with a nonce of no use it is stale (R-DIG-16)', async t => {
  const refusals: DigestRefusal[] = []
  let now = Date.UTC(2026, 10, 21)
  const strategy = digest({ ...INT, nonceLifetime: 1000, clock: () => now, onRefused: (refusal) => refusals.push(refusal) })
  const posted = { method: 'POST', headers: { 'content-length': '7' } }
  for (const password of ['alice-secret', 'wrong']) {
    const client = new DigestClient(strategy, { qop: 'auth-int', content: 'content', password })
    const verdict = await client.send(posted)
    t.match(challengesIn(verdict), [{ params: { qop: 'auth', stale: undefined } }])
    t.same(refusals.pop(), { reason: 'content', username: 'alice' })
    now += 1000
    const old = await client.send(posted)
    t.match(challengesIn(old), [{ params: { qop: 'auth,auth-int', stale: 'true' } }])
    t.same(refusals.pop(), { reason: 'nonce', username: 'alice' })
  }
  const elsewhere = new DigestClient(strategy, { qop: 'auth-int', content: 'content' })
  await elsewhere.credentials()
  const foreign = digest(INT)
  t.equal(isStale(await judge(foreign, elsewhere.answer.credentials, posted)), true)
})

t.test('auth-int: content is asked for in the name of users only, and told to nobody as a refusal (F-23)', async t => {
  const refused: DigestRefusal[] = []
  const strategy = digest({ ...INT, onRefused: (refusal) => { refused.push(refusal) } })
  const posted = { method: 'POST', url: '/p?q=1', httpVersion: '1.1', readsContent: true, headers: { 'content-length': '1' } }
  const judge = async (change: (credentials: string) => string): Promise<unknown> => {
    const credentials = await new DigestClient(strategy, { qop: 'auth-int', method: 'POST', content: 'x' }).credentials()
    const notes: unknown[] = []
    const headers = { ...posted.headers, authorization: change(credentials) }
    const attempt: DigestStrategy = Object.assign(Object.create(strategy), { fail: (_challenge: unknown, _status: unknown, note: unknown) => notes.push(note) })
    attempt.authenticate({ ...posted, headers }, { realm: 'lab' })
    await until(() => notes.length > 0)
    return notes[0]
  }
  t.match(await judge((same) => same), { userId: 'alice', guess: false, needsContent: true })
  t.same(refused, [])
  t.match(await judge((credentials) => credentials.replace('alice', 'nobody')), { reason: 'user', userId: null, guess: true, needsContent: undefined })
  t.match(await judge((credentials) => credentials.replace(/nonce="../, 'nonce="AA')), { reason: 'nonce', needsContent: undefined })
  t.same(refused.map(({ reason }) => reason), ['user', 'nonce'])
})

t.test('auth-int on CONNECT: covers no content', async t => {
  const client = new DigestClient(digest(INT), { qop: 'auth-int', method: 'CONNECT', uri: 'origin.test:443' })
  t.match(await client.send({ url: 'origin.test:443', httpVersion: '2.0' }), { kind: 'accepted' })
})

t.test('content that is to be read: the strategy says first which hash of it is needed', async t => {
  const strategy = digest({ ...INT, algorithms: ['SHA-256', 'MD5', 'SHA-512-256-sess'] })
  const asked = async (algorithm: DigestAlgorithmName, change: (credentials: string) => string = (same) => same): Promise<string | null> => {
    const credentials = await new DigestClient(strategy, { qop: 'auth-int', algorithms: [algorithm], content: 'x' }).credentials()
    return strategy.contentHashFor({ headers: { authorization: change(credentials) }, method: 'GET', url: '/p?q=1' }, { realm: 'lab' })
  }
  t.same(await Promise.all([asked('SHA-256'), asked('MD5'), asked('SHA-512-256-sess')]), ['sha256', 'md5', 'sha512-256'])
  const unneeded: Array<(credentials: string) => string> = [
    (credentials) => credentials.replace('qop=auth-int', 'qop=auth'), (credentials) => credentials.replace('realm="lab"', 'realm="x"'),
    (credentials) => credentials.replace('/p?q=1', '/'), (credentials) => credentials.replace(/nonce="../, 'nonce="AA'),
    (credentials) => credentials.replace('username', 'nobody'), () => 'Digest auth-int', () => 'Digest "auth-int', () => 'Digest', () => 'Basic dTpw'
  ]
  for (const change of unneeded) t.equal(await asked('SHA-256', change), null)
  t.equal(await asked('SHA-256', (credentials) => credentials.replace('alice', 'nobody')), 'sha256', 'which is up to authenticate')
  t.equal(strategy.contentHashFor({ headers: {} }), null)
  t.equal(strategy.coversContent, true)
  t.equal(digest().coversContent, false, 'and is not asked')
  t.equal(digest().contentHashFor({ headers: { authorization: 'Digest qop=auth-int' } }), null)
})

t.test('a response under auth-int: covers its content once that is hashed, and until then says that it does not (R-PAI-8)', async t => {
  const client = new DigestClient(digest(INT), { qop: 'auth-int' })
  const verdict = await client.send()
  t.same(client.answer.verify(infoOf(verdict)), { rspauth: 'right', qop: 'auth', next: undefined })
  const { info } = verdict as { info: DigestInfo }
  t.same(Object.keys(info).sort(), ['proxyAuthenticationInfo', 'userId'], 'what is logged of it holds no keys')
  t.match(info.digest, { qop: 'auth-int', nodeHash: 'sha256' })
  const params = info.digest.authenticationInfo(sha256('answer'))
  const text = `qop=${params.qop}, rspauth="${params.rspauth}", cnonce="${params.cnonce}", nc=${params.nc}`
  t.same(client.answer.verify(text, 'answer'), { rspauth: 'right', qop: 'auth-int', next: undefined })
  t.equal(client.answer.verify(text, 'another').rspauth, 'wrong')
})

t.test('a report of a refusal: has names of users only, not what was typed in their place', async t => {
  const refusals: DigestRefusal[] = []
  const { strategy, time } = clocked({ onRefused: (refusal) => refusals.push(refusal) })
  const client = new DigestClient(strategy)
  await client.send()
  await client.send({}, { nc: 1 })
  await client.send({}, { password: 'wrong' })
  await client.send({}, { username: 'alice-secret' })
  time.now += 300_000
  await client.send()
  t.same(refusals, [
    { reason: 'nc', username: 'alice' }, { reason: 'response', username: 'alice' }, { reason: 'user', username: null }, { reason: 'nonce', username: 'alice' }
  ])
})

t.test('in a chain: a line for each algorithm, stale on each, the other schemes behind (R-CH-1, R-CH-11, R-DIG-1, R-DIG-16)', async t => {
  const { strategy, time } = clocked({ algorithms: ['SHA-256', 'MD5'] })
  const basic = new BasicStrategy({ verify: () => null })
  const chain = createChain([strategy, basic].map((each) => readDeclaration(each, { realm: 'Gate, "way"' }).resolve()), { timeout: 1000 })
  const ask = async (credentials?: string): Promise<readonly string[]> => {
    const outcome = await chain.authenticate(attemptInput(credentials))
    return outcome.kind === 'refused' ? outcome.challenges : [outcome.kind]
  }
  const lines = (stale: string) => new RegExp(
    `^Digest realm="Gate, \\\\"way\\\\"", qop="auth", algorithm=SHA-256, nonce="[\\w-]{48}", opaque="[0-9a-f]{32}",${stale} charset=UTF-8\n` +
    `Digest realm="Gate, \\\\"way\\\\"", qop="auth", algorithm=MD5, nonce="[\\w-]{48}", opaque="[0-9a-f]{32}",${stale} charset=UTF-8\n` +
    'Basic realm="Gate, \\\\"way\\\\"", charset="UTF-8"$'
  )
  t.match((await ask()).join('\n'), lines(''))
  const answer = (challenges: readonly string[], password = 'alice-secret'): string => answerDigestChallenge(challenges, {
    username: 'alice', password, method: 'GET', uri: '/path?q=1', nc: 1, cnonce: 'c'
  })!.credentials
  const challenges = await ask()
  t.match((await ask(answer(challenges, 'wrong'))).join('\n'), lines(''))
  t.same(await ask(answer(challenges)), ['granted'])
  t.match((await ask(answer(challenges))).join('\n'), lines(' stale=true,'))
  time.now += 300_000
  t.match((await ask(answer(challenges))).join('\n'), lines(' stale=true,'))
  t.match(await chain.authenticate(attemptInput('Digest x')), { kind: 'refused', status: 400 })
})

t.test('an origin can use it: Passport and @fastify/passport (R-DIG-25)', async t => {
  for (const create of [passportOrigin, fastifyPassportOrigin]) {
    const origin = await create(t, digest({ realm: 'origin', algorithms: ['SHA-256', 'MD5'] }))
    const asked = await origin()
    t.equal(asked.status, 401)
    const answer = (password: string): string => answerDigestChallenge(asked.challenge!, { username: 'alice', password, method: 'GET', uri: '/', nc: 1, cnonce: 'c' })!.credentials
    t.match(await origin(answer('wrong')), { status: 401, challenge: /^Digest realm="origin", .*algorithm=SHA-256, .*, Digest realm="origin", .*algorithm=MD5/ })
    t.match(await origin(answer('alice-secret')), { status: 200, body: '{"username":"alice"}' })
    t.match(await origin(answer('alice-secret')), { status: 401, challenge: /stale=true.*stale=true/ })
    t.match(await origin('Digest x'), { status: 400 })
  }
})

t.test('a realm that cannot be sent, or no lookup to call: the boot fails (R-CH-6)', async t => {
  t.throws(() => digest({ realm: 'a\r\nSet-Cookie: x=1' }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => digest({ realm: 'x'.repeat(1025) }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.equal(digest({ realm: 'x'.repeat(1024) }).realm?.length, 1024)
  t.throws(() => digest({ realm: 7 as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  for (const none of [{}, undefined]) t.throws(() => new DigestStrategy(none as DigestOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => readDeclaration(digest(), { realm: 'x'.repeat(1025) }).resolve(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('any configuration and request: client and server agree (R-DIG-20, R-DIG-21, R-DIG-22, R-PAI-9)', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.replace(/[\p{Cc}\p{Surrogate}:]/gu, '').normalize('NFC'))
  const cases = fc.record({
    username: text,
    password: fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.normalize('NFC')),
    realm: fc.string({ unit: fc.constantFrom(...'ab "\\,='), maxLength: 8 }),
    algorithms: fc.shuffledSubarray(ALL, { minLength: 1 }),
    wanted: fc.constantFrom('auth', 'auth-int'),
    options: fc.record({ oneTimeNonces: fc.boolean(), charset: fc.boolean(), opaque: fc.constantFrom('', 'b3A=') }),
    hashed: fc.boolean(),
    stored: fc.boolean(),
    nc: fc.integer({ min: 1, max: 0xffffffff }),
    path: fc.webPath().map((path) => `/${path}`),
    absolute: fc.boolean(),
    content: fc.string()
  })
  await fc.assert(fc.asyncProperty(cases, async ({ username, password, realm, algorithms, wanted, options, hashed, stored, nc, path, absolute, content }) => {
    const find: DigestOptions['lookup'] = (name, realm, hash) => name !== username
      ? null
      : stored ? { ha1: computeHa1(algorithmOf(hash), username, realm, password) } : { password }
    const byHash: DigestOptions['lookupHash'] = (userhash, realm, hash) =>
      userhash === computeUserhash(algorithmOf(hash), username, realm) ? { ...find(username, realm, hash) as DigestAccount, username } : null
    const strategy = digest({ ...options, ...INT, algorithms, lookup: find, ...(hashed && { lookupHash: byHash }) })
    const url = `http://origin.test${path}`
    const client = new DigestClient(strategy, { username, password, uri: absolute ? url : path, method: 'POST', nc, content, qop: wanted as 'auth' }, realm)
    const contentHash = Object.fromEntries(['md5', 'sha256', 'sha512-256'].map((name) => [name, createHash(name).update(content).digest('hex')]))
    const sent = { url, contentHash, headers: { 'transfer-encoding': 'chunked' } }
    const verdict = await client.send(sent)
    if (verdict.kind !== 'accepted' || (verdict.info as DigestInfo).userId !== username) return false
    if (client.answer.verify(infoOf(verdict)).rspauth !== 'right') return false
    if (!isStale(await client.send(sent))) return false
    return !isStale(await client.send(sent, { password: `${password}x`, nc: nc === 1 ? 2 : 1 }))
  }), { numRuns: 150 })
})

t.test('a wrong response: counts as a guess, and a right one with another nonce does not (R-DIG-43)', async t => {
  const { strategy, time } = clocked()
  const note = async (params: { username?: string, password?: string } = {}) => {
    const verdict = await new DigestClient(strategy, params).send()
    return verdict.kind === 'failed' ? verdict.note : null
  }
  t.same(await note({ password: 'wrong' }), { reason: 'response', userId: 'alice', guess: true })
  t.same(await note({ username: 'nobody' }), { reason: 'user', userId: null, guess: true })
  const client = new DigestClient(strategy)
  const credentials = await client.credentials()
  t.match(await judge(strategy, credentials), { kind: 'accepted' })
  t.match(await judge(strategy, credentials), { note: { reason: 'nc', userId: 'alice', guess: false } })
  time.now += 600_000
  t.match(await client.send(), { note: { reason: 'nonce', userId: 'alice', guess: false } })
})

t.test('the user that Digest credentials name: can be read', async t => {
  t.equal(readDigestUser('Digest username="bob", realm="gw"'), 'bob')
  t.equal(readDigestUser("Digest username*=UTF-8''J%C3%A4s%C3%B8n"), 'J\u00e4s\u00f8n')
  t.equal(readDigestUser('Digest username="J%C3%A4s%C3%B8n"'), 'J\u00e4s\u00f8n', 'as newer curl escapes it (F-67)')
  t.throws(() => readDigestUser('Digest username="a", username*=UTF-8\'\'b'), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
  t.equal(readDigestUser('Digest realm="gw"'), undefined)
  t.equal(readDigestUser('Digest'), undefined)
  t.throws(() => readDigestUser('Digest username="a:b"'), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
})

t.test('called as in passport: the message says what to write (F-35)', async t => {
  t.throws(() => new DigestStrategy((() => null) as never), { message: 'option options must be an object, as { lookup: (username, realm) => account }, got function' })
})

t.test('whether a user has an account: is known only with a look-up that knows its accounts', async t => {
  const known = digest(lookupStatic({ alice: 'alice-secret' }))
  t.strictSame([known.hasAccount('alice'), known.hasAccount('mallory'), digest().hasAccount('alice')], [true, false, false])
})

t.test('accounts that are to be read anew: it asks look-ups that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new DigestStrategy({ lookup: reloading('lookup'), lookupHash: reloading('lookupHash') }).reload(), undefined)
  t.strictSame(asked, ['lookup', 'lookupHash'])
  t.equal(await new DigestStrategy({ lookup: () => null }).reload(), false)
})

t.test('what processes share: it takes the place of a store and keys of its own, where it was given none', async t => {
  const store = new MemoryStore()
  const shared = () => ({ store, key: createSecretKey(Buffer.alloc(32, 1)) })
  const prepared = (options: Partial<DigestOptions> = {}) => {
    const strategy = digest(options)
    strategy.prepare(shared)
    return strategy
  }
  const client = new DigestClient(prepared())
  t.match(await client.send(), { kind: 'accepted' })
  t.equal(store.size, 1)
  const other = new DigestClient(prepared()).follow(client.challenges)
  t.ok(isStale(await other.send()), 'the count of another process')
  other.nc = 1
  t.match(await other.send(), { kind: 'accepted' })

  const withKeys = { keys: ['k'.repeat(32)] }
  const keyed = new DigestClient(prepared(withKeys))
  t.match(await keyed.send(), { kind: 'accepted' })
  t.equal(store.size, 2)
  t.ok(isStale(await new DigestClient(prepared()).follow(keyed.challenges).send()), 'its keys stay its own')
  const own = new DigestClient(prepared({ store: new MemoryStore() }))
  t.match(await own.send(), { kind: 'accepted' })
  t.equal(store.size, 2, 'and so does its store')
  const alone = digest()
  alone.prepare()
  t.match(await new DigestClient(alone).send(), { kind: 'accepted' })
  t.equal(store.size, 2)
})

t.test('a store that cannot tell: the attempt fails with its error, and nothing is accepted', async t => {
  const away = new Error('away')
  const strategy = digest({ store: { id: 'x', claim: async () => { throw away } } })
  t.match(await new DigestClient(strategy).send(), { kind: 'broken', cause: { cause: away } })
})
