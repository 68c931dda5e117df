import type { LookupFunction } from 'node:net'
import t from 'tap'
import { createAccess } from '../../../lib/policy/target/access.js'
import type { ForwardPolicyOptions } from '../../../lib/policy/target/access.js'
import { hostForParent } from '../../../lib/proxy/parent/destination.js'

const lookup: LookupFunction = (name, _options, callback) => {
  setImmediate(callback, null, name === 'inside.test' ? [{ address: '10.0.0.1', family: 4 }] : [{ address: '9.9.9.9', family: 4 }, { address: '149.112.112.112', family: 4 }])
}

async function hostFor (host: string, resolve: 'parent' | 'local', options: ForwardPolicyOptions = {}, port = 80): Promise<string> {
  const access = createAccess({ lookup, ...options }, () => [])
  return await hostForParent({ resolve }, await access.admit({ host, port, scheme: 'http' }, undefined), access)
}

const DENIED = { code: 'FST_PROXY_AUTH_TARGET_DENIED' }

t.test('a name that the parent resolves: it is asked for as a name, in its one spelling', async t => {
  t.equal(await hostFor('Origin.test.', 'parent'), 'origin.test')
  t.equal(await hostFor('inside.test', 'parent'), 'inside.test', 'what it means there is not known here')
})

t.test('a name that is resolved here: its addresses are classified, and the first that may be reached is asked for', async t => {
  t.equal(await hostFor('origin.test', 'local'), '9.9.9.9')
  t.equal(await hostFor('origin.test', 'local', { deny: ['9.9.9.9'] }), '149.112.112.112')
  await t.rejects(hostFor('inside.test', 'local'), DENIED)
})

t.test('an address: it is classified, whichever of the two resolves names', async t => {
  for (const resolve of ['parent', 'local'] as const) {
    t.equal(await hostFor('0x9090909', resolve), '9.9.9.9')
    t.equal(await hostFor('[2620:fe::9]', resolve), '2620:fe::9')
    await t.rejects(hostFor('127.1', resolve), { ...DENIED, reason: 'special-purpose address' })
  }
})

t.test('a name that rules for addresses alone could allow: it is refused where the parent resolves it', async t => {
  await t.rejects(hostFor('origin.test', 'parent', { allow: ['9.9.9.9'] }), { ...DENIED, reason: 'not on the allow list' })
  t.equal(await hostFor('origin.test', 'local', { allow: ['9.9.9.9'] }), '9.9.9.9')
})
