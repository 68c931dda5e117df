// The examples with schemes that authenticate a connection, by what their comments say to paste.
import t from 'tap'
import { startExample } from '../fixtures/example.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { winbind, winbindSkip } from '../fixtures/winbind.js'

const GOOD = { status: '200', body: 'origin' }
/** The same through a tunnel. */
const tunnelled = (line: string) => line.replace('curl ', 'curl -p ')

t.test('ntlm-samba.mjs: Samba accepts the right password and no wrong one', { skip: curl.skip || winbindSkip }, async t => {
  const target = await origin(t)
  const { ntlmAuth, domain } = await winbind(t)
  const { lines: [line], said } = await startExample(t, 'ntlm-samba', { env: { NTLM_AUTH: ntlmAuth, SPECIAL: target.authority }, target: target.url })
  const ours = line!.replace('DOMAIN', domain)
  t.equal((await paste(t, ours.replace('alice-secret', 'wrong'))).status, '407')
  t.equal(target.connections, 0)
  for (const each of [ours, tunnelled(ours)]) t.same(await paste(t, each), GOOD)
  await said(new RegExp(`"user":"${domain}\\\\\\\\alice","scheme":"NTLM"`))
})

t.test('negotiate.mjs: a ticket is accepted, a client without one is refused', { skip: curl.skip || kerberos.skip }, async t => {
  const target = await origin(t)
  const { env, cache } = await kdc(t)
  const { lines: [line], said } = await startExample(t, 'negotiate', { env: { ...env, SPECIAL: target.authority }, target: target.url })
  const ours = line!.replace('kinit alice && ', '')
  const as = (user: string | null) => ({ KRB5_CONFIG: env['KRB5_CONFIG']!, KRB5CCNAME: cache(user) })
  t.equal((await paste(t, ours, '.', as(null))).status, '407')
  t.equal(target.connections, 0)
  for (const each of [ours, tunnelled(ours)]) t.same(await paste(t, each, '.', as('alice')), GOOD)
  await said(/"user":"alice","scheme":"Negotiate"/)
})
