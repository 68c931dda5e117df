import t from 'tap'
import { rc4 } from '../../../lib/schemes/ntlm/rc4.js'

// RFC 6229, 2: the key stream, which is what zeros become.
const ROWS = [
  ['0102030405', 'b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919'],
  ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c']
] as const

for (const [key, stream] of ROWS) {
  t.test(`RFC 6229: a key of ${key.length / 2} octets`, async t => {
    t.equal(rc4(Buffer.from(key, 'hex'), Buffer.alloc(32)).toString('hex'), stream)
  })
}

t.test('a text that is encrypted twice: it is decrypted', async t => {
  const key = Buffer.from('Key')
  t.equal(rc4(key, rc4(key, Buffer.from('Plaintext'))).toString(), 'Plaintext')
})
