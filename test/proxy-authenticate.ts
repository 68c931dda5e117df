import fastifyAuth from '@fastify/auth'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import proxyAuth, { BearerStrategy, proxyAuthenticate } from '../lib/index.js'
import { ALICE, BOB, basic } from './fixtures/gateway.js'
import { Http2Client } from './fixtures/http2-client.js'

const name = async ({ proxyAuth }: { proxyAuth: { name: string, realm: string } | null }) => `${proxyAuth?.name} of ${proxyAuth?.realm}`
const options = { realm: 'Gateway', strategies: [basic()] }

function application (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

/** The status of a request without credentials, and status and body of one of alice. */
async function ask (app: FastifyInstance, url: string): Promise<unknown[]> {
  const stranger = await app.inject(url)
  const alice = await app.inject({ url, headers: { 'proxy-authorization': ALICE } })
  return [stranger.statusCode, alice.statusCode, alice.statusCode === 200 ? alice.body : JSON.parse(alice.body).code]
}

const CLOSED = [407, 200, 'alice of Gateway']
const ABSENT = [500, 500, 'FST_PROXY_AUTH_NOT_REGISTERED']

for (const hook of ['onRequest', 'preHandler'] as const) {
  t.test(`a route is added before the plugin has loaded, ${hook}: it is closed (F-4)`, async t => {
    const app = application(t)
    app.register(proxyAuth, options)
    t.equal(app.proxyAuthenticate, undefined, 'the decorator is not there yet')
    app.get('/', { [hook]: proxyAuthenticate }, name)
    app.get('/list', { [hook]: [proxyAuthenticate] }, name)
    for (const url of ['/', '/list']) t.same(await ask(app, url), CLOSED)
  })
}

t.test('a route is added before the plugin is even registered: it is closed (F-4)', async t => {
  const app = application(t)
  app.get('/', { onRequest: proxyAuthenticate }, name)
  app.register(proxyAuth, options)
  t.same(await ask(app, '/'), CLOSED)
})

t.test('among the functions of @fastify/auth, none of it awaited: the route is closed (F-4)', async t => {
  const app = application(t)
  const no = async () => { throw new Error('no') }
  app.register(fastifyAuth)
  app.register(proxyAuth, options)
  app.register(async scope => {
    scope.get('/either', { onRequest: scope.auth([no, proxyAuthenticate]) }, name)
    scope.get('/both', { onRequest: scope.auth([proxyAuthenticate, async () => {}], { relation: 'and' }) }, name)
  })
  for (const url of ['/either', '/both']) t.same(await ask(app, url), CLOSED)
})

t.test('the plugin is in a sibling scope, or nowhere: 500 for everybody (F-4)', async t => {
  const app = application(t)
  app.register(async scope => { scope.register(proxyAuth, options) })
  app.register(async scope => { scope.get('/sibling', { onRequest: proxyAuthenticate }, name) })
  app.register(fastifyAuth)
  app.register(async scope => { scope.get('/auth', { onRequest: scope.auth([proxyAuthenticate]) }, name) })
  app.get('/outside', { preHandler: proxyAuthenticate }, name)
  for (const url of ['/sibling', '/auth', '/outside']) t.same(await ask(app, url), ABSENT, url)
})

t.test('what is decorated in its place is no function: 500 for everybody (F-4)', async t => {
  const app = application(t)
  app.decorate('proxyAuthenticate', null as never)
  app.get('/', { onRequest: proxyAuthenticate }, name)
  t.same(await ask(app, '/'), ABSENT)
})

t.test('two registrations in sibling scopes: the hook asks that of the scope of the route (F-4)', async t => {
  const app = application(t)
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.proxy === undefined && request.routeOptions.url?.startsWith('/hooked') === true) await proxyAuthenticate(request, reply)
  })
  for (const [realm, strategy] of [['one', basic()], ['two', new BearerStrategy({ verify: () => 'bearer' })]] as const) {
    app.register(async scope => {
      scope.register(proxyAuth, { realm, strategies: [strategy] })
      scope.get(`/${realm}`, { onRequest: proxyAuthenticate }, name)
      scope.get(`/hooked/${realm}`, name)
      scope.register(async inner => { inner.get(`/inner/${realm}`, { onRequest: proxyAuthenticate }, name) })
    })
  }
  for (const [prefix, credentials, body] of [['one', BOB, 'bob of one'], ['two', 'Bearer x', 'bearer of two']] as const) {
    for (const url of [`/${prefix}`, `/hooked/${prefix}`, `/inner/${prefix}`]) {
      const headers = { 'proxy-authorization': credentials }
      t.match(await app.inject({ url, headers }), { statusCode: 200, body }, url)
      t.match(await app.inject({ url: url.replace(prefix, prefix === 'one' ? 'two' : 'one'), headers }), { statusCode: 407 })
    }
  }
})

t.test('an application over HTTP/2: the route is closed (F-4, F-32)', async t => {
  const app = Fastify({ http2: true })
  t.teardown(() => app.close())
  app.register(proxyAuth, options)
  app.get('/', { onRequest: proxyAuthenticate }, name)
  app.get('/list', { preHandler: [proxyAuthenticate] }, name)
  const client = await Http2Client.to(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  for (const path of ['/', '/list']) {
    t.equal((await client.ask({ ':path': path })).status, 407)
    t.match(await client.ask({ ':path': path, 'proxy-authorization': ALICE }), { status: 200, body: 'alice of Gateway' })
  }
})
