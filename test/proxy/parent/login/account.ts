import t from 'tap'
import { nameAccount } from '../../../../lib/proxy/parent/login/account.js'

t.test('two accounts of one name: have names of their own', async t => {
  const [first, second] = [nameAccount('gateway'), nameAccount('gateway')]
  t.match(first, /^gateway#\d+$/)
  t.not(first, second)
})
