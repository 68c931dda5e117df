import t from 'tap'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { startProgram } from '../fixtures/started-program.js'

t.test('a directory: who is in it gets through, and is remembered when it is away', { skip: curl.skip || slapd.skip }, async t => {
  const { url, bindDN, bindCredentials, searchBase, stop } = await startSlapd(t, { alice: 'alice-secret' })
  const { authority } = await origin(t)
  const { port } = await startProgram(t, 'examples/ldap.ts', {
    LDAP_URL: url, LDAP_BASE: searchBase, LDAP_BIND_DN: bindDN, LDAP_BIND_PASSWORD: bindCredentials, LDAP_FILTER: '(cn={{username}})', FORWARD_SPECIAL: authority
  })
  const line = `curl -x http://alice:alice-secret@127.0.0.1:${port} http://${authority}/`
  t.same(await paste(t, line), { status: '200', body: 'origin' })
  t.equal((await paste(t, line.replace('alice-secret', 'wrong'))).status, '407')
  await stop()
  t.same(await paste(t, line), { status: '200', body: 'origin' })
  t.equal((await paste(t, line.replace('alice-secret', 'another'))).status, '503', 'nobody can tell')
})
