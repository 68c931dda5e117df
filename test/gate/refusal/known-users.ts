import t from 'tap'
import { KnownUsers } from '../../../lib/gate/refusal/known-users.js'
import type { Refused } from '../../../lib/passport/outcome.js'
import type { RefusalNote } from '../../../lib/strategies/strategy.js'
import { basic } from '../../fixtures/attempt.js'

const REJECTED: Refused = {
  kind: 'refused', status: 407, reason: 'rejected', challenges: ['Basic realm="x"'], scheme: 'Basic', cause: null, note: null
}
const known = (...names: string[]): KnownUsers => names.reduce((users, name) => users.add(name), new KnownUsers())

t.test('a refusal of a name that was accepted: it has that name, and no other text in its place (R-DIG-43)', t => {
  const users = known('alice')
  const noteOf = (credentials?: string): RefusalNote | null => users.addTo(REJECTED, credentials).note
  t.same(noteOf(basic('alice', 'wrong')), { reason: 'rejected', guess: true, userId: 'alice' })
  for (const other of [basic('hunter2', ''), undefined, 'Basic', 'Basic !']) t.equal(noteOf(other), null, other ?? 'none')
  t.equal(users.addTo({ ...REJECTED, scheme: null }, 'Other x').note, null)
  t.same(users.addTo(REJECTED, basic('alice', 'x')), { ...REJECTED, note: { reason: 'rejected', guess: true, userId: 'alice' } })
  t.end()
})

t.test('a note of the strategy itself: it stays, and gets the name of the user where it has none', t => {
  for (const userId of [null, 'bob']) {
    const note = { reason: 'nonce', userId, guess: false }
    t.same(known('alice').addTo({ ...REJECTED, note }, basic('alice', 'wrong')).note, { ...note, userId: userId ?? 'alice' })
  }
  t.end()
})

t.test('a refusal that is no wrong guess: it is not told as one', t => {
  const forbidden: Refused = { ...REJECTED, status: 403, reason: 'forbidden', challenges: [] }
  t.same(known('alice').addTo(forbidden, basic('alice', 'x')).note, { reason: 'forbidden', guess: false, userId: 'alice' })
  t.end()
})

t.test('very many names: the latest are remembered', t => {
  const users = known('first', 'second')
  for (let i = 2; i < 10_000; i++) users.add(`user${i}`)
  users.add('first')
  t.equal(users.size, 10_000)
  t.ok(users.has('first'), 'one that is there takes no place')
  users.add('one more')
  t.strictSame([users.size, users.has('first'), users.has('second'), users.has('one more')], [10_000, false, true, true])
  t.end()
})
