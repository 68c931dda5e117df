import t from 'tap'
import { readPermissions } from '../../lib/options/permissions.js'
import { createPolicy } from '../../lib/policy/rules/policy.js'

const bad = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('neither rules nor a function: nothing has to permit a request', async t => {
  t.equal(readPermissions({}), undefined)
  t.equal(readPermissions({ groups: () => [] }), undefined)
  const groups = () => []
  t.match(readPermissions({ groups }, true), { policy: undefined, groups, authorize: undefined }, 'but limits ask for groups')
})

t.test('rules as a document, and as a policy: both are ready to be asked', async t => {
  const document = { rules: [{ users: ['alice'], action: 'allow' as const }] }
  const policy = createPolicy(document)
  t.equal(readPermissions({ policy })!.policy, policy)
  t.match(readPermissions({ policy: document })!.policy!.decide({ form: 'connect', user: 'alice', host: 'origin.test' }), { allowed: true })
  t.match(readPermissions({ authorize: () => true }), { policy: undefined, authorizeTimeout: 5000 })
})

t.test('bad options: they are named, and their values are not', async t => {
  for (const [options, message] of [
    [{ policy: null }, 'option policy must be'],
    [{ policy: 'secret' }, 'option policy must be'],
    [{ policy: { rules: [{ action: 'secret' }] } }, 'option policy.rules[0].action must be'],
    [{ groups: 'secret' }, 'option groups must be a function, got string'],
    [{ authorize: {} }, 'option authorize must be a function, got object'],
    [{ authorizeTimeout: 0 }, 'option authorizeTimeout must be']
  ] as const) {
    const error = t.throws(() => readPermissions(options as never), { ...bad, message: new RegExp(message.replace(/[[\].]/g, '\\$&')) })
    t.notMatch(String(error), /secret/)
  }
})
