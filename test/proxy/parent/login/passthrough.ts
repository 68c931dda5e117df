import t from 'tap'
import { passthroughLogin } from '../../../../lib/proxy/parent/login/passthrough.js'
import { askFor } from '../../../fixtures/parent-login.js'

t.test('the field of the client: is sent as it came, once', async t => {
  const login = passthroughLogin('bAsIc  dTpw', 'alice#1')
  const attempt = login.attempt(askFor())
  t.strictSame(await attempt.first(), { 'proxy-authorization': 'bAsIc  dTpw' })
  t.equal(await attempt.next(['Basic realm="x"']), null)
  t.match(login, { scheme: null, account: 'alice#1', bindsConnection: false, ready: true })
})

t.test('a client that sent none: none is sent', async t => {
  t.equal(await passthroughLogin(undefined, 'alice#1').attempt(askFor()).first(), null)
})

t.test('credentials that authenticate a connection: nothing else uses it (R-CHAIN-9)', async t => {
  const logins = ['NTLM TlRM', 'negotiate YII='].map(field => passthroughLogin(field, 'alice#1'))
  t.match(logins, [{ bindsConnection: true }, { bindsConnection: true }])
  t.not(logins[0]!.account, logins[1]!.account)
  t.equal(passthroughLogin('', 'alice#1').bindsConnection, false)
})
