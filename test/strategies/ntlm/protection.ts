import { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import t from 'tap'
import { AV } from '../../../lib/schemes/ntlm/av-pairs.js'
import { channelBindings } from '../../../lib/schemes/ntlm/channel-bindings.js'
import { disagreement } from '../../../lib/strategies/ntlm/protection.js'
import { certificate, openssl } from '../../fixtures/certificate.js'

const pairs = (targetName?: string, binding?: Buffer) => new Map<number, Buffer>([
  ...targetName === undefined ? [] : [[AV.targetName, Buffer.from(targetName, 'utf16le')] as const],
  ...binding === undefined ? [] : [[AV.channelBindings, binding] as const]
])
const plain = new Socket()

t.test('a connection without TLS: only our names are checked, if they are given', async t => {
  for (const socket of [undefined, plain]) {
    t.equal(disagreement(pairs('HTTP/any.test', Buffer.alloc(16, 1)), socket, undefined), null)
    t.equal(disagreement(pairs(), socket, ['proxy.test']), null)
    t.equal(disagreement(pairs('HTTP/proxy.test:8080'), socket, ['proxy.test']), null)
    t.equal(disagreement(pairs('http/Proxy.Test'), socket, ['proxy.test']), null)
    t.equal(disagreement(pairs('proxy.test'), socket, ['proxy.test']), null)
    t.equal(disagreement(pairs('HTTP/[::1]:8080'), socket, ['::1']), null)
    t.equal(disagreement(pairs('HTTP/::1'), socket, ['::1']), null)
    t.equal(disagreement(pairs('HTTP/'), socket, ['proxy.test']), null, 'none')
    t.equal(disagreement(pairs('HTTP/[::1'), socket, ['::1']), 'target')
    t.equal(disagreement(pairs('HTTP/evil.test'), socket, ['proxy.test']), 'target')
  }
})

t.test('a connection with TLS: the certificate says which names are ours, and which connection it is (R-NTLM-9)', { skip: openssl.skip }, async t => {
  const ours = new X509Certificate(certificate(t, 'proxy.test').cert)
  const other = new X509Certificate(certificate(t, 'proxy.test').cert)
  const socket = { getX509Certificate: () => ours } as unknown as Socket
  for (const binding of channelBindings(ours.raw)) t.equal(disagreement(pairs(undefined, binding), socket, undefined), null)
  for (const binding of channelBindings(other.raw)) t.equal(disagreement(pairs(undefined, binding), socket, undefined), 'binding')
  t.equal(disagreement(pairs(undefined, Buffer.alloc(15, 1)), socket, undefined), 'binding')
  t.equal(disagreement(pairs(undefined, Buffer.alloc(16)), socket, undefined), null, 'zeros are none')
  t.equal(disagreement(pairs('HTTP/proxy.test:443'), socket, undefined), null)
  t.equal(disagreement(pairs('HTTP/evil.test:443'), socket, undefined), 'target')
  t.equal(disagreement(pairs('HTTP/192.0.2.1:443'), socket, undefined), 'target')
  t.equal(disagreement(pairs('HTTP/evil.test:443'), socket, ['evil.test']), null, 'a name of ours')
  t.equal(disagreement(pairs('HTTP/proxy.test'), socket, ['gw.test']), null, 'beside those')
})
