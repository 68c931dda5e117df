import passport from 'passport'
import t from 'tap'
import { BasicStrategy, MissingPackage, proxyAuthenticate } from '../../lib/index.js'
import { observedOf } from '../../lib/metrics/observed.js'
import { Covering, covering } from '../fixtures/covering.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, BOB, basic, gateway } from '../fixtures/gateway.js'
import { LegsStrategy, leg } from '../fixtures/legs.js'
import { origin } from '../fixtures/origin.js'
import { createPassport } from '../fixtures/passport.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('strategies that prepare themselves: they do so once before the first request, and an error ends the boot', async t => {
  class Prepared extends BasicStrategy {
    prepared = 0
    constructor (private readonly works: boolean) { super({ verify: () => null }) }
    override async prepare () {
      this.prepared++
      if (!this.works) throw new MissingPackage('Prepared', 'nothing')
    }
  }
  const works = new Prepared(true)
  const strategies = [works]
  await gateway(t, { strategies, reverse: [{ prefix: '/a', upstream: 'http://127.0.0.1:1', strategies: [works, basic()] }] })
  t.equal(works.prepared, 1)
  await t.rejects(gateway(t, { strategies: [new Prepared(false)] }), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE' })
})

t.test('a strategy by name: it may be registered after the plugin', async t => {
  const passport = createPassport()
  const { app } = await gateway(t, {
    passport,
    strategies: [{ strategy: 'late', scheme: 'Key' }],
    after: app => {
      passport.use(foreign('late', function () { this.success('alice') }))
      app.get('/', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.name)
    }
  })
  t.equal((await app.inject({ url: '/', headers: { 'proxy-authorization': 'Key k' } })).body, 'alice')
  t.same((await app.inject('/')).headers['proxy-authenticate'], ['Key realm="Gateway"'])
})

t.test('a strategy by name without the option passport: is that of the singleton (F-41)', async t => {
  passport.use('of the gates', foreign('any', function () { this.success('alice') }))
  t.teardown(() => passport.unuse('of the gates'))
  const { app } = await gateway(t, {
    strategies: [{ strategy: 'of the gates', scheme: 'Key' }],
    after: app => app.get('/', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.name)
  })
  t.equal((await app.inject({ url: '/', headers: { 'proxy-authorization': 'Key k' } })).body, 'alice')
})

t.test('the name of anonymous access is that of an account: the boot fails, and says whose name is to change', async t => {
  const anonymous = { to: ['127.0.0.1'] }
  await t.rejects(gateway(t, { anonymous: { ...anonymous, name: 'bob' } }), {
    code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'option anonymous.name must be a name that no account has, got that of one'
  })
  await t.resolves(gateway(t, { anonymous: { ...anonymous, name: 'carol' } }))
})

t.test("cleartext is 'refuse': schemes that send a secret are neither offered nor accepted (R-CH-14, R-BEARER-9)", async t => {
  const key = { strategy: foreign('key', function ({ headers }) { headers.authorization === 'Key k' ? this.success('key') : this.fail() }), scheme: 'Key' }
  const { app } = await gateway(t, {
    cleartext: 'refuse',
    strategies: [basic(), key],
    after: app => { app.get('/', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.name) }
  })
  const ask = async (remoteAddress: string, credentials: string) => {
    const { statusCode, headers, body } = await app.inject({ url: '/', remoteAddress, headers: { 'proxy-authorization': credentials } })
    return statusCode === 407 ? headers['proxy-authenticate'] : body
  }
  t.equal(await ask('127.0.0.1', ALICE), 'alice')
  t.same(await ask('192.0.2.9', ALICE), ['Key realm="Gateway"'])
  t.equal(await ask('192.0.2.9', 'Key k'), 'key')
})

t.test('a connection that stands for a user: it does so only for routes that asked, and by option connectionBound (R-CH-12, R-NEG-10)', async t => {
  const target = await origin(t)
  const strategies = [new LegsStrategy()]
  await t.rejects(gateway(t, { strategies }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /connectionBound/ })
  const { port } = await gateway(t, { strategies, connectionBound: true, reverse: [{ prefix: '/origin', upstream: target.url, status: 401 }] })
  const client = await RawClient.to(t, port)
  const head = `GET ${target.url}/ HTTP/1.1\r\nHost: x\r\n`
  await client.send(`${head}Proxy-Authorization: ${leg('1')}\r\n\r\n`).answer()
  t.match(await client.send(`${head}Proxy-Authorization: ${leg('3 alice 1')}\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
  t.match(await client.send('GET /origin/ HTTP/1.1\r\nHost: x\r\n\r\n').answer(), /^HTTP\/1\.1 401 /)
})

t.test('attempt limits and anonymous access: they come before the strategies', async t => {
  const { app, url } = await gateway(t, {
    attempts: { perUser: 1 }, anonymous: { to: ['127.0.0.1'] }, after: app => app.get('/', { onRequest: proxyAuthenticate }, async () => 'own')
  })
  const { authority } = await origin(t)
  const client = await RawClient.to(t, Number(new URL(url).port))
  t.match(await client.send(`GET http://${authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`).answer(), /^HTTP\/1\.1 200 /)
  const ask = async (password: string) => (await app.inject({
    url: '/', headers: { 'proxy-authorization': `Basic ${Buffer.from(`alice:${password}`).toString('base64')}` }
  })).statusCode
  t.same([await ask('1'), await ask('2')], [407, 429])
})

t.test('a user that is revoked: the cache of every strategy forgets that user, and no other', async t => {
  const asked: string[] = []
  const strategy = new BasicStrategy({
    cache: true,
    verify: ({ username }) => {
      asked.push(username)
      return { username }
    }
  })
  const { app } = await gateway(t, { strategies: [strategy], after: app => app.get('/', { onRequest: proxyAuthenticate }, async () => 'own') })
  const ask = async (credentials: string) => { await app.inject({ url: '/', headers: { 'proxy-authorization': credentials } }) }
  for (const credentials of [ALICE, BOB, ALICE, BOB]) await ask(credentials)
  t.same(asked, ['alice', 'bob'])
  app.proxyAuthRevoke('alice')
  for (const credentials of [ALICE, BOB]) await ask(credentials)
  t.same(asked, ['alice', 'bob', 'alice'])
})

t.test('a reload of accounts: strategies of all routes are asked, each once', async t => {
  const asked: string[] = []
  const reloading = (name: string) => new BasicStrategy({ verify: Object.assign(() => null, { reload: () => { asked.push(name) } }) })
  const one = reloading('one')
  const { app } = await gateway(t, {
    strategies: [one], reverse: [{ prefix: '/a', upstream: 'http://127.0.0.1:1', strategies: [one, reloading('two')] }]
  })
  await app.proxyAuthReload()
  t.strictSame(asked, ['one', 'two'])
})

t.test('content that a strategy wants: it is read for the verdict, and is still there for the route', async t => {
  const { app } = await gateway(t, {
    strategies: [new Covering()], after: app => app.post('/', { onRequest: proxyAuthenticate }, async request => request.body)
  })
  const ask = async (content: string) => await app.inject({
    method: 'POST', url: '/', payload: 'content', headers: { 'content-type': 'text/plain', 'proxy-authorization': covering(content) }
  })
  t.match(await ask('content'), { statusCode: 200, body: 'content' })
  t.equal((await ask('other')).statusCode, 407)
})

t.test('what gates do and keep: it is told for all routes together, with the schemes', async t => {
  const strategies = [new LegsStrategy(), { strategy: basic(), cache: true }]
  const { app, port } = await gateway(t, {
    strategies,
    connectionBound: true,
    reverse: [{ prefix: '/a', upstream: 'http://127.0.0.1:1', strategies: [basic()] }],
    before: app => { app.addHook('onReady', async () => { t.equal(observedOf(app).gates.schemes().size, 0, 'none is known before') }) },
    after: app => app.get('/', { onRequest: proxyAuthenticate }, async () => 'own')
  })
  const { schemes, load } = observedOf(app).gates
  const none = { handshakes: 0, keptContent: 0, running: 0, waiting: 0, yeses: 0, noes: 0 }
  t.strictSame([...schemes()], ['NTLM', 'Basic'])
  t.strictSame(load(), none)
  const ask = async (credentials: string) => await (await RawClient.to(t, port)).send(`GET / HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${credentials}\r\n\r\n`).answer()
  for (const credentials of [leg('1'), ALICE, BOB, `${ALICE}x`, leg('1')]) await ask(credentials)
  t.match(load(), { ...none, handshakes: 2, yeses: 2, noes: Number })
})
