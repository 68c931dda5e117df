import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { message, surroundings } from '../fixtures/forms.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const by = (credentials: string) => [`Proxy-Authorization: ${credentials}`]

t.test('a revoked user with running tunnels: they are ended, and those of other users go on', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t)
  const open = async (credentials: string) => {
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, ...by(credentials))).until(text => text.includes('\r\n\r\n'))
    t.match(client.text, /^HTTP\/1\.1 200 /)
    client.text = ''
    t.equal(await client.send('ping').until(text => text.length === 4), 'ping')
    return client
  }
  const [one, other, bobs] = [await open(ALICE), await open(ALICE), await open(BOB)]
  gate.app.proxyAuthRevoke('alice')
  await Promise.all([one.end(), other.end()])
  await until(() => gate.proxied().length === 2)
  t.match(gate.proxied(), [{ user: 'alice', reason: 'revoked', status: 200 }, { user: 'alice', reason: 'revoked' }])
  t.equal(await bobs.send('pong').until(text => text.length === 8), 'pingpong')
  const again = await open(ALICE)
  t.equal(again.closed, false, 'whose account is still there may come back')
})

t.test('a revoked user with responses under way, forwarded and of reverse routes: they are ended', async t => {
  const endless = await surroundings(t, {}, (_request, response) => { response.write('first') })
  for (const form of ['origin-form', 'absolute-form'] as const) {
    const [alices, bobs] = [await RawClient.to(t, endless.port), await RawClient.to(t, endless.port)]
    const authority = new URL(endless.origin.url).host
    await alices.send(message(form, authority, by(ALICE))).until(text => text.includes('first'))
    await bobs.send(message(form, authority, by(BOB))).until(text => text.includes('first'))
    const before = endless.proxied().length
    endless.app.proxyAuthRevoke('alice')
    await alices.end()
    await until(() => endless.proxied().length === before + 1)
    t.match(endless.proxied().at(-1), { user: 'alice', status: 200, reason: 'revoked' }, form)
    t.equal(bobs.closed, false)
    bobs.socket.destroy()
    await until(() => endless.proxied().length === before + 2)
  }
})

t.test('a user revoked while the target is looked up: the request is refused', async t => {
  let found!: () => void
  let ask!: () => void
  const asked = new Promise<void>(resolve => { ask = resolve })
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: unknown[]) => void) => {
    found = () => { callback(null, [{ address: '127.0.0.1', family: 4 }]) }
    ask()
  }
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { forward: { special: ['origin.test:*'], lookup: lookup as never } })
  const client = await RawClient.to(t, gate.port)
  client.send(connectHead(`origin.test:${target.port}`, ...by(ALICE)))
  await asked
  gate.app.proxyAuthRevoke('alice')
  found()
  t.match(await client.end(), /^HTTP\/1\.1 403 [^]*access revoked/)
  t.equal(target.sockets.length, 0)
})

t.test('a request that was admitted before the revocation and only now reaches its target: it is ended', async t => {
  const target = await tcpOrigin(t)
  const gate = await gateway(t, {
    hook: 'onRequest',
    after: app => app.addHook('preHandler', async request => { if (request.headers['x-slow'] !== undefined) app.proxyAuthRevoke('alice') })
  })
  const client = await RawClient.to(t, gate.port)
  t.match(await client.send(connectHead(target.authority, ...by(ALICE), 'X-Slow: 1')).end(), /^HTTP\/1\.1 403 /)
  t.equal(target.sockets.length, 0)
})

t.test('a revocation without a name: it throws', async t => {
  const { app } = await gateway(t)
  t.throws(() => app.proxyAuthRevoke(undefined as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})
