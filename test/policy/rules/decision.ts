import t from 'tap'
import { UNRESOLVED, decisionOf, defaultDecision } from '../../../lib/policy/rules/decision.js'
import type { Rule } from '../../../lib/policy/rules/rule.js'

const rule = (members: Partial<Rule>) => ({ name: 'one', action: 'deny', reason: null, special: false, ...members }) as Rule

t.test('a rule: what it decides follows from its action, and from whether everything is reported only', async t => {
  t.strictSame(decisionOf(rule({ action: 'allow', special: true }), false), { allowed: true, rule: 'one', action: 'allow', reason: null, wouldDeny: false, special: true })
  t.strictSame(decisionOf(rule({}), false), { allowed: false, rule: 'one', action: 'deny', reason: 'refused by a rule', wouldDeny: false, special: false })
  t.strictSame(decisionOf(rule({ reason: 'closed' }), true), { allowed: true, rule: 'one', action: 'deny', reason: 'closed', wouldDeny: true, special: false })
  t.strictSame(decisionOf(rule({ action: 'report' }), false), { allowed: true, rule: 'one', action: 'report', reason: 'refused by a rule', wouldDeny: true, special: false })
  t.strictSame(decisionOf(rule({ action: 'allow' }), true), { allowed: true, rule: 'one', action: 'allow', reason: null, wouldDeny: false, special: false })
})

t.test('no rule: the default decides, and has no name', async t => {
  t.strictSame(defaultDecision(true, false), { allowed: true, rule: null, action: 'allow', reason: null, wouldDeny: false, special: false })
  t.strictSame(defaultDecision(false, false), { allowed: false, rule: null, action: 'deny', reason: 'no rule allows it', wouldDeny: false, special: false })
  t.strictSame(defaultDecision(false, true), { allowed: true, rule: null, action: 'deny', reason: 'no rule allows it', wouldDeny: true, special: false })
})

t.test('a decision: it cannot be changed, as all requests share it', async t => {
  for (const decision of [UNRESOLVED, decisionOf(rule({}), false), defaultDecision(true, true)]) t.ok(Object.isFrozen(decision))
})
