import t from 'tap'
import type { Eventual } from '../../lib/eventual.js'
import { DEFAULT_REALM, Strategy, formatOffer, isOurStrategy, isRight, isScheme } from '../../lib/strategies/strategy.js'
import type { Accepted, AttemptOptions, AttemptRequest, Offer } from '../../lib/strategies/strategy.js'
import { mocked } from '../fixtures/mocked.js'

/** Shows what the protected members do. */
class Probe extends Strategy {
  override readonly name = 'probe'
  override readonly scheme = 'Probe'
  said: unknown[] = []
  override success = (user: unknown, info?: unknown): void => { this.said.push(['success', user, info]) }
  override error = (cause: unknown): void => { this.said.push(['error', cause]) }
  override authenticate (_request: AttemptRequest, options?: AttemptOptions): void {
    this.said.push(this.realmOf(options))
  }

  override challenge (): Offer { return null }
  judge (verdict: () => Eventual<Accepted>): void {
    this.decide(verdict, undefined, (accepted) => this.accept(accepted, { userId: 'alice' }))
  }
}

const request = { headers: {} }
const settled = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

t.test('a strategy that does not say otherwise: covers no content', async t => {
  t.equal(new Probe().coversContent, false)
  t.equal(new Probe().contentHashFor(request), null)
  t.same(new Probe().coveredFields(request), [])
})

t.test('a strategy that does not say otherwise: has nothing to prepare', async t => {
  t.equal(new Probe().prepare(), undefined)
})

t.test('a strategy that does not say otherwise: has nothing to reload', async t => {
  t.equal(await new Probe().reload(), false)
})

t.test('a strategy that does not say otherwise: knows of no accounts', async t => {
  t.equal(new Probe().hasAccount('alice'), false)
})

t.test('a strategy that extends the class, be it of another copy of the package: is ours', async t => {
  t.equal(isOurStrategy(new Probe()), true)
  const { name, scheme, authenticate, challenge } = new Probe()
  t.equal(isOurStrategy({ name, scheme, authenticate, challenge }), false)
  const copy = await mocked<typeof import('../../lib/strategies/strategy.js')>(t, 'lib/strategies/strategy.js')
  t.not(copy.Strategy, Strategy)
  t.equal(copy.isOurStrategy(new Probe()), true)
})

t.test('the realm of an attempt: is that of the runner, else of the strategy, else a common one', async t => {
  const probe = new Probe('own')
  probe.authenticate(request, { realm: 'gw' })
  probe.authenticate(request, {})
  probe.authenticate(request)
  t.same(probe.said, ['gw', 'own', 'own'])
  const other = new Probe()
  other.authenticate(request)
  t.same(other.said, [DEFAULT_REALM])
  t.equal(other.fresh, false)
})

t.test('a realm that is not text: is a bad option', async t => {
  t.throws(() => new Probe(7 as unknown as string), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a verifier: may decide now or later, with a user alone or with info', async t => {
  const probe = new Probe()
  probe.judge(() => ({ username: 'alice' }))
  probe.judge(() => [{ username: 'alice' }, { scope: 'all' }])
  probe.judge(async () => 'alice')
  t.equal(probe.said.length, 2, 'the first two have answered already')
  await settled()
  t.same(probe.said, [
    ['success', { username: 'alice' }, { userId: 'alice' }],
    ['success', { username: 'alice' }, { userId: 'alice', scope: 'all' }],
    ['success', 'alice', { userId: 'alice' }]
  ])
})

t.test('a verifier that throws or rejects: the attempt ends in its error (R-407-15)', async t => {
  const probe = new Probe()
  const cause = new Error('the directory is away')
  probe.judge(() => { throw cause })
  probe.judge(async () => { throw cause })
  await settled()
  t.strictSame(probe.said, [['error', cause], ['error', cause]])
})

t.test('an error that the runner throws out of an action: does not go unhandled (R-MAP-6)', async t => {
  const probe = new Probe()
  const cause = new Error('in the route')
  probe.success = () => { throw cause }
  probe.judge(async () => 'alice')
  await settled()
  t.strictSame(probe.said, [['error', cause]])
})

t.test('an offer of none, one or several challenges: gives one line for each (R-CH-1)', async t => {
  t.same(formatOffer(null), [])
  t.same(formatOffer({ scheme: 'NTLM' }), ['NTLM'])
  t.same(formatOffer([{ scheme: 'X', params: { a: '1' } }, { scheme: 'X', params: { a: '2' } }]), ['X a="1"', 'X a="2"'])
})

t.test('the value of a field: only its scheme is looked at (R-PARSE-5)', async t => {
  t.equal(isScheme('BASIC "', 'basic'), true)
  t.equal(isScheme('Basics dTpw', 'basic'), false)
  t.equal(isScheme('', 'basic'), false)
  t.equal(isScheme('"basic"', 'basic'), false)
})

t.test('nothing in place of a user, in all its spellings: is a no', async t => {
  for (const no of [null, undefined, false, '']) t.equal(isRight(no), false)
  for (const yes of [{}, [], 'alice']) t.equal(isRight(yes), true)
})

t.test('a strategy that does not say otherwise: needs no hash of the content for a verdict', async t => {
  t.equal(new Probe().contentHashFor(request, { realm: 'gw' }), null)
})
