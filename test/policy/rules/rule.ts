import t from 'tap'
import type { PolicyRequest, PolicyRule } from '../../../lib/index.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import { readDocument } from '../../../lib/policy/rules/read-document.js'
import { RequestReader } from '../../../lib/policy/rules/request.js'
import { conditionsOf, judge } from '../../../lib/policy/rules/rule.js'

const NOON = Date.parse('2026-10-19T12:00:00Z')
const reader = new RequestReader(() => NOON)
const conditions = (rule: PolicyRule) => conditionsOf(readDocument({ rules: [rule] }).rules[0]!)
const target = { form: 'http', host: 'a.test', user: 'alice' } as const
/** What each condition says, `except` for one: a row for a rule and a request. */
const ask = (rule: PolicyRule, request: Partial<PolicyRequest>) => {
  const subject = reader.read({ ...target, ...request })
  return Object.fromEntries(conditions(rule).map(({ name, ask }) => [name, ask(subject)]))
}

t.test('a rule without conditions: it has none, but for the ports of one that allows', async t => {
  t.same(conditions({ action: 'deny' }), [])
  t.same(conditions({ action: 'report' }), [])
  t.same(conditions({ action: 'allow' }).map(({ name }) => name), ['to'])
  t.same(conditions({ routes: ['/'], action: 'allow' }).map(({ name }) => name), ['routes'])
})

t.test('each condition: it is asked by itself', async t => {
  const rule = {
    forms: ['http', 'reverse'], anonymous: false, users: ['alice'], groups: ['ci'], schemes: ['Basic'], methods: ['GET'], to: ['a.test', '10.0.0.0/8'], except: ['b.test'], clients: ['10.0.0.0/8'], paths: ['/a'], from: '11:00'
  } satisfies Partial<PolicyRule>
  const request: Partial<PolicyRequest> = { groups: ['ci'], scheme: 'Basic', method: 'GET', client: '10.0.0.1', path: '/a/b' }
  const all = { forms: 'yes', anonymous: 'yes', users: 'yes', groups: 'yes', schemes: 'yes', methods: 'yes', to: 'yes', except: 'yes', clients: 'yes', paths: 'yes', time: 'yes' }
  for (const action of ['allow', 'deny'] as const) {
    t.same(ask({ ...rule, action }, request), all)
    for (const [change, expected] of [
      [{ form: 'https' }, { forms: 'no' }], [{ anonymous: true }, { anonymous: 'no', schemes: 'no' }], [{ user: 'bob' }, { users: 'no' }], [{ user: undefined }, { users: 'no', schemes: 'no' }],
      [{ groups: [] }, { groups: 'no' }], [{ scheme: 'Digest' }, { schemes: 'no' }], [{ method: 'PUT' }, { methods: 'no' }], [{ client: null }, { clients: 'no' }], [{ client: '11.0.0.1' }, { clients: 'no' }],
      [{ path: '/b' }, { paths: 'no' }], [{ host: 'b.test', address: '192.0.2.1' }, { to: 'no', except: 'no' }], [{ host: 'c.test' }, { to: 'unresolved' }], [{ host: 'c.test', address: '10.0.0.1' }, {}],
      [{ form: 'connect' }, { forms: 'no', paths: 'no' }], [{ route: '/x', form: 'reverse' }, { to: 'no', except: 'no' }], [{ route: '/x', form: 'websocket' }, { to: 'no', except: 'no' }]
    ] as const) t.same(ask({ ...rule, action }, { ...request, ...change }), { ...all, ...expected }, `${action} ${JSON.stringify(change)}`)
  }
  t.same(ask({ ...rule, from: '12:01', action: 'deny' }, request), { ...all, time: 'no' })
})

t.test('what cannot be told: it does not hold for a rule that allows, and does for one that denies', async t => {
  const rule = { methods: ['GET'], clients: ['10.0.0.0/8'], paths: ['/a'] }
  t.same(ask({ ...rule, action: 'allow' }, {}), { methods: 'no', clients: 'no', paths: 'no', to: 'yes' })
  t.same(ask({ ...rule, action: 'deny' }, {}), { methods: 'yes', clients: 'yes', paths: 'yes' })
  t.same(ask({ ...rule, action: 'report' }, { path: '/A%2Fb' }), { methods: 'yes', clients: 'yes', paths: 'yes' })
  t.same(ask({ paths: ['/a'], action: 'allow' }, { path: '/A%2Fb' }), { paths: 'no', to: 'yes' })
})

t.test('an address with another one in it: it is denied by either, and allowed by itself', async t => {
  const inside = { to: ['10.0.0.0/8'] }
  const outside = { to: ['*'], except: ['10.0.0.0/8'] }
  const request = { host: '2002:a00:1::' }
  t.same(ask({ ...inside, action: 'deny' }, request), { to: 'yes' })
  t.same(ask({ ...inside, action: 'allow' }, request), { to: 'no' })
  t.same(ask({ ...outside, action: 'deny' }, request), { to: 'yes', except: 'yes' })
  t.same(ask({ ...outside, action: 'allow' }, request), { to: 'yes', except: 'no' })
  t.same(ask({ ...inside, action: 'deny' }, { host: '2001:db8::1' }), { to: 'no' })
})

t.test('an address that is not known: it matters where one could be on the list with this port', async t => {
  const rows = [[{ to: ['10.0.0.0/8'] }, 'unresolved', 'no'], [{ to: ['10.0.0.0/8:80'] }, 'unresolved', 'no'], [{ to: ['10.0.0.0/8:*'] }, 'unresolved', 'unresolved'], [{ to: ['b.test'] }, 'no', 'no']] as const
  for (const [rule, at80, at22] of rows) {
    t.same(ask({ ...rule, action: 'allow' }, {}), { to: at80 })
    t.same(ask({ ...rule, action: 'allow' }, { port: 22 }), { to: at22 })
  }
  t.same(ask({ to: ['10.0.0.0/8'], action: 'deny' }, { port: 22 }), { to: 'unresolved' })
  t.same(ask({ to: ['10.0.0.0/8:80'], action: 'deny' }, { port: 22 }), { to: 'no' })
  t.same(ask({ except: ['10.0.0.0/8'], action: 'deny' }, { port: 22 }), { except: 'unresolved' })
  t.same(ask({ except: ['10.0.0.0/8:80'], action: 'deny' }, { port: 22 }), { except: 'yes' })
  t.same(ask({ action: 'allow' }, { port: 22 }), { to: 'no' })
  t.same(ask({ action: 'allow' }, { form: 'reverse', route: '/' }), { to: 'yes' })
})

t.test('all conditions together: one that does not hold outweighs one that is open', async t => {
  const subject = reader.read(target)
  const judged = (rule: PolicyRule) => judge(conditions(rule), subject)
  t.equal(judged({ users: ['alice'], action: 'deny' }), 'yes')
  t.equal(judged({ users: ['alice'], to: ['10.0.0.0/8'], action: 'deny' }), 'unresolved')
  t.equal(judged({ from: '13:00', to: ['10.0.0.0/8'], action: 'deny' }), 'no')
})

t.test('an upgrade that an origin may overlook: a rule that denies its scheme holds it, and one that allows it does not', async t => {
  const upgrade = { form: 'websocket', host: 'a.test', port: 80 } as const
  const ask = (action: 'allow' | 'deny', form: 'http' | 'https', more: object = {}) =>
    createPolicy({ default: action === 'allow' ? 'deny' : 'allow', rules: [{ forms: [form], action }] }).decide({ ...upgrade, ...more }).allowed
  t.equal(ask('deny', 'http', { upgradeOf: 'http' }), false)
  t.equal(ask('deny', 'https', { upgradeOf: 'http' }), true)
  t.strictSame([ask('deny', 'http'), ask('deny', 'https')], [false, false], 'the scheme is not known')
  t.equal(ask('deny', 'http', { route: '/api' }), true, 'a reverse route has no such form')
  t.equal(ask('allow', 'http', { upgradeOf: 'http' }), false)
})
