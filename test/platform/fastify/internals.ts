import { METHODS } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { acceptEveryMethod, furtherServers, rewriteUrlOf, routerOf } from '../../../lib/platform/fastify/internals.js'
import { bothLoopbacks } from '../../fixtures/localhost.js'
import { RawClient } from '../../fixtures/raw-client.js'

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
