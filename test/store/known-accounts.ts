import t from 'tap'
import { hasAccount, knowingAccounts } from '../../lib/store/known-accounts.js'

t.test('a verifier whose accounts are known: it has those and no others', async t => {
  const verify = () => null
  t.equal(knowingAccounts(verify, (name) => name === 'alice'), verify)
  t.equal(hasAccount(verify, 'alice'), true)
  t.equal(hasAccount(verify, 'bob'), false)
})

t.test('a verifier whose accounts are not known, and none: they have no account of any name', async t => {
  t.equal(hasAccount(() => null, 'alice'), false)
  t.equal(hasAccount(undefined, 'alice'), false)
})
