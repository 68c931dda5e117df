import { Authenticator } from '@fastify/passport'
import t from 'tap'
import { givesName, readDeclaration } from '../../lib/passport/declaration.js'
import type { Declared, StrategyDeclaration } from '../../lib/passport/declaration.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { Strategy } from '../../lib/strategies/strategy.js'
import { view } from '../fixtures/attempt.js'
import { foreign, oldBearer } from '../fixtures/foreign-strategies.js'
import { createPassport } from '../fixtures/passport.js'

const own = new BasicStrategy({ verify: () => null })
const settle = (declaration: unknown, passport = createPassport()): Declared =>
  readDeclaration(declaration as StrategyDeclaration, { realm: 'gw', passport }).resolve()
const bad = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

class Unschemed extends Strategy {
  override readonly name = 'x'
  override readonly scheme = null
  override authenticate (): void {}
  override challenge (): null { return null }
}

t.test('a strategy of this package, declared alone: nothing more is needed', async t => {
  const declared = settle(own)
  t.match(declared, {
    name: 'basic', strategy: own, own: true, scheme: 'Basic', realm: 'gw', grammar: 'own', reads: [], options: { realm: 'gw' }
  })
  t.ok(Object.isFrozen(declared))
  t.throws(() => { (declared as { realm: string }).realm = 'x' }, TypeError)
})

t.test('a declaration that is not resolved yet: it tells whether the verdict may need a hash of the content', async t => {
  class Covering extends BasicStrategy { override readonly coversContent = true }
  const covering = new Covering({ verify: () => null })
  const may = (declaration: StrategyDeclaration) => readDeclaration(declaration, { realm: 'gw', passport: createPassport() }).mayCoverContent
  t.same([own, covering, { strategy: covering }, 'basic', { strategy: 'jwt', scheme: 'Bearer' }, { strategy: oldBearer, scheme: 'Bearer' }].map(may),
    [false, true, true, true, true, false])
})

t.test('a realm given in several places: the nearest to the route is used, and one instance serves several', async t => {
  const strategy = new BasicStrategy({ verify: () => null, realm: 'own' })
  t.match(settle(strategy), { realm: 'own', lines: ['Basic realm="own", charset="UTF-8"'] })
  t.match(settle({ strategy, realm: 'here' }), { realm: 'here', options: { realm: 'here' }, lines: ['Basic realm="here", charset="UTF-8"'] })
  t.match(readDeclaration(own, { realm: 'another' }).resolve().lines, ['Basic realm="another", charset="UTF-8"'])
  t.match(settle(own).lines, ['Basic realm="gw", charset="UTF-8"'], 'unchanged by that')
})

t.test('a name that is registered after the declaration: it is found, in either Passport', async t => {
  for (const passport of [createPassport(), new Authenticator()]) {
    const declaration = readDeclaration({ strategy: 'jwt', scheme: 'bearer' }, { realm: 'gw', passport })
    passport.use('jwt', oldBearer as never)
    const declared = declaration.resolve()
    t.match(declared, { name: 'jwt', strategy: oldBearer, own: false, scheme: 'Bearer', grammar: 'rfc9110' })
    t.equal(declaration.resolve(), declared)
  }
})

t.test('a strategy declared by its name alone: that does for one of this package, never for a foreign one (R-CRED-3)', async t => {
  const passport = createPassport().use('ours', own).use('theirs', oldBearer)
  t.match(settle('ours', passport), { name: 'ours', scheme: 'Basic', own: true })
  t.throws(() => settle('theirs', passport), bad)
  t.throws(() => settle(oldBearer), bad)
  t.throws(() => settle('unknown', passport), bad)
  t.throws(() => settle({ strategy: 'unknown', scheme: 'X' }, passport), bad)
})

t.test('a strategy without a name: it can be declared', async t => {
  const nameless = { authenticate () {} }
  t.match(settle({ strategy: nameless, scheme: null }), { name: 'without a name', scheme: null, lines: [] })
})

t.test('a foreign strategy: all of its settings come from its declaration', async t => {
  const options = { session: false }
  const declared = settle({
    strategy: oldBearer, scheme: 'Hawk', realm: 'x', params: { a: '1' }, grammar: 'opaque', reads: ['X-Proxy-Key'], options
  })
  t.match(declared, {
    name: 'old-bearer',
    scheme: 'Hawk',
    realm: 'x',
    grammar: 'opaque',
    reads: ['x-proxy-key'],
    options: { session: false, realm: 'x' },
    lines: ['Hawk realm="x", a="1"']
  })
  t.same(options, { session: false })
  t.same(declared.challengesIn('Hawk realm="Users"'), ['Hawk realm="x"'])
  t.same(settle({ strategy: oldBearer, scheme: 'Hawk', challenge: 'Hawk realm="Users"' }).challengesIn('Hawk realm="Users", ts="1"'), ['Hawk realm="Users", ts="1"'])
  t.same(settle({ strategy: oldBearer, scheme: 'Hawk', challenge: () => 'Hawk ts="1"' }).challengesFor(view()), ['Hawk ts="1"'])
})

t.test('what is remembered: what the declaration says, else what one of ours says itself', async t => {
  const remembering = new BasicStrategy({ verify: () => null, cache: { ttl: 7 } })
  t.ok(settle(remembering).cache)
  t.equal(settle({ strategy: remembering, cache: false }).cache, null)
  t.equal(settle(own).cache, null)
  t.ok(settle({ strategy: own, cache: { ttl: 60_000 } }).cache)
  t.ok(settle({ strategy: oldBearer, scheme: 'Bearer', cache: true }).cache)
  t.equal(settle({ strategy: oldBearer, scheme: 'Bearer' }).cache, null)
  const unschemed = new Unschemed()
  t.equal(settle(unschemed).cache, null, 'one of ours that has none')
})

t.test('a verdict that is good once, or for more than its credentials: it is not cached', async t => {
  const digest = new DigestStrategy({ lookup: () => null })
  t.equal(settle(digest).cache, null)
  for (const declaration of [
    { strategy: digest }, { strategy: oldBearer, scheme: null }, { strategy: oldBearer, scheme: 'Bearer', reads: ['x-key'] },
    ...['NTLM', 'negotiate', 'AWS4-HMAC-SHA256', 'Hawk', 'OAuth', 'DPoP', 'SCRAM-SHA-256', 'HOBA', 'Mutual'].map(scheme => ({ strategy: oldBearer, scheme }))
  ]) t.throws(() => settle({ ...declaration, cache: true }), bad, JSON.stringify(declaration.scheme))
})

t.test('one strategy declared twice: each declaration has turns of its own', async t => {
  const verifiers = { concurrency: 1, queue: 0 }
  const declared = readDeclaration(own, { realm: 'gw', verifiers }).resolve()
  declared.turns.take(() => new Promise(() => {}))
  t.throws(() => declared.turns.take(() => 1), { code: 'FST_PROXY_AUTH_VERIFIER_BUSY' })
  t.equal(readDeclaration(own, { realm: 'gw', verifiers }).resolve().turns.take(() => 1), 1)
})

t.test('a strategy that is not registered yet: the fields it reads are known', async t => {
  t.same(readDeclaration({ strategy: 'late', scheme: null, reads: ['X-Key'] }, { realm: 'gw' }).reads, ['x-key'])
})

t.test('options that a strategy of this package sets itself: a declaration cannot set them otherwise', async t => {
  t.match(settle({ strategy: own, scheme: 'basic' }), { scheme: 'Basic' })
  for (const option of [{ scheme: 'Bearer' }, { scheme: null }, { params: {} }, { challenge: null }, { grammar: 'opaque' }]) {
    t.throws(() => settle({ strategy: own, ...option }), bad, JSON.stringify(option))
  }
  const unschemed = new Unschemed()
  t.match(settle(unschemed), { own: true, scheme: null })
  t.throws(() => settle({ strategy: unschemed, scheme: 'X' }), bad)
})

t.test('a declaration without a scheme: options for a challenge or a grammar are refused', async t => {
  for (const option of [{ params: {} }, { challenge: 'X a=1' }, { grammar: 'opaque' }]) {
    t.throws(() => settle({ strategy: oldBearer, scheme: null, ...option }), bad, JSON.stringify(option))
  }
})

t.test('a wrong option: the boot fails before the strategy is looked for', async t => {
  const read = (declaration: unknown) => () => readDeclaration(declaration as StrategyDeclaration, { realm: 'gw' })
  for (const declaration of [undefined, null, 7, [], {}, { strategy: null }, { strategy: '' }, { strategy: {} }]) {
    t.throws(read(declaration), bad, JSON.stringify(declaration))
  }
  for (const option of [
    { scheme: 'a b' }, { scheme: 7 }, { realm: 7 }, { params: { a: 1 } }, { params: [] }, { challenge: 7 }, { grammar: 'none' },
    { reads: 'x-key' }, { reads: ['a b'] }, { reads: ['Cookie'] }, { reads: ['authorization'] }, { reads: [7] }, { options: 7 },
    { read: ['x-key'] }, { cache: 7 }, { cache: null }, { cache: { ttl: '1' } }, { cache: { time: 1 } }
  ]) {
    t.throws(read({ strategy: 'x', ...option }), bad, JSON.stringify(option))
  }
  t.doesNotThrow(read({ strategy: 'x', realm: undefined }))
})

t.test('a secret as the value of a wrong option: the error names the option, never its value', async t => {
  try {
    settle({ strategy: foreign('jwt', () => {}), scheme: 'X', options: 'alice-secret' })
    t.fail('it must throw')
  } catch (error) {
    t.match((error as Error).message, /options/)
    t.notMatch((error as Error).message, /alice-secret/)
  }
})

t.test('a strategy from npm, alone: the message says what to write (F-35)', async t => {
  t.throws(() => readDeclaration(foreign('local', () => {}) as never, { realm: 'gw' }).resolve(), {
    message: /^option scheme of strategy 'local' must be given, .*: write \{ strategy, scheme: 'Bearer' \}/
  })
  t.throws(() => readDeclaration({ strategy: 'jwt', shceme: 'Bearer' } as never, { realm: 'gw' }), { message: 'unknown option "strategies[].shceme"; did you mean "strategies[].scheme"?' })
})

t.test('a declaration with a name or with an instance: only the first names its strategy (F-41)', async t => {
  for (const named of ['jwt', { strategy: 'jwt', scheme: 'Bearer' }]) t.ok(givesName(named))
  for (const other of [foreign('jwt', () => {}), { strategy: foreign('jwt', () => {}) }, null, 7]) t.notOk(givesName(other as never))
})

t.test('a foreign strategy with members of the same names: it stays foreign (F-49)', async t => {
  const lookalike = { name: 'alike', scheme: 'Bearer', challenge: () => ({ scheme: 'Bearer' }), authenticate () {} }
  const context = { realm: 'gw' }
  t.throws(() => readDeclaration(lookalike as never, context).resolve(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.equal(readDeclaration({ strategy: lookalike, scheme: 'Bearer' }, context).resolve().own, false)
})
