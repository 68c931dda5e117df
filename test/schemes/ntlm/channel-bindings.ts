import { createHash } from 'node:crypto'
import t from 'tap'
import { channelBindings } from '../../../lib/schemes/ntlm/channel-bindings.js'

t.test('a certificate: its hash is over a structure without addresses, whose data are those of RFC 5929 (R-NTLM-9)', async t => {
  const certificate = Buffer.from('certificate')
  const md5 = (hex: string) => createHash('md5').update(Buffer.from(hex, 'hex')).digest()
  const prefix = Buffer.from('tls-server-end-point:').toString('hex') // 21 octets
  const made = channelBindings(certificate)
  for (const [i, [name, length]] of ([['sha256', '35'], ['sha384', '45'], ['sha512', '55']] as const).entries()) {
    t.same(made[i], md5('00'.repeat(16) + `${length}000000${prefix}` + createHash(name).update(certificate).digest('hex')))
  }
  t.notSame(channelBindings(Buffer.from('another')), made)
})
