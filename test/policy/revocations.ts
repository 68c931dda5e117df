import t from 'tap'
import { Revocations } from '../../lib/policy/revocations.js'

t.test('a revocation: all that hold something are told, in their order', async t => {
  const revocations = new Revocations()
  const told: string[] = []
  revocations.hold({ end: name => told.push(`one ${name}`) })
  revocations.hold({ end: name => told.push(`two ${name}`) })
  revocations.revoke('alice')
  t.strictSame(told, ['one alice', 'two alice'])
})

t.test('a mark: it tells which names were revoked after it was taken', async t => {
  const revocations = new Revocations()
  const before = revocations.mark
  t.equal(revocations.hasEnded('alice', before), false)
  revocations.revoke('alice')
  const after = revocations.mark
  t.equal(revocations.hasEnded('alice', before), true)
  t.equal(revocations.hasEnded('bob', before), false)
  t.equal(revocations.hasEnded('alice', after), false, 'asked anew')
  revocations.revoke('bob')
  t.equal(revocations.hasEnded('alice', after), false)
  t.equal(revocations.hasEnded('bob', after), true)
})

t.test('very many revoked names: the latest are remembered', async t => {
  const revocations = new Revocations()
  const { mark } = revocations
  revocations.revoke('first')
  revocations.revoke('again')
  for (let i = 2; i < 10_000; i++) revocations.revoke(`user ${i}`)
  revocations.revoke('again')
  t.equal(revocations.hasEnded('first', mark), true)
  revocations.revoke('one more')
  t.equal(revocations.hasEnded('first', mark), false)
  revocations.revoke('and another')
  t.equal(revocations.hasEnded('again', mark), true, 'counts from its last time')
})
