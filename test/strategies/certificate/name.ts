import type { PeerCertificate } from 'node:tls'
import t from 'tap'
import { nameInCertificate } from '../../../lib/strategies/certificate/name.js'
import type { CertificateName } from '../../../lib/strategies/certificate/name.js'

t.test('names in a certificate: the only one of its kind is taken, and of several none', async t => {
  const rows: Array<[where: CertificateName, CN: unknown, subjectaltname: string | undefined, name: string | undefined]> = [
    ['CN', 'alice', undefined, 'alice'],
    ['CN', ['alice', 'bob'], undefined, undefined],
    ['CN', '', undefined, undefined],
    ['CN', undefined, 'email:alice@a.test', undefined],
    ['email', 'bob', 'DNS:a.test, email:alice@a.test, URI:urn:alice', 'alice@a.test'],
    ['URI', 'bob', 'DNS:a.test, email:alice@a.test, URI:urn:alice', 'urn:alice'],
    ['DNS', 'bob', 'DNS:a.test', 'a.test'],
    ['email', 'bob', 'email:alice@a.test, email:bob@a.test', undefined],
    ['email', 'bob', 'DNS:"a.test, email:alice@a.test"', undefined],
    ['email', 'bob', 'DNS:"x", email:alice@a.test', undefined],
    ['email', 'bob', 'email:', undefined],
    ['email', 'bob', undefined, undefined]
  ]
  for (const [where, CN, subjectaltname, name] of rows) {
    t.equal(nameInCertificate({ subject: { CN }, subjectaltname } as unknown as PeerCertificate, where), name, `${where} of ${String(CN)}, ${subjectaltname}`)
  }
  t.equal(nameInCertificate({} as PeerCertificate, 'CN'), undefined)
})
