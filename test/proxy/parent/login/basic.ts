import t from 'tap'
import { BasicStrategy, verifyStatic } from '../../../../lib/index.js'
import { basicLogin } from '../../../../lib/proxy/parent/login/basic.js'
import { gateway } from '../../../fixtures/gateway.js'
import { askFor, credentialsOf, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'

t.test('Basic: goes unasked, in UTF-8 and form C', async t => {
  const login = basicLogin({ scheme: 'Basic', username: 'ju\u0308rgen', password: 'p:ß' })
  t.equal(credentialsOf(await login.attempt(askFor()).first()), `Basic ${Buffer.from('j\u00fcrgen:p:ß').toString('base64')}`)
  t.match(login, { scheme: 'Basic', account: /^ju\u0308rgen#\d+$/, bindsConnection: false, ready: true })
})

t.test('Basic at a gateway of ours: is let in with the right password, and refused once with another', async t => {
  const { authority } = await tcpOrigin(t)
  const request = askFor({ uri: authority, authority })
  const { port } = await gateway(t, { strategies: [new BasicStrategy({ verify: verifyStatic({ jürgen: 'p:ß' }) })] })
  const login = (password: string) => basicLogin({ scheme: 'Basic', username: 'jürgen', password })
  const right = await logIn(await RawClient.to(t, port), login('p:ß'), request)
  t.match(right, { status: 200, sent: [/^Basic /] })
  t.equal(right.sent.length, 1)
  const wrong = await logIn(await RawClient.to(t, port), login('p'), request)
  t.equal(wrong.status, 407)
  t.equal(wrong.sent.length, 1)
})
