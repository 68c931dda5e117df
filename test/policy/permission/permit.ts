import t from 'tap'
import { Permit, denialOf } from '../../../lib/policy/permission/permit.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import type { PolicyDecision, PolicyDocument, PolicyRequest, ProxyIdentity } from '../../../lib/index.js'

const request: PolicyRequest = { form: 'connect', host: 'origin.test', port: 443, user: 'alice', groups: ['ci'] }
const identity = { name: 'alice' } as ProxyIdentity

/** A permit by rules that may change. */
function asked (rules: PolicyDocument['rules'], about: Partial<PolicyRequest> = {}) {
  let policy = createPolicy({ rules })
  const by = {
    version: 0,
    decide: (each: PolicyRequest) => policy.decide(each),
    authorize: (): void => {},
    change (rules: PolicyDocument['rules']) {
      policy = createPolicy({ rules })
      by.version += 1
    }
  }
  return { by, permit: new Permit({ ...request, ...about }, identity, by) }
}

const always = () => true
const address = (text: string) => ({ address: text, family: 4 as const })

t.test('no rules: there is no decision, and nothing is opened', async t => {
  const permit = new Permit(request, identity, { version: 0, decide: () => undefined, authorize: () => {} })
  t.equal(permit.ask(), undefined)
  t.equal(permit.decision, undefined)
  t.strictSame([permit.opensPort, permit.isOpen, permit.at('192.0.2.1'), permit.isStillAllowed(undefined)], [false, false, undefined, true])
  t.strictSame(permit.groups, ['ci'])
})

t.test('rules that refuse: the function is not asked, and the error has the reason and the rule', async t => {
  const { by, permit } = asked([{ name: 'r', to: ['origin.test'], action: 'deny', reason: 'closed' }])
  by.authorize = () => { t.fail('it is asked') }
  t.throws(() => permit.ask(), { code: 'FST_PROXY_AUTH_TARGET_DENIED', statusCode: 403, reason: 'closed', rule: 'r', proxyStatus: 'http_request_denied' })
})

t.test('the function: gets the request and the identity, behind the rules', async t => {
  const seen: unknown[] = []
  const { by, permit } = asked([{ to: ['origin.test'], action: 'allow' }])
  by.authorize = ((...args: unknown[]) => { seen.push(...args) }) as never
  permit.ask()
  t.strictSame(seen, [request, identity])
})

t.test('a rule that allows: it opens the port; a default or a trial does not', async t => {
  const { permit } = asked([{ to: ['origin.test:8443'], action: 'allow' }], { port: 8443 })
  permit.ask()
  t.equal(permit.opensPort, true)
  const trial = asked([{ to: ['origin.test'], action: 'report' }], { port: 8443 }).permit
  trial.ask()
  t.equal(trial.opensPort, false)
  const policy = createPolicy({ rules: [], default: 'allow' })
  const open = new Permit(request, identity, { version: 0, decide: each => policy.decide(each), authorize: () => {} })
  open.ask()
  t.equal(open.opensPort, false)
})

t.test('addresses that must tell: each is asked about, the first that it goes on with counts', async t => {
  const { permit } = asked([{ name: 'net', to: ['192.0.2.0/24'], action: 'allow' }])
  permit.ask()
  t.equal(permit.isOpen, true)
  t.match(permit.at('192.0.2.1'), { allowed: true, rule: 'net' })
  t.match(permit.at('203.0.113.1'), { allowed: false, rule: null })
  permit.settle([], always)
  t.equal(permit.decision?.allowed, null)
  permit.settle([address('192.0.2.1')], always)
  t.match(permit.decision, { allowed: true, rule: 'net' })
})

t.test('addresses that are all refused: what the rules say of one of them is for the log', async t => {
  const { permit } = asked([{ name: 'net', to: ['192.0.2.0/24'], action: 'allow' }])
  permit.ask()
  permit.endAt('203.0.113.1')
  t.match(permit.decision, { allowed: false, action: 'deny', rule: null })
})

t.test('a name that is resolved elsewhere: it is refused where only addresses could tell', async t => {
  const { permit } = asked([{ to: ['192.0.2.0/24'], action: 'allow' }])
  permit.ask()
  t.throws(() => permit.keepName(always), { code: 'FST_PROXY_AUTH_TARGET_DENIED', reason: 'a rule needs the address of the target' })
  const named = asked([{ to: ['origin.test'], action: 'allow' }]).permit
  named.ask()
  named.keepName(always)
  t.equal(named.isStillAllowed(undefined), true)
})

t.test('rules that change: what has begun is asked about anew, with the addresses that it may be at', async t => {
  const { by, permit } = asked([{ to: ['origin.test'], action: 'allow' }])
  permit.ask()
  by.change([{ to: ['192.0.2.0/24'], action: 'allow' }])
  t.equal(permit.isStillAllowed(undefined), true, 'the name is still being resolved')
  t.match(permit.at('203.0.113.1'), { allowed: false }, 'and the new rules are asked behind that')
  permit.settle([address('192.0.2.1'), address('203.0.113.1')], text => permit.at(text)?.allowed === true)
  t.equal(permit.isStillAllowed(undefined), false)
  t.equal(permit.isStillAllowed('203.0.113.1'), false)
  t.equal(permit.isStillAllowed('192.0.2.1'), true)
  by.change([{ to: ['origin.test'], action: 'deny' }])
  t.equal(permit.isStillAllowed(undefined), false)
})

t.test('rules that come to need addresses which are not known here: what goes by a parent ends', async t => {
  const { by, permit } = asked([{ to: ['origin.test'], action: 'allow' }])
  permit.ask()
  permit.keepName(always)
  by.change([{ to: ['192.0.2.0/24'], action: 'allow' }])
  t.equal(permit.isStillAllowed(undefined), false)
})

t.test('why rules refuse: reason and rule, at an address where there is one; without a reason only an address could have told', t => {
  const decision = { allowed: false, action: 'deny', rule: 'r', reason: 'closed', special: false, wouldDeny: false } as PolicyDecision
  t.strictSame(denialOf(decision), { reason: 'closed', proxyStatus: 'http_request_denied', rule: 'r' })
  t.strictSame(denialOf({ ...decision, rule: null }, '192.0.2.1'), { reason: 'closed', proxyStatus: 'destination_ip_prohibited', address: '192.0.2.1' })
  t.strictSame(denialOf({ ...decision, allowed: null, action: null, rule: null, reason: null }), {
    reason: 'a rule needs the address of the target', proxyStatus: 'http_request_denied'
  })
  t.end()
})

t.test('an address that rules have allowed: says nothing of another one, nor of the name', async t => {
  const { permit } = asked([{ to: ['192.0.2.0/24'], action: 'allow' }])
  permit.ask()
  permit.settle([address('192.0.2.1')], always)
  t.match(permit.at('203.0.113.1'), { allowed: false })
  t.throws(() => permit.keepName(always), { code: 'FST_PROXY_AUTH_TARGET_DENIED', reason: 'a rule needs the address of the target' })
})

t.test('rules that change while the function is asked: they are asked once more', async t => {
  const { by, permit } = asked([{ to: ['origin.test'], action: 'allow' }])
  let give!: () => void
  by.authorize = (async () => { await new Promise<void>(resolve => { give = resolve }) }) as never
  const refused = permit.ask()
  by.change([{ name: 'closed', to: ['origin.test'], action: 'deny' }])
  give()
  await t.rejects(Promise.resolve(refused), { code: 'FST_PROXY_AUTH_TARGET_DENIED', rule: 'closed' })
})

t.test('rules that change before the name goes to a parent: the new ones hold', async t => {
  for (const rules of [[{ to: ['192.0.2.0/24'], action: 'allow' }], [{ to: ['origin.test'], action: 'deny' }]] as Array<PolicyDocument['rules']>) {
    const { by, permit } = asked([{ to: ['origin.test'], action: 'allow' }])
    permit.ask()
    by.change(rules)
    t.throws(() => permit.keepName(always), { code: 'FST_PROXY_AUTH_TARGET_DENIED' })
  }
})

t.test('a port or an address that only the old rules have opened: it is not allowed any more', async t => {
  const { permit } = asked([{ to: ['origin.test'], action: 'allow' }])
  permit.ask()
  let stands = true
  permit.settle([address('192.0.2.1')], () => stands)
  t.equal(permit.isStillAllowed('192.0.2.1'), true)
  stands = false
  t.equal(permit.isStillAllowed('192.0.2.1'), false)
  t.equal(permit.isStillAllowed(undefined), false)
  permit.keepName(() => stands)
  t.equal(permit.isStillAllowed(undefined), false)
})

t.test('a target that is none: it is not allowed to go on, and nothing is thrown', async t => {
  const { permit } = asked([{ action: 'allow' }], { host: 'xn--' })
  t.equal(permit.isStillAllowed(undefined), false)
})
