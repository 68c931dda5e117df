import fastifyAuth from '@fastify/auth'
import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import proxyAuth, { BearerStrategy, proxyAuthenticate } from '../../lib/index.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import type { Authenticate } from '../fixtures/foreign-strategies.js'
import { ALICE, BOB, basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

const CHALLENGE = 'Basic realm="Gateway", charset="UTF-8"'
const RIGHT = `Proxy-Authorization: ${ALICE}`
const WRONG = `Proxy-Authorization: Basic ${Buffer.from('alice:guess').toString('base64')}`
const FORBIDDEN = 'Proxy-Authorization: Bearer x'

/** Asks for a path, over a socket. */
type Ask = (path: string, ...fields: string[]) => Promise<Answer>

/** An application that has routes of its own beside the gateway's. */
async function application (t: Test, after: (app: FastifyInstance) => unknown, options: GatewayOptions = {}): Promise<Ask> {
  const bearer = new BearerStrategy({ verify: () => ({ error: 'insufficient_scope' }) })
  const { port } = await gateway(t, { strategies: [basic(), bearer], after, ...options })
  return async (path, ...fields) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send([`GET ${path} HTTP/1.1`, 'Host: app.test', 'Connection: close', ...fields, '', ''].join('\r\n')).end())
  }
}

const BOTH = `${CHALLENGE}, Bearer realm="Gateway"`
const name = async (request: FastifyRequest) => ({ name: request.proxyAuth?.name ?? null })

for (const hook of ['onRequest', 'preHandler'] as const) {
  t.test(`proxyAuthenticate as ${hook} (R-407-1, R-407-2, R-407-4)`, async t => {
    const ask = await application(t, app => { app.get('/', { [hook]: proxyAuthenticate }, name) })
    t.match(await ask('/', RIGHT), { status: 200, body: '{"name":"alice"}' })
    for (const fields of [[], [WRONG], ['Proxy-Authorization: Newauth x'], [`Authorization: ${ALICE}`]]) {
      const { status, fields: { 'proxy-authenticate': challenge, 'www-authenticate': origins, 'cache-control': cache }, body } = await ask('/', ...fields)
      t.equal(status, 407, fields.join())
      t.equal(challenge, BOTH)
      t.equal(origins, undefined)
      t.equal(cache, 'no-store')
      t.match(JSON.parse(body), { statusCode: 407, code: 'FST_PROXY_AUTH_REQUIRED' })
    }
    t.match(await ask('/', FORBIDDEN), { status: 403, fields: { 'proxy-authenticate': 'Bearer realm="Gateway", error="insufficient_scope"' } })
    t.match(await ask('/', RIGHT, RIGHT), { status: 400 })
    t.match(await ask('/', 'Proxy-Authorization: Basic !'), { status: 400 })
  })
}

t.test('a handler of an own route: it sees credentials for the application, and not those for the gateway (R-CHAIN-1, R-MAP-1)', async t => {
  const ask = await application(t, app => {
    app.get('/', { onRequest: proxyAuthenticate }, async ({ headers, raw: { rawHeaders, headersDistinct } }) => ({ headers, rawHeaders, headersDistinct }))
  })
  const { status, body } = await ask('/', RIGHT, 'Authorization: Bearer app', 'Cookie: a=b')
  t.equal(status, 200)
  t.notMatch(body, /proxy-authorization/i)
  t.match(JSON.parse(body), { headers: { authorization: 'Bearer app', cookie: 'a=b' }, headersDistinct: { cookie: ['a=b'] } })
})

t.test('a second call asks nobody: the identity stands', async t => {
  let asked = 0
  const counted = foreign('counted', function () { asked++; this.success('alice') })
  const ask = await application(t, app => {
    app.addHook('onRequest', proxyAuthenticate)
    app.get('/', { preHandler: [proxyAuthenticate, proxyAuthenticate] }, name)
  }, { strategies: [{ strategy: counted, scheme: 'Key' }] })
  t.match(await ask('/', 'Proxy-Authorization: Key k'), { status: 200, body: '{"name":"alice"}' })
  t.equal(asked, 1)
})

type AuthFunction = (request: FastifyRequest, reply: FastifyReply) => Promise<void>
const yes: AuthFunction = async () => {}
const no = (statusCode?: number): AuthFunction => async () => { throw Object.assign(new Error('no'), statusCode === undefined ? {} : { statusCode }) }
const pages: AuthFunction = async (_request, reply) => {
  reply.code(401)
  throw new Error('no')
}

t.test('proxyAuthenticate inside app.auth of @fastify/auth: its status and challenge fit the relation', async t => {
  interface Row { name: string, functions: (ours: AuthFunction) => Array<AuthFunction | AuthFunction[]>, options?: object, stranger: number, alice: number }
  const rows: Row[] = [
    { name: 'or: ours, then one that says yes', functions: ours => [ours, yes], stranger: 200, alice: 200 },
    { name: 'or: one that says yes, then ours', functions: ours => [yes, ours], stranger: 200, alice: 200 },
    { name: 'or, all run: one that says yes, then ours', functions: ours => [yes, ours], options: { run: 'all' }, stranger: 200, alice: 200 },
    { name: 'or: ours, then a 401', functions: ours => [ours, no(401)], stranger: 407, alice: 200 },
    { name: 'or: a 401, then ours', functions: ours => [no(401), ours], stranger: 407, alice: 200 },
    { name: 'or: ours between two', functions: ours => [no(403), ours, no(401)], stranger: 407, alice: 200 },
    { name: 'or: ours, then an error without a status', functions: ours => [ours, no()], stranger: 407, alice: 200 },
    { name: 'or: an error without a status, then ours', functions: ours => [no(), ours], stranger: 407, alice: 200 },
    { name: 'or: one that sets 401 itself, then ours', functions: ours => [pages, ours], stranger: 407, alice: 200 },
    { name: 'and: ours, then one that says yes', functions: ours => [ours, yes], options: { relation: 'and' }, stranger: 407, alice: 200 },
    { name: 'and: one that says yes, then ours', functions: ours => [yes, ours], options: { relation: 'and' }, stranger: 407, alice: 200 },
    { name: 'and: ours, then a 401', functions: ours => [ours, no(401)], options: { relation: 'and' }, stranger: 407, alice: 401 },
    { name: 'and: a 401, then ours', functions: ours => [no(401), ours], options: { relation: 'and' }, stranger: 401, alice: 401 },
    { name: 'or of and: ours and yes, else a 401', functions: ours => [[ours, yes], no(401)], stranger: 407, alice: 200 },
    { name: 'or of and: ours and a 401, else yes', functions: ours => [[ours, no(401)], yes], stranger: 200, alice: 200 },
    { name: 'and of or: ours or yes, and yes', functions: ours => [[ours, yes], yes], options: { relation: 'and' }, stranger: 200, alice: 200 },
    { name: 'and of or: ours or a 401, and yes', functions: ours => [[ours, no(401)], yes], options: { relation: 'and' }, stranger: 407, alice: 200 }
  ]
  for (const hook of ['onRequest', 'preHandler'] as const) {
    for (const { name: title, functions, options, stranger, alice } of rows) {
      t.test(`${title}, as ${hook} (R-407-1, R-407-16)`, async t => {
        const ask = await application(t, async app => {
          await app.register(fastifyAuth)
          app.get('/', { [hook]: app.auth(functions(proxyAuthenticate) as never, options as never) }, name)
        })
        for (const [fields, status] of [[[], stranger], [[WRONG], stranger], [[RIGHT], alice]] as Array<[string[], number]>) {
          const answer = await ask('/', ...fields)
          t.equal(answer.status, status, fields.join())
          t.equal(answer.fields['proxy-authenticate'], status === 407 ? BOTH : undefined)
          t.equal(answer.fields['cache-control'], status === 407 ? 'no-store' : undefined)
          if (status === 407) t.match(JSON.parse(answer.body), { statusCode: 407 })
        }
        const forbidden = await ask('/', FORBIDDEN)
        t.equal('proxy-authenticate' in forbidden.fields, forbidden.status === 403, 'the challenge of a 403 is not left behind')
      })
    }
  }
})

t.test('our errors on own routes: the error handler of the application sees them, and has the last word (R-407-1)', async t => {
  const seen: unknown[] = []
  const ask = await application(t, app => {
    app.setErrorHandler((error: Error & { code?: string, statusCode?: number }, request, reply) => {
      seen.push([error.code, error.statusCode])
      if (request.url === '/login') return reply.redirect('/form', 302)
      return reply.code(error.statusCode ?? 500).send(`mine ${error.statusCode}`)
    })
    app.get('/', { onRequest: proxyAuthenticate }, name)
    app.get('/login', { onRequest: proxyAuthenticate }, name)
  })
  t.match(await ask('/'), { status: 407, body: 'mine 407', fields: { 'proxy-authenticate': BOTH } })
  t.match(await ask('/', FORBIDDEN), { status: 403, body: 'mine 403' })
  t.match(await ask('/', 'Proxy-Authorization: Basic !'), { status: 400, body: 'mine 400' })
  const { status, fields } = await ask('/login')
  t.match({ status, location: fields['location'] }, { status: 302, location: '/form' })
  t.notOk('proxy-authenticate' in fields)
  t.same(seen, [
    ['FST_PROXY_AUTH_REQUIRED', 407], ['FST_PROXY_AUTH_FORBIDDEN', 403], ['FST_PROXY_AUTH_MALFORMED_CREDENTIALS', 400],
    ['FST_PROXY_AUTH_REQUIRED', 407]
  ])
})

t.test('errors of proxy routes: the error handler of the application sees all of them but the 407', async t => {
  const seen: unknown[] = []
  const broken = { strategy: foreign('broken', function () { this.error(new Error('down')) }), scheme: 'Broken' }
  const { port } = await gateway(t, {
    strategies: [basic(), new BearerStrategy({ verify: () => ({ error: 'insufficient_scope' }) }), broken],
    // Before the plugin, as Fastify has it: routes take the error handler that is there when their plugin has loaded.
    before: app => {
      app.setErrorHandler((error: Error & { code?: string, statusCode?: number }, _request, reply) => {
        seen.push(error.code)
        return reply.code(error.statusCode ?? 500).send(`mine ${error.statusCode}`)
      })
    }
  })
  const ask = async (...fields: string[]) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send(['GET http://origin.test/ HTTP/1.1', 'Host: origin.test', ...fields, '', ''].join('\r\n')).answer())
  }
  t.match(await ask(), { status: 407, body: /Realm: Gateway/ })
  t.match(await ask('Proxy-Authorization: Basic !'), { status: 400, body: 'mine 400' })
  t.match(await ask(FORBIDDEN), { status: 403, body: 'mine 403' })
  t.match(await ask('Proxy-Authorization: Broken x'), { status: 500, body: 'mine 500' })
  t.same(seen, ['FST_PROXY_AUTH_MALFORMED_CREDENTIALS', 'FST_PROXY_AUTH_FORBIDDEN', 'FST_PROXY_AUTH_STRATEGY_FAILED'])
})

t.test('a 407 of the application itself: it stays as it is', async t => {
  const ask = await application(t, app => {
    app.get('/', async (_request, reply) => await reply.code(407).header('proxy-authenticate', 'Theirs').send('theirs'))
    app.get('/known', { onRequest: proxyAuthenticate }, async (_request, reply) => await reply.code(407).send('theirs'))
  })
  const { status, fields, body } = await ask('/')
  t.match({ status, body, challenge: fields['proxy-authenticate'] }, { status: 407, body: 'theirs', challenge: 'Theirs' })
  t.notOk('cache-control' in fields)
  t.notOk('proxy-authenticate' in (await ask('/known', RIGHT)).fields)
})

t.test('@fastify/passport in the same application: it goes on with its own users, strategies and failures (R-MAP-1, R-MAP-2, R-CRED-4)', async t => {
  const key: Authenticate = function ({ headers }) {
    headers.authorization === 'Key app' ? this.success({ username: 'app user' }, { from: 'app' }) : this.fail('Key realm="App"')
  }
  const authenticator = new Authenticator()
  authenticator.use('key', foreign('key', key) as never)
  authenticator.use('proxy-key', foreign('proxy-key', function ({ headers }) {
    headers.authorization === 'Proxy-Key gw' ? this.success({ username: 'proxy user' }) : this.fail()
  }) as never)
  const ask = await application(t, app => {
    const ours = proxyAuthenticate
    const theirs = authenticator.authenticate('key', { session: false, authInfo: true })
    const both = async ({ user, authInfo, proxyAuth }: FastifyRequest) => ({ user, authInfo, proxy: proxyAuth?.user ?? null })
    app.get('/both', { onRequest: ours, preValidation: theirs as never }, both)
    app.get('/theirs', { preValidation: theirs as never }, both)
    app.get('/ours', { onRequest: ours }, both)
  }, {
    passport: authenticator as never,
    strategies: [{ strategy: 'proxy-key', scheme: 'Proxy-Key' }],
    before: async app => {
      app.decorateRequest('session', null as never)
      await app.register(authenticator.initialize())
    }
  })
  const app = { user: { username: 'app user' }, authInfo: { from: 'app' } }
  const proxy = { username: 'proxy user' }
  const [forApp, forProxy] = ['Authorization: Key app', 'Proxy-Authorization: Proxy-Key gw']
  t.same(JSON.parse((await ask('/both', forApp, forProxy)).body), { ...app, proxy })
  t.same(JSON.parse((await ask('/ours', forApp, forProxy)).body), { user: null, proxy })
  t.same(JSON.parse((await ask('/theirs', forApp, forProxy)).body), { ...app, proxy: null })

  const noApp = await ask('/both', forProxy)
  t.equal(noApp.status, 401)
  t.equal(noApp.fields['www-authenticate'], 'Key realm="App"')
  t.notOk('proxy-authenticate' in noApp.fields)
  const noProxy = await ask('/both', forApp)
  t.equal(noProxy.status, 407)
  t.equal(noProxy.fields['proxy-authenticate'], 'Proxy-Key realm="Gateway"')
  t.notOk('www-authenticate' in noProxy.fields)
  t.equal((await ask('/both', 'Authorization: Proxy-Key gw', 'Proxy-Authorization: Key app')).status, 407, 'each from its own field')
})

t.test('sibling scopes: each has its own realm and strategies, and may register once', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const realm of ['one', 'two']) {
    await app.register(async scope => {
      await scope.register(proxyAuth, { realm, strategies: [realm === 'one' ? basic() : new BearerStrategy({ verify: () => 'bearer' })] })
      scope.get('/', { onRequest: proxyAuthenticate }, async request => request.proxyAuth)
    }, { prefix: realm })
  }
  app.get('/', async () => ({}))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  const ask: Ask = async (path, ...fields) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send([`GET ${path} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n')).answer())
  }

  t.test('each has its realm and strategies (R-REALM-1)', async t => {
    t.match(await ask('/one'), { status: 407, fields: { 'proxy-authenticate': 'Basic realm="one", charset="UTF-8"' } })
    t.match(await ask('/two'), { status: 407, fields: { 'proxy-authenticate': 'Bearer realm="two"' } })
    t.match(JSON.parse((await ask('/one', `Proxy-Authorization: ${BOB}`)).body), { name: 'bob', realm: 'one', scheme: 'Basic' })
    t.match(JSON.parse((await ask('/two', 'Proxy-Authorization: Bearer x')).body), { name: 'bearer', realm: 'two', scheme: 'Bearer' })
    t.match(await ask('/two', RIGHT), { status: 407 })
    t.match(await ask('/'), { status: 200 })
  })

  t.test('a second registration in one of them fails the boot', async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    app.register(async scope => {
      for (const realm of ['one', 'two']) await scope.register(proxyAuth, { realm, strategies: [basic()] })
    })
    await t.rejects(async () => { await app.ready() }, { code: 'FST_PROXY_AUTH_BAD_REGISTRATION' })
  })
})
