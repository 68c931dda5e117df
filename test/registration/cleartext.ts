import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { listensInTheClear } from '../../lib/registration/cleartext.js'

t.test('a listener beyond loopback without TLS: it listens in the clear, any other does not', async t => {
  const listens = (addresses: ReadonlyArray<string | { address: string }>, server: object = {}) =>
    listensInTheClear({ server, addresses: () => addresses } as unknown as FastifyInstance)
  t.equal(listens([{ address: '127.0.0.1' }, { address: '127.8.8.8' }, { address: '::1' }]), false)
  t.equal(listens([{ address: '127.0.0.1' }, { address: '192.0.2.1' }]), true)
  t.equal(listens([{ address: '::' }]), true)
  t.equal(listens(['/run/gateway.sock']), false)
  t.equal(listens([{ address: '0.0.0.0' }], { getTicketKeys () {} }), false, 'with TLS')
})
