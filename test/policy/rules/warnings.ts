import t from 'tap'
import type { PolicyRule } from '../../../lib/index.js'
import { readDocument } from '../../../lib/policy/rules/read-document.js'
import { warningsOf } from '../../../lib/policy/rules/warnings.js'

const warnings = (...rules: Array<Partial<PolicyRule>>) => warningsOf(readDocument({ rules: rules.map(rule => ({ action: 'deny', ...rule })) }).rules)

t.test('rules that mean what they say: there is no warning', async t => {
  t.same(warnings({ users: ['alice'] }, { to: ['10.0.0.0/8', '192.168.0.0/16', 'a.test', '*'], clients: ['::1'] }, {}), [])
  t.same(warnings({ action: 'allow' }, { to: ['*'] }), [], 'one that allows holds two ports')
  t.same(warnings({ action: 'allow', paths: ['/a'] }, { routes: ['/'], paths: ['/a'] }, { forms: ['reverse'], paths: ['/a'] }), [])
})

t.test('rules behind one that holds everything: the first of them is named', async t => {
  t.same(warnings({ users: ['alice'] }, { name: 'all' }, { name: 'never' }, { name: 'nor this' }), ['no request comes to rule "never" and those behind it: rule "all" holds all'])
  t.same(warnings({ action: 'report', name: 'all' }, { name: 'never' }).length, 1)
})

t.test('a block within another one: it is named, unless it is for another port', async t => {
  t.same(warnings({ name: 'one', to: ['10.1.0.0/16', 'a.test', '10.0.0.0/8', '10.1.2.3'], except: ['::/0', '2001:db8::1'] }), [
    'rule "one": to[0] is within to[2] and says nothing more', 'rule "one": to[3] is within to[2] and says nothing more', 'rule "one": except[1] is within except[0] and says nothing more'
  ])
  t.same(warnings({ name: 'one', to: ['10.1.2.3:22', '10.0.0.0/8', '10.1.2.3:*', '::/0'] }), [])
  t.same(warnings({ name: 'one', clients: ['10.1.2.3', '10.1.2.3'] }), ['rule "one": clients[1] is within clients[0] and says nothing more'])
})

t.test('a rule that denies paths of a target: that a tunnel leads round it is told', async t => {
  for (const forms of [undefined, ['http'], ['https'], ['websocket']] as const) {
    t.same(warnings({ name: 'paths', paths: ['/a'], ...forms && { forms } }), ['rule "paths" denies paths, and holds no CONNECT: a tunnel to the same target leads round it'])
  }
  t.equal(warnings({ paths: ['/a'], action: 'report' }).length, 1)
})
