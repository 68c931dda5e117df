import passport from 'passport'
import t from 'tap'
import { HttpBasic } from '../fixtures/foreign/packages.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

// The package itself is the registry where option `passport` is left out.
const verify = (name: string, secret: string, done: (error: unknown, user?: object | false) => void) => {
  done(null, name === 'alice' && secret === 'alice-secret' && { username: name })
}
passport.use('by-name', new HttpBasic(verify) as never)

t.test('a name without option passport: it is looked up in the package passport (F-41)', async t => {
  const target = await origin(t)
  const { port } = await gateway(t, { strategies: [{ strategy: 'by-name', scheme: 'Basic' }] })
  const wrong = `Basic ${Buffer.from('alice:wrong').toString('base64')}`
  for (const [credentials, status] of [[ALICE, 200], [wrong, 407]] as const) {
    const client = await RawClient.to(t, port)
    const head = `GET ${target.url}/ HTTP/1.1\r\nHost: ${target.authority}\r\nProxy-Authorization: ${credentials}\r\n\r\n`
    t.match(await client.send(head).answer(), new RegExp(`^HTTP/1\\.1 ${status} `))
  }
})

t.test('a name that it does not know: the boot fails and lists those it has (F-41)', async t => {
  const boot = gateway(t, { strategies: [{ strategy: 'jwt', scheme: 'Bearer' }] })
  await t.rejects(boot, { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /'jwt'; it has: .*by-name/ })
})
