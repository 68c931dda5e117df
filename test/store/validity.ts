import t from 'tap'
import { holdsWhile, validityOf } from '../../lib/store/validity.js'

t.test('what was found in a file: it tells whether it holds still', async t => {
  const file = { same: true }
  const user = { username: 'alice' }
  t.equal(holdsWhile(user, () => file.same), user)
  const holds = validityOf(user)!
  t.equal(holds(), true)
  file.same = false
  t.equal(holds(), false)
})

t.test('a user from elsewhere, a copy or a text: it is not known whether that holds', async t => {
  const user = holdsWhile({ username: 'alice' }, () => true)
  for (const other of [{ username: 'alice' }, { ...user }, 'alice']) t.equal(validityOf(other), undefined)
})
