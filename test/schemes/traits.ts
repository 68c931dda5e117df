import t from 'tap'
import { isConnectionBound, traitsOf } from '../../lib/schemes/traits.js'

const SCHEMES = ['Basic', 'Bearer', 'Digest', 'NTLM', 'Negotiate', 'AWS4-HMAC-SHA256', 'Hawk', 'OAuth', 'DPoP', 'SCRAM-SHA-256', 'Key', null]

t.test('NTLM and Negotiate, in any case: are bound to the connection, and no other scheme is', async t => {
  t.strictSame(SCHEMES.filter(isConnectionBound), ['NTLM', 'Negotiate'])
  t.strictSame(['ntlm', 'NEGOTIATE', 'ntlm2'].map(isConnectionBound), [true, true, false])
})

t.test('the traits of schemes: it is known which show the secret, are made with it, are good once, name the user', async t => {
  const having = (trait: 'sendsSecret' | 'computed' | 'goodOnce' | 'namesUser') => SCHEMES.filter(scheme => traitsOf(scheme)[trait])
  t.strictSame(having('sendsSecret'), ['Basic', 'Bearer'])
  t.strictSame(having('computed'), ['Digest', 'NTLM', 'Negotiate', 'AWS4-HMAC-SHA256', 'Hawk'])
  t.strictSame(having('goodOnce'), ['Digest', 'NTLM', 'Negotiate', 'AWS4-HMAC-SHA256', 'Hawk', 'OAuth', 'DPoP', 'SCRAM-SHA-256'])
  t.strictSame(having('namesUser'), ['Basic', 'Digest'])
  t.strictSame(['BASIC', 'key', null].map(scheme => traitsOf(scheme).name), ['Basic', null, null])
})
