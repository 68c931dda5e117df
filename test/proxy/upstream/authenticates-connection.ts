import t from 'tap'
import { authenticatesConnection } from '../../../lib/proxy/upstream/authenticates-connection.js'

t.test('Authorization by NTLM or Negotiate: it authenticates the connection, and nothing else does (R-PSUP-3)', async t => {
  for (const scheme of ['NTLM TlRM', 'ntlm TlRM', 'Negotiate YII=']) {
    t.ok(authenticatesConnection(['Host', 'a.test', 'AUTHORIZATION', scheme]), scheme)
  }
  for (const value of ['Basic dTpw', 'Bearer NTLM', 'NTLMx y']) t.notOk(authenticatesConnection(['Authorization', value]), value)
  t.notOk(authenticatesConnection(['X-Authorizatio', 'NTLM TlRM', 'Proxy-Whatever', 'NTLM']))
  t.notOk(authenticatesConnection([]))
})
