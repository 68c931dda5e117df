import { createHash } from 'node:crypto'
import t from 'tap'
import { lookupStatic } from '../../lib/users/lookup-static.js'

const users = { alice: 'alice-secret', Jäson: 'x' }

t.test('a name in Unicode form C: its account is found', async t => {
  const { lookup } = lookupStatic(users)
  t.strictSame(lookup('alice'), { username: 'alice', password: 'alice-secret' })
  t.match(lookup('J\u00e4son'), { password: 'x' })
  t.equal(lookup('toString'), null)
})

t.test('the hash of a name and realm: its account is found (R-DIG-15, R-DIG-38)', async t => {
  const { lookupHash } = lookupStatic(users)
  for (const [hash, nodeHash] of [['MD5', 'md5'], ['SHA-256', 'sha256'], ['SHA-512-256', 'sha512-256']] as const) {
    const userhash = createHash(nodeHash).update('alice:gw').digest('hex')
    t.match(lookupHash(userhash, 'gw', hash), { username: 'alice' })
    t.match(lookupHash(userhash, 'gw', hash), { username: 'alice' }, 'and again')
    t.equal(lookupHash(userhash, 'another', hash), null)
  }
})

t.test('an account with more than a password: the user has the rest of it (F-30)', async t => {
  const { lookup, lookupHash } = lookupStatic({ alice: { password: 'alice-secret', groups: ['ops'] } })
  const account = { username: 'alice', password: 'alice-secret', user: { username: 'alice', groups: ['ops'] } }
  t.strictSame(lookup('alice'), account)
  t.strictSame(lookupHash(createHash('sha256').update('alice:gw').digest('hex'), 'gw', 'SHA-256'), account)
})
