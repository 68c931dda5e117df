import t from 'tap'
import { withAnonymousAccess } from '../../../lib/gate/chain/anonymous.js'
import { createChain } from '../../../lib/passport/create-chain.js'
import type { Chain } from '../../../lib/passport/chain.js'
import { readDeclaration } from '../../../lib/passport/declaration.js'
import type { StrategyDeclaration } from '../../../lib/passport/declaration.js'
import { BasicStrategy } from '../../../lib/strategies/basic.js'
import { verifyStatic } from '../../../lib/users/static.js'
import { attemptInput, basic } from '../../fixtures/attempt.js'
import { foreign } from '../../fixtures/foreign-strategies.js'
import type { Authenticate } from '../../fixtures/foreign-strategies.js'

const ours = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
const unschemed = (authenticate: Authenticate, reads: string[] = []): StrategyDeclaration => ({ strategy: foreign('other', authenticate), scheme: null, reads })
const open = (strategies: StrategyDeclaration[], admits = true): Chain => withAnonymousAccess(
  createChain(strategies.map(each => readDeclaration(each, { realm: 'gw' }).resolve()), { timeout: 10_000 }),
  { name: 'guest', realm: 'gw', admits: () => admits }
)
const GUEST = { kind: 'granted', name: 'guest', user: { username: 'guest' }, info: { anonymous: true }, scheme: null, realm: 'gw', userId: null }

t.test('a request without credentials: it is accepted under the anonymous name, where that is enough', async t => {
  t.match(await open([ours]).authenticate(attemptInput()), GUEST)
  t.match(await open([ours], false).authenticate(attemptInput()), { kind: 'refused', status: 407 })
})

t.test('credentials count: right ones are their user, wrong ones are refused', async t => {
  t.match(await open([ours]).authenticate(attemptInput(basic('alice', 'alice-secret'))), { kind: 'granted', user: { username: 'alice' } })
  for (const credentials of [basic('alice', 'wrong'), 'Basic', 'Other x', 'Basic !', '', ',']) {
    t.match(await open([ours]).authenticate(attemptInput(credentials)), { kind: 'refused' }, credentials)
  }
})

t.test('credentials in other fields that a strategy reads: they count as well', async t => {
  const chain = open([ours, unschemed(function ({ headers }) { headers['x-key'] === 'right' ? this.success('key') : this.fail() }, ['x-key'])])
  t.match(await chain.authenticate(attemptInput(undefined, { 'x-key': 'wrong' })), { kind: 'refused', status: 407 })
  t.match(await chain.authenticate(attemptInput(undefined, { 'x-key': 'right' })), { user: 'key' })
  t.match(await chain.authenticate(attemptInput()), GUEST)
})

t.test('a strategy that needs no credentials: it is asked first, and its verdict stands', async t => {
  const certificate = (authenticate: Authenticate) => open([unschemed(authenticate)]).authenticate(attemptInput())
  t.match(await certificate(function () { this.success({ username: 'alice' }) }), { user: { username: 'alice' } })
  t.match(await certificate(function () { setImmediate(() => this.success({ username: 'alice' })) }), { user: { username: 'alice' } })
  t.match(await certificate(function () { setImmediate(() => this.fail()) }), GUEST)
  t.match(await certificate(function () { this.pass() }), GUEST)
  t.match(await certificate(function () { this.fail(403) }), { kind: 'refused', status: 403 }, 'whom it knows and does not want')
  t.match(await certificate(function () { this.error(new Error('down')) }), { kind: 'broken' })
})
