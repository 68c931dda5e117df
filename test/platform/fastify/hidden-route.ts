import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import t from 'tap'
import { gateway } from '../../fixtures/gateway.js'
import { origin } from '../../fixtures/origin.js'

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
