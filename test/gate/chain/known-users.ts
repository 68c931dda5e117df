import t from 'tap'
import { createChain } from '../../../lib/passport/create-chain.js'
import type { Chain } from '../../../lib/passport/chain.js'
import { readDeclaration } from '../../../lib/passport/declaration.js'
import type { StrategyDeclaration } from '../../../lib/passport/declaration.js'
import { withKnownUsers } from '../../../lib/gate/chain/known-users.js'
import { BasicStrategy } from '../../../lib/strategies/basic.js'
import type { RefusalNote } from '../../../lib/strategies/strategy.js'
import { verifyStatic } from '../../../lib/users/verify-static.js'
import { attemptInput, basic } from '../../fixtures/attempt.js'
import { foreign } from '../../fixtures/foreign-strategies.js'

const ours = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
const later = new BasicStrategy({ verify: async ({ username, password }) => password === 'right' ? { username } : null })
const chainOf = (declaration: StrategyDeclaration): Chain =>
  createChain([readDeclaration(declaration, { realm: 'gw' }).resolve()], { timeout: 10_000 })
const noteOf = async (chain: Chain, credentials?: string): Promise<RefusalNote | null> => {
  const outcome = await chain.authenticate(attemptInput(credentials))
  return outcome.kind === 'refused' ? outcome.note : null
}

for (const [when, strategy, secret] of [['at once', ours, 'alice-secret'], ['later', later, 'right']] as const) {
  t.test(`a name is told once somebody was let in by it, ${when} (R-DIG-43)`, async t => {
    const chain = withKnownUsers(chainOf(strategy), new Set())
    t.equal(await noteOf(chain, basic('alice', 'wrong')), null)
    for (const time of ['once', 'again']) t.equal((await chain.authenticate(attemptInput(basic('alice', secret)))).kind, 'granted', time)
    t.same(await noteOf(chain, basic('alice', 'wrong')), { reason: 'rejected', guess: true, userId: 'alice' })
    t.equal(await noteOf(chain, basic('hunter2', '')), null, 'no other text in its place')
    t.equal(await noteOf(chain), null)
    t.equal(await noteOf(chain, 'Other x'), null)
  })
}

t.test('a note of the strategy itself: it stays, and gets the name of the user where it has none', async t => {
  for (const userId of [null, 'bob']) {
    const note = { reason: 'nonce', userId, guess: false }
    const strategy = Object.assign(Object.create(ours), {
      authenticate (this: BasicStrategy) { this.fail('Basic realm="x"', undefined, note) }
    })
    const chain = withKnownUsers(chainOf(strategy), new Set(['alice']))
    t.same(await noteOf(chain, basic('alice', 'wrong')), { ...note, userId: userId ?? 'alice' })
  }
})

t.test('a refusal that is no wrong guess: it is not told as one', async t => {
  const chain = withKnownUsers(chainOf({ strategy: foreign('basic', function () { this.fail(403) }), scheme: 'Basic' }), new Set(['alice']))
  t.same(await noteOf(chain, basic('alice', 'x')), { reason: 'forbidden', guess: false, userId: 'alice' })
})

t.test('several chains: they share the known names, of which there is a limited number', async t => {
  const known = new Set<string>()
  const chain = withKnownUsers(chainOf(later), known)
  const other = withKnownUsers(chainOf(later), known)
  for (let i = 0; i <= 10_000; i++) await chain.authenticate(attemptInput(basic(`user${i}`, 'right')))
  t.equal(known.size, 10_000)
  t.equal(await noteOf(other, basic('user0', 'wrong')), null)
  t.match(await noteOf(other, basic('user10000', 'wrong')), { userId: 'user10000' })
})
