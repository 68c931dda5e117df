import t from 'tap'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { StrategyDeclaration } from '../../lib/passport/declaration.js'
import { RELOAD_TIME, reloadAccounts } from '../../lib/registration/reload-accounts.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import { foreign } from '../fixtures/foreign-strategies.js'

const declared = (...strategies: StrategyDeclaration[]) => strategies.map((strategy) => readDeclaration(strategy, { realm: 'gw' }).resolve())
const basic = (reload: () => unknown, cache = false) =>
  new BasicStrategy({ verify: Object.assign(() => null, { reload }), cache })

t.test('all strategies: each of ours is asked once, on however many routes it is', async t => {
  const asked: string[] = []
  const one = basic(() => asked.push('one'))
  const two = new BearerStrategy({ verify: Object.assign(() => null, { reload: async () => { asked.push('two') } }) })
  const theirs = Object.assign(foreign('theirs', () => {}), { reload: () => { asked.push('theirs') } })
  const old = Object.assign(basic(() => asked.push('old')), { reload: undefined }) as unknown as BasicStrategy
  await reloadAccounts(declared(one, two, one, { strategy: one, cache: true }, { strategy: theirs, scheme: 'Key' }, old, new BasicStrategy({ verify: () => null })))
  t.strictSame(asked, ['one', 'two'])
})

t.test('what strategies remember: it is forgotten where accounts were read, and nowhere else', async t => {
  const remembering = [
    basic(() => {}, true), basic(() => false, true), new BasicStrategy({ verify: () => null, cache: true }), basic(() => { throw new Error('canary') }, true)
  ]
  const all = declared(...remembering)
  for (const { cache } of all) cache!.ask('Basic x', () => ({ kind: 'accepted', user: { username: 'alice' }, info: {} }), () => 'alice')
  await t.rejects(reloadAccounts(all))
  t.strictSame(all.map(({ cache }) => cache!.size.yeses), [0, 1, 1, 1])
})

t.test('strategies that fail: all others are asked, and one error has all reasons, of which its message shows nothing', async t => {
  const asked: string[] = []
  const wrong = () => { throw new Error('canary') }
  const several = new BearerStrategy({ verify: Object.assign(() => null, { reload: async () => { throw new AggregateError([new Error('a'), new Error('b')]) } }) })
  await t.rejects(reloadAccounts(declared(basic(wrong), several, basic(() => asked.push('right')))), {
    code: 'FST_PROXY_AUTH_RELOAD_FAILED', message: 'could not reload: basic, bearer', errors: [{ message: 'canary' }, { message: 'a' }, { message: 'b' }]
  })
  t.strictSame(asked, ['right'])
  await t.rejects(reloadAccounts(declared(basic(() => { throw null }))), { message: 'could not reload: basic' }) // eslint-disable-line no-throw-literal
})

t.test('a strategy that does not come to an end: it is given up', async t => {
  const never = basic(async () => await new Promise(() => {}))
  await t.rejects(reloadAccounts(declared(never), 5), { message: 'could not reload: basic', errors: [{ message: 'not done within 5 ms' }] })
  t.equal(RELOAD_TIME, 30_000)
})
