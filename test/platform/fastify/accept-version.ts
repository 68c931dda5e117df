import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { routerOf } from '../../../lib/platform/fastify/internals.js'
import { ignoreVersions } from '../../../lib/platform/fastify/accept-version.js'
import { origin } from '../../fixtures/origin.js'
import { PASS, reverse } from '../../fixtures/reverse.js'

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

t.test('several routes of one server: its router is prepared once', async t => {
  const upstream = await origin(t)
  const { app } = await reverse(t, { upstream: upstream.url }, { before: ignoreVersions })
  const { deriveConstraints } = routerOf(app).constrainer
  ignoreVersions(app)
  t.equal(routerOf(app).constrainer.deriveConstraints, deriveConstraints)
})

t.test('what the router does not find a route for stays what it is: a path that does not decode, a parameter too long', async t => {
  const upstream = await origin(t)
  const { url } = await reverse(t, { prefix: '/t/:tenant', upstream: upstream.url }, { before: versioned, fastify: { routerOptions: { maxParamLength: 5 } } })
  for (const path of ['/t/%zz/x', '/t/too-long/x', '/none']) {
    t.equal((await fetch(`${url}${path}`, { headers })).status, (await fetch(`${url}${path}`)).status, path)
  }
  t.equal(upstream.seen.length, 0)
})
