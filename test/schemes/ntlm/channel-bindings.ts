import { spawnSync } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { channelBinding, channelBindings } from '../../../lib/schemes/ntlm/channel-bindings.js'
import { openssl } from '../../fixtures/certificate.js'

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

t.test('a certificate: a client takes the hash that it is signed with, and SHA-256 for an older or none (RFC 5929, 4.1)', { skip: openssl.skip }, async t => {
  const folder = t.testdir()
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(openssl.path, args, { cwd: folder })
    if (status !== 0) throw new Error(`openssl: ${String(stderr)}`)
  }
  run('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'rsa')
  run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-out', 'ec')
  run('genpkey', '-algorithm', 'ED25519', '-out', 'ed')
  const pss = ['-sigopt', 'rsa_padding_mode:pss']
  for (const [key, hash, options] of [
    ['rsa', 'sha1', []], ['rsa', 'sha256', []], ['rsa', 'sha384', []], ['rsa', 'sha512', []], ['ec', 'sha256', []], ['ec', 'sha384', []], ['ec', 'sha512', []],
    ['rsa', 'sha256', pss], ['rsa', 'sha384', pss], ['rsa', 'sha512', pss], ['ed', 'sha512', []]
  ] as const) {
    run('req', '-x509', '-key', key, `-${hash}`, ...options, '-days', '2', '-subj', '/CN=proxy.test', '-out', 'cert')
    const { raw } = new X509Certificate(readFileSync(join(folder, 'cert')))
    const wanted = key === 'ed' ? 0 : ['sha256', 'sha384', 'sha512'].indexOf(hash)
    t.same(channelBinding(raw), channelBindings(raw)[Math.max(0, wanted)], [key, hash, ...options].join(' '))
  }
})

t.test('a certificate that says odd lengths: some binding comes of it', async t => {
  for (const hex of ['', '30', '3080', '30ffffffffff', '3003300130', '308900000000000000000330013000']) t.equal(channelBinding(Buffer.from(hex, 'hex')).length, 16)
})
