import t from 'tap'
import { createChallengeList } from '../../lib/passport/chain-challenges.js'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { Declared, StrategyDeclaration } from '../../lib/passport/declaration.js'
import type { ChallengeMaker } from '../../lib/passport/strategy-challenges.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import { view } from '../fixtures/attempt.js'
import { foreign } from '../fixtures/foreign-strategies.js'

const declared = (...declarations: StrategyDeclaration[]): Declared[] =>
  declarations.map((declaration) => readDeclaration(declaration, { realm: 'gw' }).resolve())
const unrun = foreign('unrun', () => {})
const digest = (challenge: ChallengeMaker): StrategyDeclaration => ({ strategy: unrun, scheme: 'Digest', challenge })

const basic = new BasicStrategy({ verify: () => null })
const bearer = new BearerStrategy({ verify: () => null })
const BASIC = 'Basic realm="gw", charset="UTF-8"'
const BEARER = 'Bearer realm="gw"'

t.test('several strategies: the challenges of all are given in their order, one line each (R-CH-1, R-CH-10, R-MAP-5)', async t => {
  t.same(createChallengeList(declared(basic, bearer))(view), [BASIC, BEARER])
  t.same(createChallengeList(declared(bearer, basic))(view), [BEARER, BASIC])
  t.same(createChallengeList([])(view), [])
  t.same(createChallengeList(declared({ strategy: unrun, scheme: null }))(view), [])
})

t.test('two strategies of one scheme: they share one challenge (R-CH-3)', async t => {
  const other = { strategy: unrun, scheme: 'BEARER', realm: 'other' }
  t.same(createChallengeList(declared(bearer, basic, other))(view), [BEARER, BASIC])
  t.same(createChallengeList(declared({ ...other, challenge: null }, basic, bearer))(view), [BASIC, BEARER])
  const hawks = ['hawk', 'Hawk'].map((scheme) => ({ strategy: unrun, scheme }))
  t.same(createChallengeList(declared(...hawks))(view), ['hawk realm="gw"'])
})

t.test('a challenge that a strategy gave: it takes the place of the usual one of its scheme (R-MAP-2)', async t => {
  const said = { scheme: 'bearer', lines: ['Bearer error="x"', 'Bearer error="y"'] }
  t.same(createChallengeList(declared(basic, bearer))(view, said), [BASIC, ...said.lines])
})

t.test('challenges that do not depend on the request: no view is made for them', async t => {
  t.same(createChallengeList(declared(basic))(() => { throw new Error('not to be called') }), [BASIC])
})

t.test('challenges that must be made anew: they are, at once or later (R-407-13)', async t => {
  let count = 0
  const list = createChallengeList(declared(digest(() => `Digest realm="gw", nonce="${count++}"`), basic))
  t.same(list(view), ['Digest realm="gw", nonce="1"', BASIC])
  t.same(list(view), ['Digest realm="gw", nonce="2"', BASIC])
  const later = createChallengeList(declared(basic, digest(async () => `Digest realm="gw", nonce="${count++}"`)))
  t.same(await later(view), [BASIC, 'Digest realm="gw", nonce="4"'])
})

t.test('a strategy that cannot make its challenge: it is broken (R-407-15)', async t => {
  const cause = new Error('away')
  const broken = { kind: 'broken', strategy: 'unrun', cause: { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', cause } }
  const boot = { scheme: 'Digest', params: { realm: 'gw', nonce: 'n' } }
  const throws = digest(({ request }) => { if (request) throw cause; return boot })
  const rejects = digest(async ({ request }) => { if (request) throw cause; return boot })
  t.match(createChallengeList(declared(basic, throws))(view), broken)
  t.match(await createChallengeList(declared(basic, rejects))(view), broken)
})
