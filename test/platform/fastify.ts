import { METHODS } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import t from 'tap'
import {
  acceptEveryMethod, furtherServers, rewriteUrlOf, routerOf, onEveryServer, ownAddresses, ignoreVersions,
  replaceEmptySessions
} from '../../lib/platform/fastify.js'
import { gateway } from '../fixtures/gateway.js'
import { bothLoopbacks } from '../fixtures/localhost.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { PASS, reverse } from '../fixtures/reverse.js'

t.test('a scope for every method: it takes them, body unread, and the application around it takes what it took', async t => {
  const app = Fastify()
  app.register(async scope => {
    acceptEveryMethod(scope)
    scope.route({ url: '/ours', method: METHODS.filter(method => method !== 'CONNECT'), handler: async request => `${request.method} ${request.raw.readableDidRead}` })
  })
  app.all('/theirs', async () => '')
  app.register(async scope => { scope.all('/beside', async () => '') })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const ask = async (method: string, path: string, fields = 'Content-Length: 3\r\nContent-Type: ;;;\r\n') => {
    const client = await RawClient.to(t, port)
    return await client.send(`${method} ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${fields}\r\nabc`).end()
  }
  for (const method of METHODS) {
    if (method === 'CONNECT') continue
    const text = await ask(method, '/ours')
    t.match(text, method === 'HEAD' ? /^HTTP\/1\.1 200 / : new RegExp(`^HTTP/1\\.1 200 [^]*${method} false$`), method)
  }
  for (const path of ['/theirs', '/beside']) {
    t.match(await ask('PROPFIND', path, 'Content-Length: 3\r\n'), /^HTTP\/1\.1 404 /)
    t.match(await ask('POST', path), /^HTTP\/1\.1 415 /)
  }
  t.notOk(app.supportedMethods.includes('PROPFIND'))
})

t.test('an application on one address, listening or not: it has no further servers', async t => {
  const one = Fastify()
  t.teardown(() => one.close())
  t.strictSame(furtherServers(one), [])
  await one.listen({ port: 0, host: '127.0.0.1' })
  t.strictSame(furtherServers(one), [])
})

const { skip, patch } = await bothLoopbacks()
t.test('an application on a name with two addresses: it has one further server', { skip }, async t => {
  t.teardown(patch())
  const two = Fastify()
  t.teardown(() => two.close())
  await two.listen({ port: 0, host: 'localhost' })
  t.equal(furtherServers(two).length, 1)
  t.not(furtherServers(two)[0], two.server)
})

t.test('the router of an application: it finds what a request finds, and asking for it leaves nothing behind', async t => {
  const app = Fastify()
  app.register(async scope => {
    scope.get('/a/:b', { config: { proxy: 'reverse' } as object }, async () => '')
    t.equal(routerOf(scope), routerOf(app))
  })
  await app.ready()
  const router = routerOf(app)
  t.match(router.find('GET', '/a/x?y', {}), { store: { config: { proxy: 'reverse' } } })
  t.equal(router.find('GET', '/b', {}), null)
  t.ok(app.hasRoute({ method: 'GET', url: '/a/:b' }))
  t.not(routerOf(Fastify()), router)
})

t.test('an application with the option rewriteUrl: it is found, from a scope as well (F-69)', async t => {
  const rewriteUrl = (): string => '/'
  const app = Fastify({ rewriteUrl })
  app.register(async scope => { t.equal(rewriteUrlOf(scope), rewriteUrl) })
  await app.ready()
  t.equal(rewriteUrlOf(Fastify()), undefined)
})

t.test('a Fastify without the internals: the boot fails', async t => {
  const bad = { code: 'FST_PROXY_AUTH_BAD_REGISTRATION' }
  t.throws(() => { acceptEveryMethod({} as FastifyInstance) }, bad)
  t.throws(() => rewriteUrlOf({} as FastifyInstance), bad)
  t.throws(() => furtherServers(Object.create(null) as FastifyInstance), bad)
  const without = (value: unknown) => ({ [Symbol('fastify.404')]: value, hasRoute: () => false }) as unknown as FastifyInstance
  for (const value of [undefined, {}, { router: {} }, { router: { hasRoute: 1 } }]) t.throws(() => routerOf(without(value)), bad)
  class Strange { hasRoute (): boolean { return true } }
  const found = (router: Strange) => ({ [Symbol('fastify.404')]: { router: new Strange() }, hasRoute: () => router.hasRoute() }) as unknown as FastifyInstance
  for (const part of [{}, { find () {} }, { find () {}, constrainer: {} }]) t.throws(() => routerOf(found(Object.assign(new Strange(), part))), bad)
  t.ok(new Strange().hasRoute())
})

t.test('an application with one server: the callback gets it, at once and once', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const servers: Server[] = []
  onEveryServer(app, server => servers.push(server))
  t.strictSame(servers, [app.server])
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.equal(servers.length, 1)
})

t.test('servers that listen beside that of the application: the callback gets them as well', { skip }, async t => {
  t.teardown(patch())
  const app = Fastify()
  t.teardown(() => app.close())
  const servers: Server[] = []
  onEveryServer(app, server => servers.push(server))
  await app.listen({ port: 0, host: 'localhost' })
  t.equal(servers.length, 2)
  t.equal(servers[1], furtherServers(app)[0])
})

t.test('the addresses of an application: none before it listens, and then the same list however often they are asked for', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const own = ownAddresses(app)
  t.strictSame(own(), [])
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.match(own(), [{ address: '127.0.0.1', port: Number }])
  t.equal(own(), own())
})

t.test('further listeners beside the application: their addresses are among its own', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const further: AddressInfo[] = []
  const own = ownAddresses(app, further)
  further.push({ address: '127.0.0.1', family: 'IPv4', port: 9 })
  t.strictSame(own(), further)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.strictSame(own(), [app.server.address(), ...further])
})

const headers = { 'proxy-authorization': PASS, 'accept-version': '1.x' }
/** One route with a version is enough for the router to look at the field everywhere. */
const versioned = (app: FastifyInstance) => {
  app.get('/', { constraints: { version: '1.0.0' } }, async () => 'version 1')
  app.get('/api/own', { constraints: { version: '1.0.0' } }, async () => 'own')
}

t.test('Accept-Version beside a versioned route: it reaches the upstream, whatever it says', async t => {
  const upstream = await origin(t)
  const hooks: unknown[] = []
  const { url, proxied } = await reverse(t, { upstream: upstream.url }, {
    before: app => {
      versioned(app)
      app.addHook('onRequest', async ({ routeOptions, is404 }) => { hooks.push([routeOptions.config.proxy, routeOptions.url, is404]) })
    }
  })
  for (const [version, method] of [['1.x', 'GET'], ['9', 'POST'], ['nonsense', 'DELETE'], ['*', 'PATCH']] as const) {
    const answer = await fetch(`${url}/api/a?b=c`, { method, headers: { ...headers, 'accept-version': version } })
    t.equal(await answer.text(), 'origin')
    t.match(upstream.seen.pop(), { method, url: '/a?b=c', headers: { 'accept-version': version, 'proxy-authorization': undefined } })
    t.same(hooks.pop(), ['reverse', '/api/*', false])
  }
  t.match(await proxied(4), { length: 4 })
  t.equal(await (await fetch(`${url}/api`, { headers })).text(), 'origin')
})

t.test('a request with Accept-Version: it goes through the gate like any other', async t => {
  const upstream = await origin(t)
  const { app } = await reverse(t, { upstream: upstream.url }, { before: versioned })
  const answer = await app.inject({ url: '/api/a', headers: { 'accept-version': '1.x' } })
  t.equal(answer.statusCode, 407)
  t.equal(upstream.seen.length, 0)
})

t.test('a request with Accept-Version beside a versioned route: the preHandler of the options runs', async t => {
  const upstream = await origin(t)
  let ran = 0
  const { url } = await reverse(t, { upstream: upstream.url, preHandler: (_request, _reply, done) => { ran += 1; done() } }, { before: versioned })
  await fetch(`${url}/api/a`, { headers })
  t.equal(ran, 1)
})

t.test('versioned routes of the application: they stay its own', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url }, { before: versioned })
  t.equal(await (await fetch(`${url}/`, { headers })).text(), 'version 1')
  t.equal(await (await fetch(`${url}/api/own`, { headers })).text(), 'own')
  t.equal((await fetch(`${url}/elsewhere`, { headers })).status, 404)
})

t.test('a request that another constraint keeps away: it stays away', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { upstream: upstream.url }, {
    before: app => app.addConstraintStrategy({
      name: 'tenant',
      storage: () => ({ get: () => null, set () {} }),
      deriveConstraint: ({ headers }: { headers: Record<string, string> }) => headers['x-tenant'],
      mustMatchWhenDerived: true,
      validate () {}
    } as never)
  })
  t.equal((await fetch(`${url}/api/a`, { headers: { 'proxy-authorization': PASS, 'x-tenant': 'a' } })).status, 404)
  t.equal(upstream.seen.length, 0)
})

t.test('a proxy route for a part of its prefix, or all of the root: it takes the same with Accept-Version as without', async t => {
  const upstream = await origin(t)
  for (const part of [{ routes: ['/*'] }, { httpMethods: ['GET'] }, { constraints: { host: /./ } }, { prefix: '/' }, { prefix: '' }]) {
    const { url } = await reverse(t, { upstream: upstream.url, ...part }, {
      before: app => app.setNotFoundHandler((_request, reply) => reply.code(404).send('of the app')).get('/own', { constraints: { version: '1.0.0' } }, async () => 'own')
    })
    t.equal(await (await fetch(`${url}/api/a`, { headers })).text(), 'origin')
    t.equal(await (await fetch(`${url}/own`, { headers })).text(), 'own')
  }
})

t.test('beside a constraint that takes its time: as beside any', async t => {
  const upstream = await origin(t)
  let failing = false
  const { url } = await reverse(t, { upstream: upstream.url }, {
    before: app => {
      app.addConstraintStrategy({
        name: 'slow',
        storage: () => ({ get: () => null, set () {} }),
        deriveConstraint: (_request: unknown, _context: unknown, done: (failure: Error | null, value?: unknown) => void) => {
          setImmediate(() => { done(failing ? new Error('no') : null) })
        },
        validate () {}
      } as never)
      app.get('/slow', { constraints: { slow: 'a' } }, async () => 'slow')
      versioned(app)
    }
  })
  t.equal(await (await fetch(`${url}/api/a`, { headers })).text(), 'origin')
  t.equal(await (await fetch(`${url}/api/own`, { headers })).text(), 'own')
  failing = true
  t.equal((await fetch(`${url}/api/a`, { headers })).status, 500)
})

t.test('several routes of one server: its router is prepared once, and only where a route has a version', async t => {
  const upstream = await origin(t)
  for (const isVersioned of [true, false]) {
    let first: unknown
    const { app } = await reverse(t, { upstream: upstream.url }, {
      before: app => {
        if (isVersioned) versioned(app)
        ignoreVersions(app)
        app.addHook('onReady', async () => { first = routerOf(app).constrainer.deriveConstraints })
      }
    })
    const { constrainer } = routerOf(app)
    t.equal(constrainer.deriveConstraints, first)
    t.equal(Object.hasOwn(constrainer, 'deriveConstraints'), isVersioned)
  }
})

t.test('an application that is about to be ready: Fastify takes no route with a version any more', async t => {
  const upstream = await origin(t)
  let failure: unknown
  const { url } = await reverse(t, { upstream: upstream.url }, {
    before: app => { app.addHook('onReady', async () => { try { versioned(app) } catch (error) { failure = error } }) }
  })
  t.match(failure, { code: 'AVV_ERR_ROOT_PLG_BOOTED' })
  t.equal(await (await fetch(`${url}/api/a`, { headers })).text(), 'origin')
})

t.test('what the router does not find a route for stays what it is: a path that does not decode, a parameter too long', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { prefix: '/t/:tenant', upstream: upstream.url }, { before: versioned, fastify: { routerOptions: { maxParamLength: 5 } } })
  for (const path of ['/t/%zz/x', '/t/too-long/x', '/none']) {
    t.equal((await fetch(`${url}${path}`, { headers })).status, (await fetch(`${url}${path}`)).status, path)
  }
  t.equal(upstream.seen.length, 0)
})

/** As @fastify/swagger collects routes: an `onRoute` hook at the root, and what the options are once the application is ready. */
const collecting = (routes: RouteOptions[]) => (app: FastifyInstance) => { app.addHook('onRoute', route => { routes.push(route) }) }
const isHidden = ({ schema }: RouteOptions) => Boolean((schema as { hide?: boolean } | undefined)?.hide)

t.test('proxy routes of every kind: hidden from OpenAPI documents, the application\'s own are not (F-44)', async t => {
  const upstream = await origin(t)
  const routes: RouteOptions[] = []
  await gateway(t, {
    forward: { pac: true, special: ['127.0.0.1:*'] },
    reverse: [{ prefix: '/api', upstream: upstream.url }, { prefix: '/ws', upstream: upstream.url, websocket: true, wsClientOptions: {} }],
    before: collecting(routes),
    after: (app: FastifyInstance) => { app.get('/own', { schema: { response: {} } }, async () => '') }
  } as never)
  const shown = routes.filter(route => !isHidden(route))
  t.same([...new Set(shown.map(({ url }) => url))], ['/own'])
  for (const kind of ['forward', 'connect', 'reverse']) t.ok(routes.some(({ config }) => (config as { proxy?: string } | undefined)?.proxy === kind), kind)
})

t.test('an application that wants to show proxy routes: a hook of its own does so (F-44)', async t => {
  const upstream = await origin(t)
  const routes: RouteOptions[] = []
  await gateway(t, {
    forward: undefined,
    reverse: [{ prefix: '/api', upstream: upstream.url }],
    before: app => {
      app.addHook('onRoute', route => { route.schema = { hide: false, tags: ['upstream'] } as FastifySchema })
      collecting(routes)(app)
    }
  })
  t.match(routes[0]!.schema, { hide: false, tags: ['upstream'] })
})

/** What becomes of a session that a plugin has set, be it registered before the proxy routes or behind them. */
async function replaced (session: unknown, comes: 'before' | 'later' = 'before') {
  const app = Fastify()
  let after: unknown
  if (comes === 'later') replaceEmptySessions(app)
  app.decorateRequest('session', null as never)
  app.addHook('onRequest', (request, _reply, done) => {
    if (session !== NONE) (request as { session?: unknown }).session = session
    done()
  })
  if (comes === 'before') replaceEmptySessions(app)
  app.get('/', async (request) => {
    after = (request as { session?: unknown }).session
    return ''
  })
  t.equal((await app.inject('/')).statusCode, 200)
  return after as { get?: (name: string) => unknown, set?: (name: string, value: unknown) => void, data?: () => object } | null | undefined
}
const NONE = Symbol('no session')

for (const comes of ['before', 'later'] as const) {
  t.test(`a session that is an empty object, of a plugin that comes ${comes}: it becomes one that holds and keeps nothing`, async t => {
    const session = (await replaced({}, comes))!
    session.set!('passport', 'mallory')
    t.equal(session.get!('passport'), undefined)
    t.same(session.data!(), {})
    t.not(await replaced({}, comes), session, 'each request has one of its own')
  })

  t.test(`any other session, or none, of a plugin that comes ${comes}: it stays as it is`, async t => {
    class Session {}
    for (const session of [new Session(), { id: 1 }, { get () {} }, null, undefined, 'text']) t.equal(await replaced(session, comes), session)
    t.equal(await replaced(NONE, comes), null, 'and nothing comes where nothing was')
  })
}
