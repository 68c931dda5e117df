import { inspect } from 'node:util'
import t from 'tap'
import { MemoryStore } from '../../../lib/store/memory.js'
import { readDigestOptions } from '../../../lib/strategies/digest/options.js'
import type { DigestOptions } from '../../../lib/strategies/digest/options.js'

const lookup = () => null
const read = (options: object = {}) => readDigestOptions({ lookup, ...options } as DigestOptions)
const BAD_OPTION = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('the defaults: SHA-256, auth, five minutes, nothing old (R-DIG-10, R-DIG-11, R-DIG-17, R-DIG-31)', async t => {
  const { algorithms, qop, keys, store, onRefused, clock, random, ...rest } = read()
  t.same(algorithms.map(({ name }) => name), ['SHA-256'])
  t.same(qop, ['auth'])
  t.match(keys, [{ symmetricKeySize: 32 }])
  t.ok(store instanceof MemoryStore)
  t.equal(onRefused({ reason: 'user', username: null }), undefined)
  t.equal(clock, Date.now)
  t.equal(random(12).length, 12)
  t.same(rest, {
    lookup, lookupHash: undefined, nonceLifetime: 300_000, oneTimeNonces: false, uri: 'strict', rfc2069: false, charset: true, latin1Fallback: false, opaque: undefined
  })
  t.not(read().store.id, store.id)
  t.notOk(read().keys[0].equals(keys[0]), 'a key of its own')
})

t.test('a list of algorithms: keeps its order, and may have each only once (R-CH-11)', async t => {
  t.same(read({ algorithms: ['md5', 'SHA-512-256-sess', 'SHA-256'] }).algorithms.map(({ name }) => name), ['MD5', 'SHA-512-256-sess', 'SHA-256'])
  for (const algorithms of [[], ['SHA-1'], ['MD5', 'md5'], [undefined], 'MD5', null, ['MD5', 7]]) {
    t.throws(() => readDigestOptions(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
    t.throws(() => read({ algorithms }), BAD_OPTION, JSON.stringify(algorithms))
  }
})

t.test('a list of qop: must have auth, and have it first (R-DIG-18, R-DIG-19)', async t => {
  t.same(read({ qop: ['auth', 'auth-int'] }).qop, ['auth', 'auth-int'])
  for (const qop of [[], ['auth-int'], ['auth-int', 'auth'], ['auth', 'auth'], 'auth', ['auth-conf'], null]) {
    t.throws(() => read({ qop }), BAD_OPTION, JSON.stringify(qop))
  }
})

t.test('keys: must be long, and are never shown (R-SEC-1)', async t => {
  const keys = ['canary'.repeat(6), Buffer.alloc(32, 'canary'), new Uint8Array(64)]
  const settings = read({ keys })
  t.same(settings.keys.map(({ symmetricKeySize }) => symmetricKeySize), [36, 32, 64])
  t.notMatch(inspect(settings, { depth: 9 }), /canary/)
  for (const keys of [[], ['short'], [Buffer.alloc(31)], [7], 'canary'.repeat(6), null]) t.throws(() => read({ keys }), BAD_OPTION, JSON.stringify(keys))
  try {
    read({ keys: ['canary'] })
  } catch (error) {
    t.notMatch((error as Error).message, /canary/)
  }
})

t.test('an opaque: must be base64 or hex (R-DIG-9)', async t => {
  for (const opaque of ['', 'b3A=', 'a+/_-', 'x'.repeat(256)]) t.equal(read({ opaque }).opaque, opaque)
  for (const opaque of ['a b', '"', '\u00e4', 'x'.repeat(257), 7, null]) t.throws(() => read({ opaque }), BAD_OPTION, String(opaque))
})

t.test('the other options: each must have its type and range', async t => {
  const store = { id: 'shared', claim: () => ({ kind: 'new' }) }
  t.equal(read({ store }).store, store)
  for (const options of [
    { lookup: undefined }, { lookup: {} }, { lookupHash: 'x' }, { onRefused: 7 }, { clock: 7 }, { random: 'x' }, { oneTimeNonces: 1 }, { rfc2069: 'no' },
    { charset: 'UTF-8' }, { latin1Fallback: null }, { nonceLifetime: 0 }, { nonceLifetime: 1.5 }, { nonceLifetime: 2 ** 31 }, { nonceLifetime: '1' },
    { store: null }, { store: {} }, { store: { claim () {} } }, { store: { id: '', claim () {} } }, { store: { id: 'a\nb', claim () {} } },
    { uri: 'Any' }, { uri: true }, { uri: null }, { store: { id: 'x' } }, { oneTimeNonce: true }, { realms: 'lab' }
  ]) t.throws(() => read(options), BAD_OPTION, JSON.stringify(options))
  t.equal(read({ nonceLifetime: 1, clock: () => 7 }).nonceLifetime, 1)
})

t.test('algorithms that there are not: the message lists those there are (F-35)', async t => {
  t.throws(() => readDigestOptions({ lookup: () => null, algorithms: ['sha256' as never] }), {
    message: "option algorithms must be a list of 'SHA-512-256-sess', 'SHA-512-256', 'SHA-256-sess', 'SHA-256', 'MD5-sess', 'MD5', each once, got another list"
  })
})
