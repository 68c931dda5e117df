import t from 'tap'
import { Permissions } from '../../../lib/policy/permission/permissions.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import type { ProxyIdentity } from '../../../lib/index.js'

const identity = { name: 'alice', user: { groups: ['ci'] }, info: { anonymous: true, of: 'alice' }, scheme: 'Basic', realm: 'R' } as unknown as ProxyIdentity
const request = { proxyAuth: identity, ip: '192.0.2.1' }
const none = { policy: undefined, groups: undefined, authorize: undefined, authorizeTimeout: 1000 }
const wanted = { form: 'connect', host: 'origin.test', port: 443 } as const

t.test('who asks: name, groups, scheme and whether without credentials are those of the identity', async t => {
  let seen: unknown
  const permissions = new Permissions({ ...none, authorize: asked => { seen = asked; return true } })
  permissions.permit(request, wanted).ask()
  t.strictSame(seen, { ...wanted, client: '192.0.2.1', user: 'alice', groups: ['ci'], scheme: 'Basic', anonymous: true, identity })
})

t.test('a client on a socket in the file system: it has no address', async t => {
  let seen: unknown
  const permissions = new Permissions({ ...none, authorize: asked => { seen = asked.client; return true } })
  permissions.permit({ ...request, ip: undefined as never }, wanted).ask()
  t.equal(seen, null)
})

t.test('the option groups: is asked in place of the member; what fails or is no list of text is a fault', async t => {
  const by = (groups: unknown) => new Permissions({ ...none, groups: groups as never })
  t.strictSame(by((user: object, info: { of: string }) => [info.of, ...Object.keys(user)]).permit(request, wanted).groups, ['alice', 'groups'])
  const cause = new Error('canary')
  t.throws(() => by(() => { throw cause }).permit(request, wanted), { code: 'FST_PROXY_AUTH_CHECK_FAILED', statusCode: 500, cause })
  for (const groups of ['ci', [1], undefined]) t.throws(() => by(() => groups).permit(request, wanted), { code: 'FST_PROXY_AUTH_CHECK_FAILED' })
})

t.test('rules and no function: the rules are asked', async t => {
  const policy = createPolicy({ rules: [{ groups: ['ci'], action: 'allow' }] })
  const permissions = new Permissions({ ...none, policy })
  const permit = permissions.permit(request, wanted)
  t.equal(permit.ask(), undefined)
  t.match(permit.decision, { allowed: true, rule: 'rules[0]' })
  t.equal(new Permissions(none).decide({ ...wanted }), undefined)
})
