import t from 'tap'
import { checkedGroups, userGroups } from '../../../lib/policy/rules/user-groups.js'

t.test('the groups of a user object: a list of text counts, and anything else is none', async t => {
  const groups = ['ci', 'ops']
  t.equal(userGroups({ username: 'alice', groups }), groups)
  t.strictSame(userGroups({ groups: [] }), [])
  for (const user of [{}, { groups: 'ci' }, { groups: ['ci', 7] }, { groups: new Set(['ci']) }, { groups: { 0: 'ci', length: 1 } }, 'alice', null, undefined]) t.strictSame(userGroups(user), [], JSON.stringify(user))
})

t.test('groups that a function gives: a list of text, or an error; a promise that is rejected is not uncaught', async t => {
  t.strictSame(checkedGroups(['ci']), ['ci'])
  for (const groups of ['ci', [7], undefined, Promise.reject(new Error('no'))]) t.throws(() => checkedGroups(groups), TypeError)
})
