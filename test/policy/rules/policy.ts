import fc from 'fast-check'
import t from 'tap'
import type { PolicyDocument, PolicyRequest, PolicyRule } from '../../../lib/index.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import { naiveDecision } from '../../fixtures/naive-policy.js'

const MONDAY = Date.parse('2026-10-19T10:00:00Z')
const clock = () => MONDAY
const OFFICE = ['mon', 'tue', 'wed', 'thu', 'fri'] as const

/** Asks rules for one decision. */
function decide (document: PolicyDocument | PolicyRule[], request: Partial<PolicyRequest>) {
  return createPolicy(Array.isArray(document) ? { rules: document } : document, { clock }).decide({ form: 'connect', host: 'a.test', user: 'alice', ...request })
}
const isAllowed = (rule: Partial<PolicyRule>, request: Partial<PolicyRequest>) => decide([{ action: 'allow', ...rule }], request).allowed
const isDenied = (rule: Partial<PolicyRule>, request: Partial<PolicyRequest>) => decide({ rules: [{ action: 'deny', ...rule }], default: 'allow' }, request).allowed === false

t.test('rules in order: the first that holds decides, and else the default', async t => {
  const rules: PolicyRule[] = [
    { name: 'not bob', users: ['bob'], to: ['a.test'], action: 'deny', reason: 'not for you' },
    { users: ['alice', 'bob'], action: 'allow' }
  ]
  t.same(decide(rules, {}), { allowed: true, rule: 'rules[1]', action: 'allow', reason: null, wouldDeny: false, special: false })
  t.same(decide(rules, { user: 'bob' }), { allowed: false, rule: 'not bob', action: 'deny', reason: 'not for you', wouldDeny: false, special: false })
  t.same(decide(rules, { user: 'bob', host: 'b.test' }).rule, 'rules[1]')
  t.same(decide(rules, { user: 'eve' }), { allowed: false, rule: null, action: 'deny', reason: 'no rule allows it', wouldDeny: false, special: false })
  t.same(decide({ rules: [], default: 'allow' }, {}), { allowed: true, rule: null, action: 'allow', reason: null, wouldDeny: false, special: false })
  t.same(decide([{ action: 'deny' }], {}).reason, 'refused by a rule')
})

t.test('what is only reported: it goes through, and is told as such', async t => {
  const rule: PolicyRule = { name: 'trial', to: ['a.test'], action: 'report', reason: 'not on the list' }
  t.same(decide([rule], {}), { allowed: true, rule: 'trial', action: 'report', reason: 'not on the list', wouldDeny: true, special: false })
  t.same(decide([rule], { host: 'b.test' }).allowed, false)
  t.same(decide({ rules: [{ ...rule, action: 'deny' }], report: true }, {}), { allowed: true, rule: 'trial', action: 'deny', reason: 'not on the list', wouldDeny: true, special: false })
  t.same(decide({ rules: [], report: true }, {}), { allowed: true, rule: null, action: 'deny', reason: 'no rule allows it', wouldDeny: true, special: false })
  t.same(decide({ rules: [{ action: 'allow' }], report: true }, {}).wouldDeny, false)
})

t.test('special: only the rule that says so lifts it', async t => {
  t.same(decide([{ to: ['a.test'], special: true, action: 'allow' }], {}).special, true)
  t.same(decide([{ to: ['b.test'], special: true, action: 'allow' }, { action: 'allow' }], {}).special, false)
})

t.test('who: users, groups, schemes and anonymous access are told apart', async t => {
  t.ok(isAllowed({ users: ['bob', 'alice'] }, {}))
  t.notOk(isAllowed({ users: ['Alice', 'alic'] }, {}))
  t.notOk(isAllowed({ users: ['alice'] }, { user: undefined }))
  t.ok(isAllowed({ users: ['J\u00e4s'] }, { user: 'J\u00e4s' }))
  t.ok(isAllowed({ users: ['Ja\u0308s'] }, { user: 'J\u00e4s' }), 'in form C')
  t.ok(isAllowed({ groups: ['ci', 'ops'] }, { groups: ['dev', 'ops'] }))
  t.notOk(isAllowed({ groups: ['ci'] }, { groups: ['dev'] }))
  t.notOk(isAllowed({ groups: ['ci'] }, {}))
  t.notOk(isAllowed({ groups: ['ci'], users: ['bob'] }, { groups: ['ci'] }), 'all conditions')
  t.ok(isAllowed({ schemes: ['basic', 'Digest'] }, { scheme: 'Basic' }))
  t.notOk(isAllowed({ schemes: ['Digest'] }, { scheme: 'Basic' }))
  t.ok(isAllowed({ schemes: [null] }, {}))
  t.notOk(isAllowed({ schemes: [null] }, { anonymous: true }), 'by nothing is not by a certificate')
  t.notOk(isAllowed({ schemes: [null] }, { user: undefined }))
  t.ok(isAllowed({ anonymous: true }, { anonymous: true }))
  t.notOk(isAllowed({ anonymous: true }, {}))
  t.ok(isAllowed({ anonymous: false }, {}))
  t.notOk(isAllowed({ anonymous: false }, { anonymous: true }))
})

t.test('where: every spelling of a host is the one host (S37, S38)', async t => {
  for (const host of ['EXAMPLE.com.', 'example.COM', 'example.com.']) t.ok(isDenied({ to: ['Example.com'] }, { host }), host)
  for (const host of ['0177.1', '2130706433', '0x7f.1', '\u2460\u2461\u2466.0.0.1', '[::ffff:7f00:1]', '127.1']) t.ok(isDenied({ to: ['127.0.0.1'] }, { host }), host)
  t.ok(isDenied({ to: ['xn--bcher-kva.example'] }, { host: 'BÜCHER.example' }))
  t.ok(isDenied({ to: ['bücher.example'] }, { host: 'xn--bcher-kva.example' }))
  for (const host of ['[example.com]', '', 'a b', 'fe80::1%eth0', '%65xample.com']) t.throws(() => decide([], { host }), { code: 'FST_PROXY_AUTH_BAD_TARGET' }, host)
  for (const port of [0, 65536, 1.5, NaN]) t.throws(() => decide([], { port }), { code: 'FST_PROXY_AUTH_BAD_TARGET' }, String(port))
  t.throws(() => decide([], { host: undefined }), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
})

t.test('where: a pattern without a port allows 80 and 443, and denies every port', async t => {
  for (const port of [80, 443]) t.ok(isAllowed({ to: ['*.test'] }, { port }))
  t.notOk(isAllowed({ to: ['*.test'] }, { port: 22 }))
  t.notOk(isAllowed({}, { port: 22 }), 'nor does no pattern')
  t.ok(isAllowed({ to: ['*.test:22'] }, { port: 22 }))
  t.ok(isAllowed({ to: ['*:*'] }, { port: 22 }))
  t.ok(isDenied({ to: ['a.test'] }, { port: 22 }))
  t.notOk(isDenied({ to: ['a.test:23'] }, { port: 22 }))
  t.ok(isDenied({}, { port: 22 }))
  t.notOk(isAllowed({ to: ['*.test'], except: ['a.test'] }, {}))
  t.ok(isAllowed({ to: ['*.test'], except: ['a.test:80'] }, {}))
  t.ok(isAllowed({ to: ['*.test'], except: ['b.test'] }, {}))
  t.notOk(isDenied({ except: ['a.test'] }, { port: 22 }))
  t.equal(decide([{ to: ['a.test'], action: 'allow' }, { name: 'ssh', to: ['a.test:22'], action: 'allow' }], { port: 22 }).rule, 'ssh', 'a later rule may name it')
})

t.test('where: the port of a form is the usual one unless it is given', async t => {
  t.ok(isAllowed({ to: ['a.test:443'] }, { form: 'connect' }))
  t.ok(isAllowed({ to: ['a.test:80'] }, { form: 'http' }))
  t.ok(isAllowed({ to: ['a.test:443'] }, { form: 'https' }))
  t.ok(isAllowed({ to: ['a.test:443'] }, { form: 'websocket' }))
})

t.test('a rule about addresses: a name waits for its addresses, if they could change anything', async t => {
  const rules: PolicyRule[] = [
    { name: 'inside', to: ['10.0.0.0/8', '2001:db8::/32'], action: 'deny' },
    { name: 'all of test', to: ['*.test'], action: 'allow' }
  ]
  t.same(decide(rules, {}), { allowed: null, rule: null, action: null, reason: null, wouldDeny: false, special: false })
  t.equal(decide(rules, { address: '10.1.2.3' }).rule, 'inside')
  t.equal(decide(rules, { address: '192.0.2.1' }).rule, 'all of test')
  t.equal(decide(rules, { address: '::ffff:10.1.2.3' }).rule, 'inside', 'mapped')
  t.equal(decide(rules, { address: '2002:a01:203::' }).rule, 'inside', '6to4')
  t.equal(decide(rules, { address: 'x' }).allowed, null, 'no address')
  t.equal(decide(rules, { host: 'b.example' }).allowed, false, 'denied anyway: nothing is looked up')
  t.equal(decide(rules, { host: '10.1.2.3' }).rule, 'inside', 'an address does not wait')
  t.equal(decide({ rules, report: true }, { host: 'b.example' }).allowed, null, 'only reported, so it matters which it is')
  t.equal(decide([{ to: ['10.0.0.0/8:22'], action: 'deny' }, ...rules.slice(1)], {}).allowed, true, 'of another port')
  t.equal(decide([{ ...rules[1]!, name: 'before' }, ...rules], {}).allowed, true, 'decided before')
  const allow: PolicyRule[] = [{ name: 'inside', to: ['10.0.0.0/8', 'b.test'], action: 'allow' }]
  t.equal(decide(allow, {}).allowed, null)
  t.equal(decide(allow, { host: 'b.test' }).allowed, true)
  t.equal(decide(allow, { port: 22 }).allowed, false, 'no address would open the port')
  t.equal(decide(allow, { address: '10.0.0.1' }).allowed, true)
  t.equal(decide(allow, { address: '2002:a00:1::' }).allowed, false, 'what is allowed has one spelling')
  t.equal(decide([{ users: ['bob'], ...allow[0]! }], {}).allowed, false, 'of another user')
  t.equal(decide([{ to: ['10.0.0.0/8:22'], action: 'allow' }], { port: 22 }).allowed, null)
  const except: PolicyRule[] = [{ name: 'outside', to: ['*'], except: ['10.0.0.0/8'], action: 'allow' }]
  t.equal(decide(except, {}).allowed, null)
  t.equal(decide(except, { address: '192.0.2.1' }).allowed, true)
  for (const address of ['10.0.0.1', '2002:a00:1::']) t.equal(decide(except, { address }).allowed, false, address)
  const deny: PolicyRule[] = [{ to: ['*'], except: ['10.0.0.0/8'], action: 'deny' }, { to: ['b.test'], action: 'allow' }]
  t.equal(decide(deny, {}).allowed, false, 'whether by the one or by the default')
  t.equal(decide(deny, { host: 'b.test' }).allowed, null)
  t.equal(decide(deny, { host: 'b.test', address: '10.0.0.1' }).allowed, true)
  t.equal(decide(deny, { host: 'b.test', address: '2002:a00:1::' }).allowed, false)
  t.equal(decide([{ to: ['*'], except: ['10.0.0.0/8:22'], action: 'allow' }], {}).allowed, true, 'an exception of another port')
})

t.test('forms and routes: a target is no route, and a route no target', async t => {
  for (const form of ['connect', 'http', 'https', 'websocket'] as const) {
    t.ok(isAllowed({ forms: [form] }, { form }))
    t.notOk(isAllowed({ forms: ['connect', 'http', 'https', 'websocket', 'reverse'].filter(each => each !== form) as never }, { form }))
  }
  const route = { route: '/api', host: undefined }
  t.ok(isAllowed({ forms: ['reverse'] }, { form: 'reverse', ...route }))
  t.ok(isAllowed({ forms: ['reverse'] }, { form: 'websocket', ...route }))
  t.ok(isAllowed({ forms: ['websocket'] }, { form: 'websocket', ...route }))
  t.notOk(isAllowed({ forms: ['websocket'] }, { form: 'reverse', ...route }))
  t.ok(isAllowed({ routes: ['/api/', '/x'] }, { form: 'reverse', ...route }))
  t.ok(isAllowed({ routes: ['/api'] }, { form: 'reverse', route: '/api/' }))
  t.ok(isAllowed({ routes: ['/'] }, { form: 'reverse', route: '/' }))
  t.notOk(isAllowed({ routes: ['/ap', '/api/x'] }, { form: 'reverse', ...route }))
  t.notOk(isAllowed({ routes: ['/api'] }, {}))
  t.ok(isAllowed({}, { form: 'reverse', ...route }))
  t.notOk(isAllowed({ to: ['*:*'] }, { form: 'reverse', ...route }))
  t.notOk(isDenied({ to: ['*'] }, { form: 'reverse', ...route }))
  t.notOk(isAllowed({ except: ['a.test'] }, { form: 'reverse', ...route }))
  t.ok(isDenied({}, { form: 'reverse', ...route }))
})

t.test('methods, clients and paths: what is not known is not allowed, and is denied', async t => {
  t.ok(isAllowed({ methods: ['CONNECT'] }, {}))
  t.ok(isAllowed({ methods: ['GET'] }, { form: 'http', method: 'GET' }))
  t.notOk(isAllowed({ methods: ['GET'] }, { form: 'http', method: 'HEAD' }))
  t.notOk(isAllowed({ methods: ['GET'] }, { form: 'http' }))
  t.ok(isDenied({ methods: ['GET'] }, { form: 'http' }))
  t.ok(isAllowed({ clients: ['10.0.0.0/8', '192.0.2.7'] }, { client: '10.1.2.3' }))
  t.ok(isAllowed({ clients: ['10.0.0.0/8'] }, { client: '::ffff:10.1.2.3' }))
  t.ok(isAllowed({ clients: ['fe80::/10'] }, { client: 'fe80::1%eth0' }))
  t.notOk(isAllowed({ clients: ['10.0.0.0/8'] }, { client: '11.1.2.3' }))
  for (const client of [undefined, 'x']) {
    t.notOk(isAllowed({ clients: ['0.0.0.0/0', '::/0'] }, { client }))
    t.ok(isDenied({ clients: ['10.0.0.0/8'] }, { client }))
  }
  t.notOk(isAllowed({ clients: ['0.0.0.0/0', '::/0'] }, { client: null }))
  t.notOk(isDenied({ clients: ['0.0.0.0/0', '::/0'] }, { client: null }))
  t.ok(isAllowed({ paths: ['/v1'] }, { form: 'http', path: '/v1/x?y' }))
  t.notOk(isAllowed({ paths: ['/v1'] }, { form: 'http', path: '/v1/../x' }))
  t.ok(isDenied({ paths: ['/x'] }, { form: 'http', path: '/v1/../X' }))
  t.notOk(isAllowed({ paths: ['/'] }, { form: 'http' }))
  t.ok(isDenied({ paths: ['/x'] }, { form: 'http' }))
  t.notOk(isAllowed({ paths: ['/'] }, { form: 'connect', path: '/' }), 'a tunnel has no path')
  t.notOk(isDenied({ paths: ['/'] }, { form: 'connect', path: '/' }))
})

t.test('hours: a rule holds within them', async t => {
  t.ok(isAllowed({ days: OFFICE, from: '09:00', until: '17:00', zone: 'Europe/Berlin' }, {}))
  t.notOk(isAllowed({ days: OFFICE, from: '09:00', until: '12:00', zone: 'Europe/Berlin' }, {}))
  t.ok(isAllowed({ from: '10:00' }, {}))
  t.notOk(isAllowed({ until: '10:00' }, {}))
  t.notOk(isAllowed({ days: ['sun'] }, {}))
  t.ok(createPolicy({ rules: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], action: 'allow' }] }).decide({ form: 'connect', host: 'a.test' }).allowed, 'by the clock of the machine')
})

t.test('options that are none: they are refused', async t => {
  for (const options of [{ clock: 1 }, { groups: 'x' }, { group: () => [] }]) {
    t.throws(() => createPolicy({ rules: [] }, options as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
})

t.test('an explanation: it is of the decision that would be made', async t => {
  const policy = createPolicy({ rules: [{ users: ['bob'], action: 'allow' }, { name: 'inside', to: ['10.0.0.0/8'], action: 'deny' }], default: 'allow' })
  const request = { form: 'connect', host: 'a.test', user: 'alice' } as const
  for (const address of [undefined, '10.0.0.1', '192.0.2.1']) {
    const asked = { ...request, ...address !== undefined && { address } }
    t.equal(policy.explain(asked).decision, policy.decide(asked))
  }
  t.match(policy.explain({ ...request, address: '10.0.0.1' }), { target: 'a.test:443', summary: 'denied by rule "inside": refused by a rule' })
  t.same(policy.warnings, [])
  t.throws(() => policy.explain({ form: 'connect', host: 'a b' }), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
})

t.test('the function for forward.check: it says true or the reason', async t => {
  const identity = { user: { groups: ['ci'] }, name: 'alice', info: undefined, scheme: 'Basic', realm: 'Lab' }
  const target = { host: 'a.test', port: 443, scheme: 'connect' } as const
  const ask = (rule: Partial<PolicyRule>, others: object = {}, options = {}) => {
    const { check } = createPolicy({ rules: [{ action: 'allow', ...rule }] }, options)
    return check(target, { ...identity, ...others })
  }
  t.equal(ask({ users: ['alice'], groups: ['ci'], schemes: ['basic'], forms: ['connect'], methods: ['CONNECT'], to: ['a.test:443'] }), true)
  t.equal(ask({ users: ['bob'] }), 'no rule allows it')
  t.equal(ask({ action: 'deny', reason: 'closed' }), 'closed')
  t.equal(ask({ action: 'report', reason: 'closed' }), true)
  t.equal(ask({ to: ['10.0.0.0/8'] }), 'a rule needs the address of the target')
  t.equal(ask({ groups: ['ci'] }, { user: {} }), 'no rule allows it')
  t.equal(ask({ groups: ['ci'] }, { user: 'alice' }), 'no rule allows it')
  t.equal(ask({ groups: ['of alice'] }, { info: 7 }, { groups: (_user: never, info: never) => [info === 7 ? 'of alice' : ''] }), true)
  t.equal(ask({ anonymous: true }, { info: { anonymous: true } }), true)
  t.equal(ask({ anonymous: true }), 'no rule allows it')
  t.equal(ask({ clients: ['::/0', '0.0.0.0/0'] }), 'no rule allows it', 'which is not known here')
})

/** Few values, so that rules and requests meet often. */
const list = <Value>(...values: Value[]) => fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 })
const some = <Value>(...values: Value[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 })
const pattern = list('a.test', '*.test', '*.a.test', '*', 'b.example', 'a.test:22', '*:80', '*:*', '10.0.0.0/8', '10.1.0.0/16:22', '10.1.2.3', '2002:a01:203::', '[2002::/16]:443', '::/0')
const rules = fc.array(fc.record({
  users: list('alice', 'bob', 'carol'),
  groups: list('ci', 'dev'),
  schemes: list('Basic', 'Digest', null),
  anonymous: fc.option(fc.boolean(), { nil: undefined, freq: 1 }),
  clients: list('10.0.0.0/8', '10.1.0.0/16', '192.0.2.7', '::/0'),
  to: pattern,
  except: pattern,
  routes: list('/api', '/x'),
  methods: list('GET', 'POST', 'CONNECT'),
  forms: list('connect', 'http', 'https', 'websocket', 'reverse'),
  paths: list('/', '/a', '/a/b', '/b'),
  days: list('sun', 'mon', 'tue'),
  from: some('09:00', '10:00', '10:01'),
  until: some('09:30', '10:02', '24:00'),
  action: fc.constantFrom('allow', 'deny', 'report')
}, { requiredKeys: ['action'] }).map(({ routes, ...rule }) => {
  const isForRoutes = routes !== undefined && rule.to === undefined && rule.except === undefined
  const without = Object.entries({ ...rule, routes: isForRoutes ? routes : undefined }).filter(([name, value]) => value !== undefined && (name !== 'paths' || rule.forms?.join() !== 'connect'))
  return Object.fromEntries(without) as unknown as PolicyRule
}), { maxLength: 40 })
const requests = fc.record({
  form: fc.constantFrom('connect', 'http', 'https', 'websocket', 'reverse'),
  user: some('alice', 'bob', 'eve'),
  groups: fc.constantFrom(undefined, [], ['ci'], ['dev', 'ops'], ['ci', 'dev']),
  scheme: some('Basic', 'digest'),
  anonymous: some(true, false),
  client: fc.constantFrom(undefined, null, '10.1.2.3', '11.0.0.1', '192.0.2.7', '2001:db8::1'),
  method: some('GET', 'POST'),
  host: fc.constantFrom('a.test', 'b.a.test', 'b.example', 'c.example', '10.1.2.3', '192.0.2.1', '2002:a01:203::'),
  port: some(22, 80, 443),
  address: fc.constantFrom(undefined, '10.1.2.3', '10.2.3.4', '192.0.2.1', '2002:a01:203::', '2001:db8::1'),
  route: some('/api', '/x', '/y'),
  path: fc.constantFrom(undefined, '/', '/a', '/a/b', '/A/b', '/a/../b', '/a%2Fb', '//a', '/b;x', '*')
}).map(({ method, route, ...request }) => {
  const isReverse = request.form === 'reverse' || (request.form === 'websocket' && route !== undefined)
  return { ...request, ...isReverse ? { route: route ?? '/api' } : {}, ...request.form === 'connect' ? {} : { method } } as PolicyRequest
})

t.test('any rules and any request: they decide as one rule after the other would', async t => {
  const documents = fc.record({ rules, default: fc.constantFrom('deny', 'allow'), report: fc.boolean() })
  let decided = 0
  fc.assert(fc.property(documents, fc.array(requests, { minLength: 5, maxLength: 10 }), (document, asked) => {
    const policy = createPolicy(document as PolicyDocument, { clock })
    for (const request of asked) {
      const { allowed, rule } = policy.decide(request)
      const expected = naiveDecision(document as PolicyDocument, request)
      if (allowed !== expected.allowed || rule !== expected.rule) throw new Error(`${JSON.stringify(request)}: ${allowed} by ${rule}, not ${expected.allowed} by ${expected.rule}`)
      if (rule !== null) decided++
    }
  }), { numRuns: 1500 })
  t.ok(decided > 1000, `${decided} were decided by a rule`)
})

t.test('names in another form of Unicode, in a rule and of a user that a scheme gives so: the rule holds', async t => {
  const [user, group] = ['Zoë', 'Équipe'].map(text => text.normalize('NFD')) as [string, string]
  const policy = createPolicy({ default: 'allow', rules: [{ users: [user], action: 'deny' }, { groups: [group], action: 'deny' }] })
  const target = { host: 'a.test', port: 443, scheme: 'connect' } as const
  t.equal(policy.check(target, { name: user, user: {}, info: undefined, scheme: 'Bearer' } as never), 'refused by a rule')
  t.equal(policy.check(target, { name: 'alice', user: { groups: [group] }, info: undefined, scheme: 'Bearer' } as never), 'refused by a rule')
})

t.test('hours that end while rules are compared: one of the two holds', async t => {
  const end = Date.UTC(2026, 9, 19, 17)
  let now = end - 1
  const policy = createPolicy({ rules: [{ from: '17:00', action: 'deny' }, { from: '17:00', action: 'allow' }] }, { clock: () => now++ })
  t.equal(policy.decide({ form: 'connect', host: 'a.test' }).rule, null)
})

t.test('many rules: each request finds its own among them', async t => {
  const rules = Array.from({ length: 3000 }, (_, index): PolicyRule => ({
    name: String(index),
    users: [`user ${index % 50}`],
    to: [`host-${index}.test`, `*.zone-${index}.test`, `10.${index >> 8}.${index & 255}.0/24`],
    action: index % 2 === 0 ? 'allow' : 'deny'
  }))
  const policy = createPolicy({ rules: [...rules, { name: 'wide', groups: ['all'], to: ['*'], action: 'allow' }] })
  for (const index of [0, 1, 255, 256, 2998, 2999]) {
    for (const host of [`host-${index}.test`, `a.b.zone-${index}.test`, `10.${index >> 8}.${index & 255}.7`]) {
      t.equal(policy.decide({ form: 'connect', user: `user ${index % 50}`, host }).rule, host.startsWith('10.') || index % 2 === 1 || index === 0 ? String(index) : null, `${host}: a rule before it may allow it by an address`)
      t.equal(policy.decide({ form: 'connect', user: `user ${index % 50}`, host, address: '192.0.2.1' }).rule, String(index), host)
      t.equal(policy.decide({ form: 'connect', user: 'another', groups: ['all'], host }).rule, 'wide', host)
    }
  }
})
