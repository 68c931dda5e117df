import t from 'tap'
import type { PolicyRequest, PolicyRule } from '../../../lib/index.js'
import { UNRESOLVED, decisionOf, defaultDecision } from '../../../lib/policy/rules/decision.js'
import type { PolicyDecision } from '../../../lib/policy/rules/decision.js'
import { explain } from '../../../lib/policy/rules/explain.js'
import { readDocument } from '../../../lib/policy/rules/read-document.js'
import { RequestReader } from '../../../lib/policy/rules/request.js'
import { conditionsOf } from '../../../lib/policy/rules/rule.js'

const { rules } = readDocument({
  rules: [
    { name: 'not bob', users: ['bob'], methods: ['POST'], to: ['a.test'], action: 'deny', reason: 'not for you' },
    { name: 'inside', to: ['10.0.0.0/8'], action: 'deny' },
    { groups: ['ci'], to: ['*.test'], action: 'allow' },
    { name: 'last', action: 'deny' }
  ] satisfies PolicyRule[]
})
const ready = rules.map(rule => ({ rule, conditions: conditionsOf(rule) }))
const why = (request: Partial<PolicyRequest>, decision: PolicyDecision) =>
  explain(new RequestReader(Date.now).read({ form: 'connect', user: 'alice', host: 'A.test.', ...request }), decision, ready)

t.test('a decision: it is told which rule it is, and what did not hold of those before', async t => {
  const decision = decisionOf(rules[2]!, false)
  t.strictSame(why({ groups: ['ci'], address: '192.0.2.1' }, decision), {
    decision,
    target: 'a.test:443',
    considered: [
      { rule: 'not bob', holds: 'no', failed: ['users', 'methods'] },
      { rule: 'inside', holds: 'no', failed: ['to'] },
      { rule: 'rules[2]', holds: 'yes', failed: [] }
    ],
    summary: 'allowed by rule "rules[2]"'
  })
})

t.test('a name whose addresses must tell: it is told because of which rule', async t => {
  const { considered, summary } = why({ groups: ['ci'] }, UNRESOLVED)
  t.strictSame(considered.map(({ rule, holds }) => [rule, holds]), [['not bob', 'no'], ['inside', 'unresolved'], ['rules[2]', 'yes']])
  t.equal(summary, 'the addresses of the name must tell, because of rule "inside"')
})

t.test('a refusal, real or reported: it is told with its reason', async t => {
  t.equal(why({}, decisionOf(rules[0]!, false)).summary, 'denied by rule "not bob": not for you')
  t.equal(why({}, decisionOf(rules[0]!, true)).summary, 'let through, and would be denied by rule "not bob": not for you')
  t.equal(why({}, defaultDecision(false, false)).summary, 'denied by default: no rule allows it')
  t.equal(why({}, defaultDecision(true, false)).summary, 'allowed by default')
})

t.test('the target: it is told in its canonical spelling, and of a path nothing', async t => {
  t.equal(why({ host: '[2001:DB8:0::1]', port: 22 }, defaultDecision(true, false)).target, '[2001:db8::1]:22')
  const route = why({ form: 'reverse', route: '/api/', path: '/canary' }, defaultDecision(true, false))
  t.equal(route.target, '/api')
  t.notMatch(JSON.stringify(route), 'canary')
})
