import t from 'tap'
import { exchangedKey, messageIntegrityCode, ntHash, ntHashOf, ntProof, ntowfv2, sessionBaseKey } from '../../../lib/schemes/ntlm/keys.js'
import { vectors } from '../../fixtures/vectors.js'

interface Row { id: string, inputs: Record<string, string>, expected: Record<string, string> }
const { inputs, expected } = vectors<Row>('ntlm').find(({ id }) => id === 'NT-NTLMv2')!
const hex = (text: string | undefined) => Buffer.from(text!, 'hex')

t.test('the worked example of version 2: every key is right (MS-NLMP, 4.2.4; R-NTLM-8)', async t => {
  const hash = ntHash(inputs['password']!)
  t.same(hash, hex(expected['ntowfv1_hex']))
  const key = ntowfv2(hash, inputs['user']!, inputs['domain']!)
  t.same(key, hex(expected['ntowfv2_hex']))
  const proof = ntProof(key, hex(inputs['server_challenge_hex']), hex(expected['temp_hex']))
  t.same(proof, hex(expected['nt_proof_str_hex']))
  const base = sessionBaseKey(key, proof)
  t.same(base, hex(expected['session_base_key_hex']))
  t.same(exchangedKey(base, hex(expected['encrypted_random_session_key_hex'])), hex(inputs['random_session_key_hex']))
})

t.test('an account: its hash is that of its password, or what it has in octets or hex digits', async t => {
  const hash = ntHash('Password')
  for (const account of [{ password: 'Password' }, { ntHash: hash }, { ntHash: new Uint8Array(hash) }, { ntHash: hash.toString('hex').toUpperCase() }]) {
    t.same(ntHashOf(account), hash)
  }
})

t.test('an account without a secret, or with one that is none: it has no hash', async t => {
  for (const account of [{}, { password: '' }, { password: 1 }, { ntHash: hex('00'.repeat(15)) }, { ntHash: 'x'.repeat(32) }, { ntHash: '0'.repeat(31) }, { ntHash: null }]) {
    t.equal(ntHashOf(account), undefined)
  }
})

t.test('name and domain of a user: the name alone is put in upper case, char by char (R-NTLM-8)', async t => {
  const hash = Buffer.alloc(16, 1)
  t.same(ntowfv2(hash, 'äLice', 'dom'), ntowfv2(hash, 'ÄLICE', 'dom'))
  t.notSame(ntowfv2(hash, 'alice', 'dom'), ntowfv2(hash, 'alice', 'DOM'))
  t.notSame(ntowfv2(hash, 'straße', ''), ntowfv2(hash, 'STRASSE', ''), 'what has two chars for one stays')
})

t.test('an integrity code: it is over all messages in their order', async t => {
  const key = Buffer.alloc(16, 2)
  const [a, b] = [Buffer.from('a'), Buffer.from('b')]
  t.equal(messageIntegrityCode(key, a, b).length, 16)
  t.notSame(messageIntegrityCode(key, a, b), messageIntegrityCode(key, b, a))
})
