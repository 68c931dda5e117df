import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { ClientCertificateStrategy } from '../../../lib/strategies/certificate/strategy.js'
import type { ClientCertificateOptions } from '../../../lib/strategies/certificate/strategy.js'

const NOW = Date.UTC(2026, 5, 1)
const ALICE = {
  raw: Buffer.from('x'),
  subject: { CN: 'alice' },
  subjectaltname: 'email:alice@a.test',
  fingerprint256: 'AB:CD',
  valid_from: 'Jan  1 00:00:00 2026 GMT',
  valid_to: 'Dec 31 23:59:59 2026 GMT'
}

/** What the strategy says of a connection. */
async function said (socket: object | undefined, options: ClientCertificateOptions = {}): Promise<unknown> {
  const strategy = new ClientCertificateStrategy({ clock: () => NOW, ...options })
  return await new Promise(resolve => {
    const attempt = Object.assign(Object.create(strategy), {
      success: (user: unknown, info: unknown) => resolve({ user, info }),
      fail: (...args: unknown[]) => resolve({ failed: args }),
      error: (cause: Error) => resolve({ error: cause.message })
    })
    attempt.authenticate({ headers: {}, socket: socket as TLSSocket | undefined })
  })
}

const connection = (certificate: object, authorized = true) => ({ authorized, getPeerCertificate: () => certificate })
const REFUSED = { failed: [] }

t.test('a client with a verified certificate: is accepted by the name in it', async t => {
  t.strictSame(await said(connection(ALICE)), { user: { username: 'alice' }, info: { fingerprint: 'AB:CD', userId: 'alice' } })
  t.match(await said(connection(ALICE), { name: 'email' }), { user: { username: 'alice@a.test' }, info: { userId: 'alice@a.test' } })
})

t.test('a client without a verified, current certificate of one name: is refused', async t => {
  for (const [name, socket] of Object.entries({
    'no connection': undefined,
    'no TLS': {},
    'not verified': connection(ALICE, false),
    'no certificate': connection({}),
    'a resumed session without one': { authorized: true },
    'no name': connection({ ...ALICE, subject: {} }),
    'several names': connection({ ...ALICE, subject: { CN: ['alice', 'bob'] } }),
    'no longer valid': connection({ ...ALICE, valid_to: 'May 31 23:59:59 2026 GMT' }),
    'not yet valid': connection({ ...ALICE, valid_from: 'Jun  2 00:00:00 2026 GMT' }),
    'no time': connection({ ...ALICE, valid_to: 'never' })
  })) t.strictSame(await said(socket), REFUSED, name)
  t.strictSame(await said(connection(ALICE), { name: 'URI' }), REFUSED)
})

t.test('a function as verifier: says which user a certificate stands for', async t => {
  t.strictSame(await said(connection(ALICE), { verify: async ({ fingerprint256 }, name) => [{ id: fingerprint256 }, { name }] }), {
    user: { id: 'AB:CD' }, info: { fingerprint: 'AB:CD', userId: 'alice', name: 'alice' }
  })
  t.match(await said(connection({ ...ALICE, subject: {} }), { verify: () => 'somebody' }), { user: 'somebody', info: { fingerprint: 'AB:CD', userId: undefined } })
  for (const nobody of [null, undefined, false] as const) t.strictSame(await said(connection(ALICE), { verify: () => nobody }), REFUSED)
  t.strictSame(await said(connection(ALICE), { verify: () => { throw new Error('cannot tell') } }), { error: 'cannot tell' })
})

t.test('option groups: the user has the organizational units as groups', async t => {
  for (const [OU, groups] of [['ops', ['ops']], [['ops', '', 'ci', 'ops'], ['ops', 'ci']], [undefined, []]] as const) {
    t.strictSame(await said(connection({ ...ALICE, subject: { CN: 'alice', OU } }), { groups: 'OU' }), { user: { username: 'alice', groups }, info: { fingerprint: 'AB:CD', userId: 'alice' } })
  }
  t.match(await said(connection({ ...ALICE, subject: { OU: 'ops' } }), { groups: 'OU', name: 'email' }), { user: { username: 'alice@a.test', groups: ['ops'] } })
  t.strictSame(await said(connection({ ...ALICE, subject: { OU: 'ops' } }), { groups: 'OU' }), REFUSED, 'groups alone are no user')
})

t.test('the strategy itself: has no scheme and no challenge to offer', async t => {
  const strategy = new ClientCertificateStrategy()
  t.match(strategy, { name: 'client-certificate', scheme: null })
  t.equal(strategy.challenge(), null)
})

t.test('wrong options: the boot fails', async t => {
  for (const wrong of [{ verify: 1 }, { name: 'cn' }, { clock: 5 }, { groups: 'O' }, { groups: ['OU'] }, { groups: null }, { groups: 'OU', verify: () => null }, { verfy: () => null }]) {
    t.throws(() => new ClientCertificateStrategy(wrong as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
})

t.test('accounts that are to be read anew: it asks a verifier that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new ClientCertificateStrategy({ verify: reloading('verify') }).reload(), undefined)
  t.strictSame(asked, ['verify'])
  t.equal(await new ClientCertificateStrategy().reload(), false)
})
