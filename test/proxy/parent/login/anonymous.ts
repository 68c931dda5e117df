import t from 'tap'
import { ANONYMOUS } from '../../../../lib/proxy/parent/login/anonymous.js'
import { basic, gateway } from '../../../fixtures/gateway.js'
import { askFor, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'

t.test('no credentials: none are sent, and a parent that asks for some has refused', async t => {
  const { authority } = await tcpOrigin(t)
  const request = askFor({ uri: authority, authority })
  const asking = await gateway(t, { strategies: [basic()] })
  t.match(await logIn(await RawClient.to(t, asking.port), ANONYMOUS, request), { status: 407, sent: [null] })
  t.match(ANONYMOUS, { scheme: null, bindsConnection: false, ready: true })
})
