import type { LookupFunction } from 'node:net'
import t from 'tap'
import { explainRequest } from '../../../lib/policy/permission/explain.js'
import type { ExplainedRequest } from '../../../lib/policy/permission/explain.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import { createAccess } from '../../../lib/policy/target/access.js'
import type { ForwardPolicyOptions } from '../../../lib/policy/target/access.js'

const lookup = ((host: string, _options: object, done: (...args: unknown[]) => void) => {
  const found: Record<string, string[]> = { 'registry.test': ['93.184.216.1'], 'mixed.test': ['127.0.0.1', '93.184.216.1'], 'inside.test': ['10.0.0.1'] }
  if (found[host] === undefined) done(new Error('no such name'))
  else done(null, found[host].map(address => ({ address, family: 4 })))
}) as LookupFunction

const policy = createPolicy({
  rules: [
    { name: 'never', to: ['inside.test'], paths: ['/x'], action: 'deny', reason: 'closed' },
    { name: 'registries', groups: ['ci'], to: ['*.test'], action: 'allow' },
    { name: 'net', users: ['bob'], to: ['93.184.216.0/24'], action: 'allow' },
    { name: 'orders', routes: ['/api'], methods: ['GET'], action: 'allow' },
    { name: 'trial', users: ['carol'], routes: ['/api'], action: 'report', reason: 'soon closed' }
  ]
})

async function explained (asked: ExplainedRequest, forward: ForwardPolicyOptions | null = {}, by: typeof policy | undefined = policy) {
  const access = forward === null ? undefined : createAccess({ lookup: lookup as never, ...forward }, () => [])
  return await explainRequest(asked, { policy: by, access, asksCode: false })
}

t.test('a target that a rule allows: which rule, which were looked at, which addresses', async t => {
  t.strictSame(await explained({ user: 'alice', groups: ['ci'], target: 'Registry.test:443' }), {
    allowed: true,
    target: 'registry.test:443',
    rule: 'registries',
    reason: null,
    wouldDeny: false,
    considered: [{ rule: 'never', holds: 'no', failed: ['to', 'paths'] }, { rule: 'registries', holds: 'yes', failed: [] }],
    addresses: [{ address: '93.184.216.1', allowed: true, reason: null }],
    asksCode: false,
    summary: 'registry.test:443 is allowed by rule "registries"'
  })
})

t.test('a target that nothing allows: why, and no address', async t => {
  t.match(await explained({ user: 'alice', target: 'registry.test:22' }), {
    allowed: false, rule: null, reason: 'no rule allows it', addresses: [], summary: 'registry.test:22 is denied: no rule allows it'
  })
})

t.test('a target in absolute-form: its path and scheme are asked about', async t => {
  t.match(await explained({ groups: ['ci'], target: 'http://inside.test/x/y' }), { allowed: false, rule: 'never', reason: 'closed', target: 'inside.test:80' })
  t.match(await explained({ groups: ['ci'], target: 'https://registry.test/x' }), { allowed: true, target: 'registry.test:443' })
  t.match(await explained({ groups: ['ci'], target: 'wss://registry.test/x', websocket: true }), { allowed: true, target: 'registry.test:443' })
})

t.test('addresses that are refused: each has its reason, and one that is allowed is enough', async t => {
  t.match(await explained({ groups: ['ci'], target: 'mixed.test:443' }), {
    allowed: true,
    addresses: [{ address: '127.0.0.1', allowed: false, reason: 'special-purpose address' }, { address: '93.184.216.1', allowed: true, reason: null }]
  })
  t.match(await explained({ groups: ['ci'], target: 'inside.test:443' }), { allowed: false, reason: 'special-purpose address', rule: null, addresses: [{ allowed: false }] })
  t.match(await explained({ user: 'bob', target: 'mixed.test:443' }), { allowed: true, rule: 'net', addresses: [{ allowed: false, reason: 'no rule allows it' }, { allowed: true }] })
})

t.test('lists: refuse without rules, and beside them', async t => {
  t.match(await explained({ target: 'registry.test:443' }, { deny: ['*.test'] }, undefined as never), { allowed: false })
  t.match(await explained({ groups: ['ci'], target: 'registry.test:443' }, { deny: ['*.test'] }), { allowed: false, reason: 'on the deny list', rule: null })
  const access = createAccess({ lookup, deny: ['a.test'] }, () => [])
  const open = { policy: undefined, access, asksCode: true }
  t.match(await explainRequest({ target: 'registry.test:443' }, open), { allowed: true, rule: null, considered: [], asksCode: true, target: 'registry.test:443' })
  t.match(await explainRequest({ target: 'a.test:443' }, open), { allowed: false, reason: 'on the deny list' })
  t.match(await explainRequest({ target: '93.184.216.7:443' }, open), { allowed: true, addresses: [{ address: '93.184.216.7' }] })
  t.match(await explainRequest({ route: '/x', target: '/' }, open), { allowed: true, target: '/x' })
})

t.test('a reverse route: by its prefix, the method and the path', async t => {
  t.match(await explained({ route: '/api/', method: 'GET', target: '/v1' }), { allowed: true, rule: 'orders', target: '/api', addresses: [] })
  t.match(await explained({ route: '/api', method: 'POST', target: '/v1' }), { allowed: false, reason: 'no rule allows it' })
  t.match(await explained({ route: '/api', method: 'GET', target: '/v1', websocket: true }), { allowed: true, rule: 'orders' })
  t.match(await explained({ user: 'carol', route: '/api', method: 'PUT', target: '/v1' }), {
    allowed: true, rule: 'trial', reason: 'soon closed', wouldDeny: true, summary: '/api is let through, and would be denied by rule "trial": soon closed'
  })
})

t.test('no forward proxy: no target is reached', async t => {
  t.match(await explained({ groups: ['ci'], target: 'registry.test:443' }, null), { allowed: false, reason: 'there is no forward proxy' })
})

t.test('bad input: is named, and not shown', async t => {
  await t.rejects(explained({} as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /target must be text/ })
  await t.rejects(explained({ target: 'a.test:443', usr: 'alice' } as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /usr/ })
  await t.rejects(explained({ target: 'a.test' }), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
  await t.rejects(explained({ target: 'ftp://a.test/' }), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
  await t.rejects(explained({ groups: ['ci'], target: 'gone.test:443' }), { code: 'FST_PROXY_AUTH_DNS' })
})

t.test('members that are not what the types say: each is named, and its value is not shown', async t => {
  for (const [name, value] of [['user', 7], ['client', 7], ['method', 7], ['route', 7], ['scheme', 7], ['groups', 'canary'], ['groups', ['canary', 7]], ['groups', null], ['target', 7]] as const) {
    const failure = await explained({ target: 'a.test:443', [name]: value } as never).then(() => null, (error: Error) => error)
    t.match(failure, { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`option ${name} must be`) })
    t.notMatch(failure!.message, /canary/)
  }
})
