import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import proxyAuth, { BasicStrategy, verifyStatic } from '../../lib/index.js'
import type { ProxyAuthenticate, ProxyAuthOptions } from '../../lib/index.js'
import { basic } from '../fixtures/attempt.js'
import { origin } from '../fixtures/origin.js'

const OF_A = basic('alice', 'of-a')
const OF_B = basic('bob', 'of-b')

/** A registration that lets in one user, with the routes that `routes` adds to its scope. */
async function registration (app: FastifyInstance, realm: string, user: string, options: Partial<ProxyAuthOptions> = {}, routes = (_scope: FastifyInstance) => {}) {
  let hook: ProxyAuthenticate | undefined
  await app.register(async scope => {
    const strategies = [new BasicStrategy({ verify: verifyStatic({ [user]: `of-${realm.toLowerCase()}` }) })]
    await scope.register(proxyAuth, { realm, strategies, drainTimeout: 0, ...options })
    hook = scope.proxyAuthenticate as ProxyAuthenticate
    routes(scope)
  })
  return hook!
}

const listening = async (t: Test, app: FastifyInstance) => {
  t.teardown(() => app.close())
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

const ask = async (url: string, fields: Record<string, string>) => {
  const { statusCode, body } = await request(url, { headers: fields }) // a 407 is an error to `fetch`
  await body.text()
  return statusCode
}

t.test('the hooks of two registrations on one route: who passes the one has not passed the other (F-63)', async t => {
  const app = Fastify()
  const a = await registration(app, 'A', 'alice')
  const b = await registration(app, 'B', 'bob', {}, scope => {
    scope.get('/both', { onRequest: [a, scope.proxyAuthenticate as ProxyAuthenticate] }, async () => '')
  })
  app.get('/outside', { onRequest: b }, async () => '')
  app.get('/both-outside', { onRequest: [a, b] }, async () => '')
  const url = await listening(t, app)
  for (const path of ['/both', '/both-outside']) {
    for (const credentials of [OF_A, OF_B, basic('bob', 'wrong')]) t.equal(await ask(url + path, { 'proxy-authorization': credentials }), 407, `${path} ${credentials}`)
  }
  t.equal(await ask(`${url}/outside`, {}), 407, 'a hook outside its scope')
  t.equal(await ask(`${url}/outside`, { 'proxy-authorization': OF_A }), 407)
  t.equal(await ask(`${url}/outside`, { 'proxy-authorization': OF_B }), 200)
})

for (const [status, field] of [[407, 'proxy-authorization'], [401, 'authorization']] as const) {
  t.test(`the hook of one registration before a reverse route with ${status} of another: the route asks for itself (F-63)`, async t => {
    const upstream = await origin(t)
    const app = Fastify()
    const hooks: ProxyAuthenticate[] = []
    // The root's hooks run before those of the scopes.
    app.addHook('onRequest', async (request, reply) => { await hooks[0]?.call(app, request, reply) })
    hooks.push(await registration(app, 'A', 'alice'))
    await registration(app, 'B', 'bob', { reverse: [{ prefix: '/api', upstream: upstream.url, status }] })
    const url = await listening(t, app)
    for (const other of [undefined, { authorization: basic('bob', 'wrong') }, { authorization: OF_A }]) {
      t.equal(await ask(`${url}/api/x`, { 'proxy-authorization': OF_A, ...other }), status)
    }
    t.same(upstream.seen, [])
    // The one field is spent on A.
    t.equal(await ask(`${url}/api/x`, { 'proxy-authorization': OF_A, [field]: OF_B }), field === 'authorization' ? 200 : 407)
  })
}

t.test('the hook of a registration before its own route with 401: a proxy user is no user of the origin (F-63)', async t => {
  const upstream = await origin(t)
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => { await (app.proxyAuthenticate as ProxyAuthenticate).call(app, request, reply) })
  const strategies = [new BasicStrategy({ verify: verifyStatic({ alice: 'of-a' }) })]
  const reverse = [{ prefix: '/api', upstream: upstream.url, status: 401 as const }, { prefix: '/same', upstream: upstream.url }]
  await app.register(proxyAuth, { realm: 'A', strategies, reverse, drainTimeout: 0 })
  const url = await listening(t, app)
  t.equal(await ask(`${url}/api/x`, { 'proxy-authorization': OF_A }), 401)
  t.equal(await ask(`${url}/api/x`, { 'proxy-authorization': OF_A, authorization: basic('alice', 'wrong') }), 401)
  t.same(upstream.seen, [])
  t.equal(await ask(`${url}/api/x`, { 'proxy-authorization': OF_A, authorization: OF_A }), 200)
  t.equal(await ask(`${url}/same/x`, { 'proxy-authorization': OF_A }), 200, 'the same strategies for the same role are not asked twice')
})
