import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { listensInTheClear, sendsSecrets } from '../lib/cleartext.js'

t.test('whose secrets can be read', async t => {
  const schemes = ['Basic', 'Bearer', 'Digest', 'NTLM', 'Negotiate', 'Key', null]
  t.same(schemes.filter(scheme => sendsSecrets({ scheme })), ['Basic', 'Bearer'])
})

t.test('where it listens', async t => {
  const listens = (addresses: ReadonlyArray<string | { address: string }>, server: object = {}) =>
    listensInTheClear({ server, addresses: () => addresses } as unknown as FastifyInstance)
  t.equal(listens([{ address: '127.0.0.1' }, { address: '127.8.8.8' }, { address: '::1' }]), false)
  t.equal(listens([{ address: '127.0.0.1' }, { address: '192.0.2.1' }]), true)
  t.equal(listens([{ address: '::' }]), true)
  t.equal(listens(['/run/gateway.sock']), false)
  t.equal(listens([{ address: '0.0.0.0' }], { getTicketKeys () {} }), false, 'with TLS')
})
