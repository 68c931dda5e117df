import t from 'tap'
import { formatChallenge, parseChallenges } from '../../../lib/fields/challenge.js'
import { digestChallenge } from '../../../lib/schemes/digest/challenge.js'
import type { DigestOffer } from '../../../lib/schemes/digest/challenge.js'
import { algorithmOf } from '../../fixtures/digest.js'

const algorithm = algorithmOf('SHA-256')
const offer: DigestOffer = { realm: 'lab', algorithms: [algorithm], qop: ['auth'], opaque: 'b3A', charset: true, userhash: false, rfc2069: false }

t.test('a challenge: realm, nonce, opaque and qop are quoted, the others not, and there is no domain (R-DIG-1, R-DIG-2, R-DIG-3, R-DIG-14)', async t => {
  t.equal(
    formatChallenge(digestChallenge(offer, algorithm, 'n0', false)),
    'Digest realm="lab", qop="auth", algorithm=SHA-256, nonce="n0", opaque="b3A", charset="UTF-8"'.replace('"UTF-8"', 'UTF-8')
  )
  t.equal(
    formatChallenge(digestChallenge({ ...offer, qop: ['auth', 'auth-int'], userhash: true }, algorithm, 'n0', true)),
    'Digest realm="lab", qop="auth,auth-int", algorithm=SHA-256, nonce="n0", opaque="b3A", stale=true, charset=UTF-8, userhash=true'
  )
})

t.test('options that are off: the challenge says nothing of them (R-DIG-2, R-DIG-15)', async t => {
  t.equal(
    formatChallenge(digestChallenge({ ...offer, opaque: '', charset: false, rfc2069: true }, algorithm, 'n0', false)),
    'Digest realm="lab", qop="auth", algorithm=SHA-256, nonce="n0"'
  )
})

t.test('a realm with quotes, commas and backslashes: it is read back as it was', async t => {
  const realm = 'a=b, "c" \\ d'
  t.equal(parseChallenges(formatChallenge(digestChallenge({ ...offer, realm }, algorithm, 'n0', false)))[0]?.params?.realm, realm)
})
