import { Agent, request } from 'node:http'
import fc from 'fast-check'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, verifyStatic } from '../../lib/index.js'
import type { ReverseRoute } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const VERSIONS = ['1.x', '9', 'nonsense', '*', '1.0.0']

interface Asked { readonly method: string, readonly path: string, readonly fields?: Record<string, string> }
interface Outcome { readonly status: number, readonly demand: string | undefined, readonly body: string }

/** Sends a path as it is, which `fetch` does not. */
async function ask (port: number, agent: Agent, { method, path, fields = {} }: Asked): Promise<Outcome> {
  return await new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers: fields }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({
        status: response.statusCode!,
        demand: response.headers['proxy-authenticate'],
        body: String(Buffer.concat(chunks))
      }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** One route with a version is enough for the router to look at the field everywhere. */
const versioned = (app: FastifyInstance) => app.get('/versioned', { constraints: { version: '1.0.0' } }, async () => 'version 1')

const naming = (realm: string) => new BasicStrategy({ realm, verify: verifyStatic({ alice: 'alice-secret' }) })

const client = (t: Test) => {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  return agent
}

for (const [name, fastify, inner, paths] of [
  ['as it is', {}, '/pub/admin', ['/pub/admin/x', '/pub/admin']],
  ['caseSensitive: false', { routerOptions: { caseSensitive: false } }, '/pub/admin', ['/PUB/Admin/x', '/pub/ADMIN']],
  ['ignoreDuplicateSlashes', { routerOptions: { ignoreDuplicateSlashes: true } }, '/pub/admin', ['//pub//admin//x', '/pub//admin']],
  ['ignoreTrailingSlash', { routerOptions: { ignoreTrailingSlash: true } }, '/pub/admin', ['/pub/admin/x/', '/pub/admin/']],
  ['useSemicolonDelimiter', { routerOptions: { useSemicolonDelimiter: true } }, '/pub/admin', ['/pub/admin/x;y', '/pub/admin/;y']],
  ['parameters', {}, '/pub/:tenant/admin', ['/pub/a/admin/x', '/pub/%61/admin']],
  ['compile', { routerOptions: { compile: true } }, '/pub/admin', ['/pub/admin/x', '/pub/admin']]
] as [string, FastifyServerOptions, string, string[]][]) {
  for (const methods of [undefined, ['GET', 'POST']]) {
    t.test(`a route inside an open one, ${name}, ${String(methods ?? 'all methods')}: Accept-Version does not open it (F-61)`, async t => {
      const upstream = await origin(t)
      const { port } = await gateway(t, {
        forward: undefined,
        fastify,
        before: versioned,
        reverse: [
          { prefix: '/pub', upstream: upstream.url, anonymous: true },
          { prefix: inner, upstream: `${upstream.url}/admin`, ...(methods && { httpMethods: methods }) }
        ] as ReverseRoute[]
      })
      const agent = client(t)
      for (const path of paths) {
        for (const version of VERSIONS) {
          const refused = await ask(port, agent, { method: 'GET', path, fields: { 'accept-version': version } })
          t.equal(refused.status, 407, `${path} ${version}`)
        }
        t.same(upstream.seen, [])
        await ask(port, agent, { method: 'GET', path, fields: { 'proxy-authorization': ALICE } })
        await ask(port, agent, { method: 'GET', path, fields: { 'proxy-authorization': ALICE, 'accept-version': '7' } })
        const [without, within] = upstream.seen.splice(0)
        t.match(without!.url, /^\/admin/)
        t.equal(within!.url, without!.url)
        t.equal(within!.headers['accept-version'], '7')
      }
      t.match(await ask(port, agent, { method: 'GET', path: '/pub/x', fields: { 'accept-version': '7' } }), { status: 200, body: 'origin' })
    })
  }
}

for (const ways of [{}, { wsClientOptions: {} }]) {
  t.test(`a WebSocket to a route inside an open one, ${Object.keys(ways).length === 0 ? 'as it is' : 'by http-proxy'}: Accept-Version does not open it (F-61)`, async t => {
    const upstream = await webSocketOrigin(t)
    const { port } = await gateway(t, {
      forward: undefined,
      before: versioned,
      reverse: [
        { prefix: '/pub', upstream: upstream.url, websocket: true, anonymous: true, ...ways },
        { prefix: '/pub/admin', upstream: `${upstream.url}/admin`, websocket: true, httpMethods: ['GET'], ...ways }
      ] as ReverseRoute[]
    })
    const url = `ws://127.0.0.1:${port}/pub/admin/x`
    const refused = webSocket(t, url, { headers: { 'Accept-Version': '1.x' } })
    const status = await new Promise(resolve => refused.once('unexpected-response', (_request, response) => resolve(response.statusCode)))
    t.equal(status, 407)
    t.same(upstream.seen, [])
    const socket = webSocket(t, url, { headers: { 'Accept-Version': '1.x', 'Proxy-Authorization': ALICE } })
    await next(socket, 'open')
    socket.send('echo')
    await next(socket, 'message')
    t.match(upstream.seen.map(({ url }) => url), ['/admin/x'])
  })
}

t.test('a route of the application inside a reverse route: Accept-Version does not lead past it to the upstream (F-61)', async t => {
  const upstream = await origin(t)
  const { port } = await gateway(t, {
    forward: undefined,
    before: app => {
      app.get('/pub/blocked', async (_request, reply) => reply.code(403).send('blocked'))
      app.get('/pub/own', { constraints: { version: '1.0.0' } }, async () => 'own')
    },
    reverse: [{ prefix: '/pub', upstream: upstream.url, anonymous: true }]
  })
  const agent = client(t)
  const status = async (path: string, version: string) => (await ask(port, agent, { method: 'GET', path, fields: { 'accept-version': version } })).status
  t.equal(await status('/pub/blocked', '1.x'), 404, 'as without us')
  t.same(upstream.seen, [])
  t.match(await ask(port, agent, { method: 'GET', path: '/pub/own', fields: { 'accept-version': '1.x' } }), { body: 'own' })
  t.match(await ask(port, agent, { method: 'GET', path: '/pub/own', fields: { 'accept-version': '2.x' } }), { body: 'origin' })
})

const SEGMENTS = ['a', 'b', 'C', ':p', 'x-:q']
const prefix = fc.array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 3 })
  .filter(segments => segments.filter(segment => segment.includes(':')).length === new Set(segments.filter(segment => segment.includes(':'))).size)
  .map(segments => `/${segments.join('/')}`)
/** The same for the router, if it overlooks all that it may be told to. */
const shape = (path: string) => path.toLowerCase().replaceAll(/:\w+/g, ':')

const routes = fc.uniqueArray(fc.record({
  prefix,
  anonymous: fc.boolean(),
  httpMethods: fc.constantFrom(undefined, ['GET'], ['GET', 'POST'])
}), { minLength: 1, maxLength: 4, selector: route => shape(route.prefix) })

const paths = fc.array(fc.tuple(
  fc.constantFrom('/', '/', '/', '//'),
  fc.constantFrom('a', 'A', 'b', 'c', 'C', '%61', 'x-y', 'longer-than-parameters-may-be', 'own', '%zz')
), { minLength: 1, maxLength: 4 })
const path = fc.tuple(paths, fc.constantFrom('', '', '/', '?q', ';s', '/;s')).map(([parts, end]) => `${parts.flat().join('')}${end}`)

const requests = fc.array(fc.record({
  path,
  method: fc.constantFrom('GET', 'GET', 'POST', 'PUT'),
  version: fc.constantFrom(...VERSIONS),
  known: fc.boolean()
}), { minLength: 10, maxLength: 10 })

const router = fc.record({
  caseSensitive: fc.boolean(),
  ignoreDuplicateSlashes: fc.boolean(),
  ignoreTrailingSlash: fc.boolean(),
  useSemicolonDelimiter: fc.boolean(),
  maxParamLength: fc.constantFrom(8, 100),
  compile: fc.boolean()
})

t.test('nested routes of every kind: the same route, strategies and upstream with Accept-Version as without (F-61)', async t => {
  const upstream = await origin(t, (request, response) => { response.end(`${request.method} ${request.url}`) })
  const agent = client(t)
  await fc.assert(fc.asyncProperty(router, routes, requests, async (routerOptions, reverse, asked) => {
    await t.test('a gateway', async t => {
      const { port } = await gateway(t, {
        forward: undefined,
        fastify: { routerOptions },
        before: app => {
          versioned(app)
          app.get('/a/own', async () => 'own')
        },
        reverse: reverse.map(({ httpMethods, ...route }, index) => ({
          ...route, ...(httpMethods && { httpMethods }), upstream: `${upstream.url}/r${index}`, strategies: [naming(`r${index}`)]
        })) as ReverseRoute[]
      })
      for (const { path, method, version, known } of asked) {
        const fields: Record<string, string> = known ? { 'proxy-authorization': ALICE } : {}
        const without = await ask(port, agent, { path, method, fields })
        const within = await ask(port, agent, { path, method, fields: { ...fields, 'accept-version': version } })
        // Without a version the application's own route is one that Fastify closes to the field.
        if (without.body === 'own') t.equal(within.status, 404, path)
        else t.same(within, without, `${method} ${path} ${version}`)
      }
      agent.destroy()
    })
  }), { numRuns: 40 })
})
