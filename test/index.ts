import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import proxyAuth, * as exported from '../lib/index.js'
import * as errors from '../lib/errors.js'
import type { ProxyAuthOptions } from '../lib/index.js'
import { Health } from '../lib/policy/parent/health.js'
import { ALICE, basic, gateway } from './fixtures/gateway.js'
import { fakeRedis } from './fixtures/fake-redis.js'
import { foreign } from './fixtures/foreign-strategies.js'
import { LegsStrategy, leg } from './fixtures/legs.js'
import { createPassport } from './fixtures/passport.js'
import { origin } from './fixtures/origin.js'
import { RawClient } from './fixtures/raw-client.js'
import { redis, startRedis } from './fixtures/redis.js'
import { until } from './fixtures/until.js'

const least: ProxyAuthOptions = { realm: 'Gateway', strategies: [basic()] }

/** Registers, boots, and tells the error, if any, by its code. */
async function boot (t: Test, setUp: (app: FastifyInstance) => unknown, app: FastifyInstance = Fastify()): Promise<string | undefined> {
  t.teardown(() => app.close())
  try {
    await setUp(app)
    await app.ready()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

t.test('the package: it exports the plugin, its tools and all errors, and nothing else', async t => {
  const { default: plugin, ...names } = exported
  t.equal(plugin, exported.proxyAuth)
  t.same(Object.keys(names).filter(name => !(name in errors)).sort(), [
    'Aws4Strategy', 'BasicStrategy', 'BearerStrategy', 'ClientCertificateStrategy', 'Credentials', 'DigestStrategy', 'MemoryStore',
    'NegotiateStrategy', 'NtlmStrategy', 'RedisStore', 'Strategy', 'answerDigestChallenge', 'answerNtlmChallenge', 'createMatcher', 'createPolicy', 'formatAuthenticationInfo',
    'formatChallenge', 'formatCredentials', 'groupFile', 'htdigest', 'htpasswd', 'lookupStatic', 'ntlmAuth', 'parseAuthenticationInfo',
    'parseChallenges', 'parseCredentials', 'planPolicy', 'policyFile', 'proxyAuth', 'proxyAuthMetrics', 'proxyAuthenticate', 'signAws4', 'timingSafeEqualText', 'verifyStatic'
  ])
  for (const name of Object.keys(errors)) t.ok(name in names, name)
})

t.test('the scope around the plugin: it has the decorators', async t => {
  const { app } = await gateway(t, {
    after: app => {
      app.get('/open', async (request, reply) => {
        t.equal(reply.proxyAuthenticationInfo({ a: '1' }), reply)
        return { proxyAuth: request.proxyAuth }
      })
      app.get('/closed', { onRequest: exported.proxyAuthenticate }, async request => request.proxyAuth)
    }
  })
  const open = await app.inject('/open')
  t.same(open.json(), { proxyAuth: null })
  t.equal(open.headers['proxy-authentication-info'], 'a=1')
  t.equal((await app.inject('/closed')).statusCode, 407)
  const closed = await app.inject({ url: '/closed', headers: { 'proxy-authorization': ALICE } })
  t.same(closed.json(), { user: { username: 'alice' }, name: 'alice', info: { userId: 'alice' }, scheme: 'Basic', realm: 'Gateway' })
})

t.test('an option, a registration or a parser that is wrong: the boot fails', async t => {
  const rows: Array<{ name: string, code: string, setUp: (app: FastifyInstance) => unknown, app?: FastifyInstance }> = [
    { name: 'without options', code: 'FST_PROXY_AUTH_BAD_OPTION', setUp: app => app.register(proxyAuth, {} as never) },
    {
      name: 'with a wrong declaration', code: 'FST_PROXY_AUTH_BAD_OPTION', setUp: app => app.register(proxyAuth, { ...least, strategies: [{ strategy: 7 as never }] })
    },
    {
      name: 'with the name of a strategy that nobody knows', code: 'FST_PROXY_AUTH_BAD_OPTION', setUp: app => app.register(proxyAuth, { ...least, strategies: [{ strategy: 'jwt', scheme: 'Bearer' }], passport: createPassport() })
    },
    {
      name: 'with a realm that no client could read', code: 'FST_PROXY_AUTH_BAD_OPTION', setUp: app => app.register(proxyAuth, { ...least, realm: 'caf\u00e9' })
    },
    {
      name: 'a second time in one scope', code: 'FST_PROXY_AUTH_BAD_REGISTRATION', setUp: async app => { await app.register(proxyAuth, least).register(proxyAuth, least) }
    },
    {
      name: 'a second time in a scope within', code: 'FST_PROXY_AUTH_BAD_REGISTRATION', setUp: async app => { await app.register(proxyAuth, least).register(async scope => { await scope.register(proxyAuth, least) }) }
    },
    {
      name: 'with forward under a prefix',
      code: 'FST_PROXY_AUTH_BAD_REGISTRATION',
      setUp: app => app.register(async scope => { await scope.register(proxyAuth, { ...least, forward: {} }) }, { prefix: '/p' })
    },
    {
      name: 'with forward a second time on one server',
      code: 'FST_PROXY_AUTH_BAD_REGISTRATION',
      setUp: async app => {
        for (let i = 0; i < 2; i++) await app.register(async scope => { await scope.register(proxyAuth, { ...least, forward: {} }) })
      }
    },
    {
      name: 'with a lenient parser (R-SEC-6)', code: 'FST_PROXY_AUTH_BAD_REGISTRATION', app: Fastify({ http: { insecureHTTPParser: true } }), setUp: app => app.register(proxyAuth, least)
    }
  ]
  for (const { name, code, setUp, app } of rows) {
    t.test(name, async t => { t.equal(await boot(t, setUp, app), code) })
  }

  t.test('with a lenient parser for the whole process (R-SEC-6)', async t => {
    const { execArgv } = process
    t.teardown(() => { process.execArgv = execArgv })
    process.execArgv = [...execArgv, '--insecure-http-parser']
    t.equal(await boot(t, app => app.register(proxyAuth, least)), 'FST_PROXY_AUTH_BAD_REGISTRATION')
  })
})

t.test('sibling scopes: they have realms and strategies of their own (R-REALM-1)', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const realm of ['one', 'two']) {
    await app.register(async scope => {
      const only = foreign(realm, function ({ headers }) { headers.authorization === `Key ${realm}` ? this.success(`user of ${realm}`) : this.fail() })
      await scope.register(proxyAuth, { realm, strategies: [{ strategy: only, scheme: 'Key' }] })
      scope.get('/', { onRequest: exported.proxyAuthenticate }, async request => request.proxyAuth)
    }, { prefix: realm })
  }
  app.get('/bare', async request => ({ has: 'proxyAuth' in request }))
  for (const realm of ['one', 'two']) {
    for (const url of ['/one', '/two']) {
      const { statusCode, headers, json } = await app.inject({ url, headers: { 'proxy-authorization': `Key ${realm}` } })
      if (url === `/${realm}`) t.match(json(), { realm, name: `user of ${realm}` })
      else t.match({ statusCode, challenge: headers['proxy-authenticate'] }, { statusCode: 407, challenge: [`Key realm="${url.slice(1)}"`] })
    }
  }
  t.same((await app.inject('/bare')).json(), { has: false })
})

t.test('a reverse route or a target with strategies of its own: those are asked there, and no others', async t => {
  const { authority, seen } = await origin(t)
  const upstream = `http://${authority}`
  const token = { strategy: foreign('token', function ({ headers }) { headers.authorization === 'Bearer t' ? this.success('robot') : this.fail() }), scheme: 'Bearer' }
  const key = { strategy: foreign('key', function ({ headers }) { headers['x-key'] === 'k' ? this.success('key') : this.fail() }), scheme: null, reads: ['x-key'] }
  const shared = [token]
  const { port, app } = await gateway(t, {
    reverse: [
      { prefix: '/usual', upstream }, { prefix: '/token', upstream, strategies: shared }, { prefix: '/also', upstream, strategies: shared, status: 401 },
      { prefix: '/key', upstream, strategies: [key] }
    ],
    forward: { special: ['127.0.0.1:*', 'token.test'], lookup: ((_name: string, _options: object, done: (error: null, list: unknown[]) => void) => { done(null, [{ address: '127.0.0.1', family: 4 }]) }) as never, strategies: [{ to: ['127.0.0.1'], strategies: shared }] },
    after: app => {
      app.get('/own', { onRequest: exported.proxyAuthenticate }, async request => request.proxyAuth?.name)
    }
  })
  const ask = async (line: string, ...fields: string[]) => {
    const client = await RawClient.to(t, port)
    return await client.send([`${line} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n')).answer()
  }
  const basicAsks = /\r\nProxy-Authenticate: Basic realm="Gateway", charset="UTF-8"\r\n/
  const tokenAsks = /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Bearer realm="Gateway"\r\n/
  t.match(await ask('GET /usual/'), basicAsks)
  t.match(await ask('GET /token/'), tokenAsks)
  t.match(await ask('GET /also/'), /^HTTP\/1\.1 401 [^]*\r\nWWW-Authenticate: Bearer realm="Gateway"\r\n/)
  t.match(await ask('GET /key/'), /^HTTP\/1\.1 403 /)
  t.match(await ask(`GET ${upstream}/`), tokenAsks)
  t.match(await ask(`CONNECT ${authority}`), tokenAsks)
  t.match(await ask('GET http://token.test/'), basicAsks, 'the name of that address is another target')
  t.match(await ask('GET /token/', `Proxy-Authorization: ${ALICE}`), tokenAsks, 'what is right elsewhere is not right here')
  t.match(await ask('GET /usual/', 'Proxy-Authorization: Bearer t'), basicAsks)
  t.equal(seen.length, 0)
  for (const line of ['GET /token/', `GET ${upstream}/`, `CONNECT ${authority}`]) t.match(await ask(line, 'Proxy-Authorization: Bearer t'), /^HTTP\/1\.1 200 /, line)
  t.match(await ask('GET /also/', 'Authorization: Bearer t'), /^HTTP\/1\.1 200 /)
  t.match(await ask('GET /key/', 'X-Key: k'), /^HTTP\/1\.1 200 /)
  t.match(await ask('GET /usual/', `Proxy-Authorization: ${ALICE}`, 'X-Key: k'), /^HTTP\/1\.1 200 /)
  t.equal(seen.length, 5)
  for (const { headers } of seen) t.notOk('x-key' in headers || 'proxy-authorization' in headers)
  t.equal((await app.inject({ url: '/own', headers: { 'proxy-authorization': ALICE } })).body, 'alice')
})

t.test('an identity that other strategies gave: it does not count on a route with its own', async t => {
  const { authority, seen } = await origin(t)
  const upstream = `http://${authority}`
  const anybody = foreign('anybody', function () { this.success('mallory') })
  const { port } = await gateway(t, {
    strategies: [{ strategy: anybody, scheme: 'Key' }],
    reverse: [{ prefix: '/strict', upstream, strategies: [basic()] }, { prefix: '/usual', upstream }],
    after: app => { app.addHook('onRequest', exported.proxyAuthenticate) },
    forward: undefined as never
  })
  const client = await RawClient.to(t, port)
  const ask = async (path: string) => await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Key k\r\n\r\n`).answer()
  t.match(await ask('/usual/'), /^HTTP\/1\.1 200 /)
  t.match(await ask('/strict/'), /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Basic /)
  t.equal(seen.length, 1)
})

t.test('a refused CONNECT where some target needs no credentials: the connection is not kept', async t => {
  const nobody = { strategy: foreign('nobody', function () { this.fail() }), scheme: null }
  const { port } = await gateway(t, { forward: { strategies: [{ to: ['*.open.test'], strategies: [nobody] }] } })
  const client = await RawClient.to(t, port)
  t.match(await client.send('CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n').answer(), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i)
})

t.test('a route with status 401: it is an origin, beside others', async t => {
  const { authority } = await origin(t)
  const upstream = `http://${authority}`
  const { port } = await gateway(t, { reverse: [{ prefix: '/proxy', upstream }, { prefix: '/origin', upstream, status: 401 }] })
  const client = await RawClient.to(t, port)
  const ask = async (path: string, field = 'X: y') => await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`).answer()
  t.match(await ask('/proxy/'), /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Basic realm="Gateway", charset="UTF-8"\r\n/)
  t.match(await ask('/origin/'), /^HTTP\/1\.1 401 [^]*\r\nWWW-Authenticate: Basic realm="Gateway", charset="UTF-8"\r\n/)
  t.match(await ask('/proxy/', `Proxy-Authorization: ${ALICE}`), /^HTTP\/1\.1 200 [^]*\r\norigin$/)
  t.match(await ask('/origin/', `Authorization: ${ALICE}`), /^HTTP\/1\.1 200 [^]*\r\norigin$/)
})

t.test('parents of the forward proxy and of routes: the log of the application has their failures', async t => {
  const logTo = t.capture(Health.prototype, 'logTo')
  const upstream = 'http://127.0.0.1:1'
  const parents = [{ url: 'http://parent.test:3128' }]
  const { app } = await gateway(t, { forward: { parents }, reverse: [{ prefix: '/a', upstream }, { prefix: '/b', upstream, parents: ['parent.test:3128'] }] })
  t.strictSame(logTo().map(({ args }) => args), [[app.log], [app.log]])
})

t.test('option status: the page is on a listener of its own, or on that of the application behind the hook', async t => {
  const headers = { 'proxy-authorization': ALICE }
  const reverse = [{ prefix: '/a', upstream: 'http://127.0.0.1:1' }]
  const { app } = await gateway(t, { status: { listen: { port: 0 } }, reverse, limits: [{ name: 'day', quota: { octets: 1000, per: 'day' } }] })
  const url = app.proxyAuthStatusUrl()!
  t.match(await (await fetch(`${url}snapshot.json`)).json(), { users: [], exchanges: [], parents: [] })
  await app.inject({ url: '/a/', headers })
  t.match(await (await fetch(`${url}snapshot.json`)).json(), { users: [{ user: 'alice', quotas: [{ limit: 'day', octets: 1000 }] }] })
  const parents = [{ url: 'http://parent.test:3128' }]
  const { app: other } = await gateway(t, { status: { onRequest: async () => {} }, forward: { parents }, reverse: [{ prefix: '/a', upstream: 'http://127.0.0.1:1', parents: ['parent.test:3128'] }] })
  t.equal(other.proxyAuthStatusUrl(), undefined)
  t.match((await other.inject('/proxy-status/snapshot.json')).json(), { parents: [{ parent: 'parent.test:3128', state: 'works' }] })
  await other.inject({ url: '/a/', headers })
  t.match((await other.inject('/proxy-status/snapshot.json')).json(), { users: [{ user: 'alice', quotas: [] }] })
  const { app: without } = await gateway(t)
  t.equal(without.proxyAuthStatusUrl(), undefined)
  t.equal(await boot(t, app => app.register(proxyAuth, { ...least, status: {} })), 'FST_PROXY_AUTH_BAD_OPTION')
})

t.test('option attempts: wrong secrets are counted, and there is a warning when Redis is away (R-SEC-2)', async t => {
  const redis = fakeRedis({ status: 'end' })
  const { url, app, log } = await gateway(t, {
    attempts: { perUser: 1, redis, key: 'k'.repeat(32) }, after: app => app.get('/own', { onRequest: exported.proxyAuthenticate }, async () => 'own')
  })
  const ask = async (password: string) => (await app.inject({
    url: `${url}/own`, headers: { 'proxy-authorization': `Basic ${Buffer.from(`alice:${password}`).toString('base64')}` }
  })).statusCode
  t.equal(await ask('1'), 407)
  t.equal(await ask('2'), 429)
  t.ok(log.some(({ level, msg }) => level === 40 && /Redis/.test(String(msg))))
  t.equal(await boot(t, app => app.register(proxyAuth, { ...least, attempts: { perUser: -1 } })), 'FST_PROXY_AUTH_BAD_OPTION')
})

t.test('a reverse route with anonymous access: it needs no credentials, and other routes do', async t => {
  const { authority } = await origin(t)
  const upstream = `http://${authority}`
  const { port } = await gateway(t, { reverse: [{ prefix: '/open', upstream, anonymous: true }, { prefix: '/closed', upstream }] })
  const client = await RawClient.to(t, port)
  t.match(await client.send('GET /open/ HTTP/1.1\r\nHost: a\r\n\r\n').answer(), /^HTTP\/1\.1 200 /)
  t.match(await client.send('GET /closed/ HTTP/1.1\r\nHost: a\r\n\r\n').answer(), /^HTTP\/1\.1 407 /)
})

t.test('a user that is revoked by name: the cache forgets the user, and what is no name is an error', async t => {
  const asked: string[] = []
  const verify = ({ username }: { username: string }) => {
    asked.push(username)
    return { username }
  }
  const strategy = new exported.BasicStrategy({ verify, cache: true })
  const { app } = await gateway(t, {
    strategies: [strategy], after: app => app.get('/', { onRequest: exported.proxyAuthenticate }, async () => 'own')
  })
  const ask = async () => { await app.inject({ url: '/', headers: { 'proxy-authorization': ALICE } }) }
  await ask()
  t.throws(() => app.proxyAuthRevoke(7 as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  await ask()
  t.same(asked, ['alice'])
  app.proxyAuthRevoke('alice')
  await ask()
  t.same(asked, ['alice', 'alice'])
})

t.test('option hook: it says when the gate runs', async t => {
  for (const hook of ['onRequest', 'preHandler'] as const) {
    const order: string[] = []
    const { app } = await gateway(t, {
      hook,
      strategies: [{ strategy: foreign('asked', function () { order.push('gate'); this.fail() }), scheme: null }],
      before: app => {
        app.addHook('onRequest', async () => { order.push('onRequest') })
        app.addHook('preHandler', async () => { order.push('preHandler') })
      },
      after: app => { app.addHook('onRequest', async () => { order.push('later') }) }
    })
    const { port } = app.server.address() as { port: number }
    const client = await RawClient.to(t, port)
    await client.send('GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n').answer()
    t.same(order, hook === 'onRequest' ? ['onRequest', 'gate'] : ['onRequest', 'later', 'preHandler', 'gate'])
  }
})

t.test('a refused CONNECT: the connection is kept, unless a strategy needs no credentials', async t => {
  const nobody = { strategy: foreign('nobody', function () { this.fail() }), scheme: null }
  for (const [strategies, closes] of [[[basic()], false], [[basic(), nobody], true]] as const) {
    const { port } = await gateway(t, { strategies })
    const client = await RawClient.to(t, port)
    const answer = await client.send('CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n').answer()
    t.match(answer, /^HTTP\/1\.1 407 /)
    t.equal(/\r\nconnection: close\r\n/i.test(answer), closes)
  }
})

t.test('after a refused CONNECT the connection is not kept where it stands for a user: what comes on it would speak for him', async t => {
  const target = await origin(t)
  const { port } = await gateway(t, {
    strategies: [new LegsStrategy()],
    connectionBound: true,
    before: app => { app.addHook('preHandler', async (request, reply) => { if (request.method === 'CONNECT') return await reply.code(407).send() }) }
  })
  const client = await RawClient.to(t, port)
  await client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${leg('2 alice')}\r\n\r\n`).answer()
  t.match(await client.send('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n').end(), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i)
})

t.test('a close of the application: it waits for what is under way, but no longer than drainTimeout', async t => {
  const { app, port } = await gateway(t, { drainTimeout: 1 })
  const { authority } = await origin(t, () => {})
  const client = await RawClient.to(t, port)
  await client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).until(text => text.includes('\r\n\r\n'))
  t.match(client.text, /^HTTP\/1\.1 200 /)
  await app.close()
  await client.end()
  t.ok(client.closed)
})

t.test('rules: they are asked, explained and read anew; without them all that the lists allow goes', async t => {
  const policy = { rules: [{ name: 'own', users: ['alice'], to: ['127.0.0.1:*'], action: 'allow' as const }] }
  const rows: Array<[options: Partial<ProxyAuthOptions>, explanation: object]> = [
    [{ policy }, { allowed: true, rule: 'own', asksCode: false }],
    [{ policy, authorize: () => true }, { allowed: true, rule: 'own', asksCode: true }],
    [{ authorize: () => true }, { allowed: true, rule: null, asksCode: true }],
    [{ forward: { special: ['127.0.0.1:*'], check: () => true } }, { allowed: true, rule: null, asksCode: true }],
    [{}, { allowed: true, rule: null, asksCode: false }],
    [{ forward: undefined as never }, { allowed: false, asksCode: false }]
  ]
  for (const [options, explanation] of rows) {
    const { app } = await gateway(t, options)
    t.match(await app.proxyAuthExplain({ user: 'alice', target: '127.0.0.1:8443' }), explanation)
    await app.proxyAuthReload()
  }
})

t.test('a Redis: the application is ready once it shares it, and a revocation goes there', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const { app } = await gateway(t, { redis: { client: await client(), key: 'k'.repeat(32) } })
  app.proxyAuthRevoke('alice')
  const other = await client()
  await until(async () => (await other.keys('*revo*')).length > 0)
  t.pass()
})
