import t from 'tap'
import { ReloadFailed } from '../../lib/errors.js'
import { createPolicy } from '../../lib/policy/rules/policy.js'
import { reloadAll } from '../../lib/registration/reload.js'

const policy = createPolicy({ rules: [] })
const file = (reload: () => Promise<void>) => ({ ...policy, onChange: () => () => {}, reload }) as never

t.test('accounts and rules: both are read anew', async t => {
  const done: string[] = []
  await reloadAll(async () => { done.push('accounts') }, file(async () => { done.push('rules') }))
  t.same(done.sort(), ['accounts', 'rules'])
  await reloadAll(async () => {}, undefined)
  await reloadAll(async () => {}, policy)
})

t.test('one that fails, or both: the other is read all the same, and the error has what failed and why', async t => {
  const done: string[] = []
  const broken = new Error('broken')
  const accounts = new ReloadFailed('basic', [broken])
  await t.rejects(reloadAll(async () => { throw accounts }, file(async () => { done.push('rules') })), accounts)
  await t.rejects(reloadAll(async () => { done.push('accounts') }, file(async () => { throw broken })), { what: 'policy', errors: [broken] })
  t.same(done, ['rules', 'accounts'])
  await t.rejects(reloadAll(async () => { throw accounts }, file(async () => { throw broken })), {
    code: 'FST_PROXY_AUTH_RELOAD_FAILED', message: 'could not reload: basic, policy', errors: [broken, broken]
  })
})
