import t from 'tap'
import type { PolicyDocument, PolicyRule } from '../../../lib/index.js'
import { planPolicy } from '../../../lib/policy/rules/plan.js'

const before: PolicyDocument = {
  rules: [
    { name: 'registries', groups: ['ci'], to: ['pypi.org', 'registry.npmjs.org'], action: 'allow' },
    { name: 'not bob', users: ['bob'], action: 'deny', reason: 'gone' },
    { to: ['*.test'], action: 'allow' },
    { name: 'old', action: 'deny' }
  ]
}
const NOTHING = { added: [], removed: [], changed: [], reordered: false, members: [], decisions: [] }

t.test('the same document: nothing changes', async t => {
  const samples = { users: [{ user: 'alice', groups: ['ci'] }], targets: ['pypi.org:443', 'http://a.test/'] }
  t.strictSame(planPolicy(before, structuredClone(before), samples), NOTHING)
  t.strictSame(planPolicy({ rules: [] }, { rules: [], default: 'deny', report: false }), NOTHING)
})

t.test('rules that are new, gone or not the same: they are named', async t => {
  const [registries, notBob, unnamed] = before.rules as [PolicyRule, PolicyRule, PolicyRule]
  const after: PolicyDocument = { rules: [{ ...unnamed, to: ['*.example'] }, { ...registries, to: ['pypi.org'], days: ['mon'] }, notBob, { name: 'new', action: 'deny' }], default: 'allow', report: true }
  t.strictSame(planPolicy(before, after), {
    added: ['rules[0]', 'new'],
    removed: ['rules[2]', 'old'],
    changed: [{ rule: 'registries', members: ['to', 'days'] }],
    reordered: false,
    members: ['default', 'report'],
    decisions: []
  })
  t.strictSame(planPolicy(before, { rules: [unnamed, ...before.rules.filter(rule => rule !== unnamed)] }), { ...NOTHING, reordered: true })
})

t.test('samples: those that are decided in another way are told, with both decisions', async t => {
  const after: PolicyDocument = { rules: [{ ...before.rules[0]!, to: ['pypi.org'] }, { name: 'still not bob', users: ['bob'], action: 'deny', reason: 'gone' }, { to: ['*.test'], paths: ['/open'], action: 'allow' }] }
  const { decisions } = planPolicy(before, after, {
    users: [{ user: 'alice', groups: ['ci'] }, { user: 'bob' }],
    targets: ['pypi.org:443', 'registry.npmjs.org:443', 'http://a.test/open', 'https://[2001:db8::1]/'],
    requests: [{ form: 'reverse', route: '/api', user: 'carol' }, { form: 'http', host: 'a.test', path: '/closed' }]
  })
  t.match(decisions, [
    { request: { form: 'reverse', route: '/api' }, before: { reason: 'refused by a rule' }, after: { reason: 'no rule allows it' } },
    { request: { path: '/closed' }, before: { allowed: true, rule: 'rules[2]' }, after: { allowed: false, rule: null } },
    { request: { user: 'alice', form: 'connect', host: 'registry.npmjs.org', port: 443 }, before: { allowed: true }, after: { allowed: false } },
    { request: { user: 'alice', form: 'https', method: 'GET', host: '2001:db8::1', port: 443, path: '/' }, before: { rule: 'old' }, after: { rule: null } }
  ])
  t.equal(decisions.length, 4, 'and no others')
})

t.test('a document or a target that is wrong: it is refused', async t => {
  t.throws(() => planPolicy(before, { rules: {} } as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  for (const target of ['a.test', 'ftp://a.test/', 'a b:1', '/path']) {
    t.throws(() => planPolicy(before, before, { users: [{}], targets: [target] }), { code: 'FST_PROXY_AUTH_BAD_TARGET' }, target)
  }
})
