import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { StatusFeed } from '../../lib/status/feed.js'
import { serveStatus } from '../../lib/status/routes.js'
import { ask, messagesOf } from '../fixtures/event-source.js'
import { snapshot } from '../fixtures/status.js'

async function serving (t: Test, { path = '/proxy-status', hooks = [] as any[], options = {} } = {}) {
  const app = Fastify(options)
  const collect = () => snapshot()
  const feed = new StatusFeed(collect)
  serveStatus(app, { path, hooks }, { feed, collect })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { app, feed, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` }
}

const SAFE = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin'
}

t.test('the page: it may run its own script and style, and nothing else, nor be framed or kept', async t => {
  const { app } = await serving(t)
  const { statusCode, headers, body } = await app.inject('/proxy-status')
  t.equal(statusCode, 200)
  t.match(headers, { ...SAFE, 'content-type': 'text/html; charset=utf-8' })
  t.match(headers['content-security-policy'], /default-src 'none'; connect-src 'self'; script-src 'sha256-[^;]+'; style-src 'sha256-[^;]+';.*frame-ancestors 'none'/)
  t.match(body, /^<!doctype html>/)
})

t.test('one snapshot: it is JSON for scripts', async t => {
  const { app } = await serving(t)
  const { headers, body } = await app.inject('/proxy-status/snapshot.json')
  t.match(headers, { ...SAFE, 'content-type': 'application/json; charset=utf-8' })
  t.strictSame(JSON.parse(body), snapshot())
})

t.test('events: they come at once and are not held back', async t => {
  const { url } = await serving(t)
  const response = await ask(t, `${url}/proxy-status/events`)
  t.match(response.headers, { ...SAFE, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
  const next = messagesOf(response)
  t.match(await next(), { event: 'snapshot', data: snapshot() })
  t.match(await next(), { event: 'change', data: { uptimeMs: 60_000 } })
})

t.test('the root as path: what is below is there', async t => {
  const { app } = await serving(t, { path: '/' })
  for (const path of ['/', '/snapshot.json']) t.equal((await app.inject(path)).statusCode, 200)
})

t.test('hooks: none of it is there without them', async t => {
  const asked: string[] = []
  const { app, url } = await serving(t, {
    hooks: [
      (_request: unknown, _reply: unknown, done: () => void) => { asked.push('first'); done() },
      async (request: any, reply: any) => { if (request.headers.authorization !== 'yes') await reply.code(401).send('no') }
    ]
  })
  for (const path of ['', '/snapshot.json', '/events']) {
    asked.length = 0
    const response = await app.inject(`/proxy-status${path}`)
    t.equal(response.statusCode, 401, path)
    t.equal(response.body, 'no')
    t.strictSame(asked, ['first'])
  }
  t.equal((await app.inject({ method: 'HEAD', url: '/proxy-status' })).statusCode, 401)
  t.equal((await app.inject({ url: '/proxy-status', headers: { authorization: 'yes' } })).statusCode, 200)
  t.equal((await ask(t, `${url}/proxy-status/events`, { authorization: 'yes' })).statusCode, 200)
})

t.test('a page of another site: it gets no data and no events; a link from it leads to the page', async t => {
  const { app } = await serving(t)
  for (const site of ['cross-site', 'same-site', 'x']) {
    const headers = { 'sec-fetch-site': site }
    for (const path of ['/snapshot.json', '/events']) {
      const response = await app.inject({ url: `/proxy-status${path}`, headers })
      t.equal(response.statusCode, 403)
      t.equal(response.json().code, 'FST_PROXY_AUTH_STATUS_REFUSED')
    }
    t.equal((await app.inject({ url: '/proxy-status', headers })).statusCode, 200)
  }
  for (const site of ['none', 'same-origin']) t.equal((await app.inject({ url: '/proxy-status/snapshot.json', headers: { 'sec-fetch-site': site } })).statusCode, 200)
})

t.test('methods: it is all to be read', async t => {
  const { app } = await serving(t)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    for (const path of ['', '/events', '/snapshot.json']) t.equal((await app.inject({ method, url: `/proxy-status${path}` })).statusCode, 404)
  }
  t.match(await app.inject({ method: 'HEAD', url: '/proxy-status' }), { statusCode: 200, body: '' })
  t.equal((await app.inject({ method: 'HEAD', url: '/proxy-status/events' })).statusCode, 404, 'a stream that no one reads')
})

t.test('a client that leaves: its place is free again', async t => {
  const { app, url } = await serving(t)
  const responses = await Promise.all(Array.from({ length: 32 }, async () => await ask(t, `${url}/proxy-status/events`)))
  const busy = await app.inject('/proxy-status/events')
  t.equal(busy.statusCode, 503)
  t.equal(busy.headers['retry-after'], '10')
  responses[0]!.destroy()
  let again = await ask(t, `${url}/proxy-status/events`)
  while (again.statusCode === 503) again = await ask(t, `${url}/proxy-status/events`)
  t.equal(again.statusCode, 200)
})

t.test('an application that closes: the events end, and no connection keeps it', async t => {
  const { app, url } = await serving(t)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const asking = request(`${url}/proxy-status/events`, { agent }).end()
  const [response] = await once(asking, 'response') as [IncomingMessage]
  response.resume()
  const ended = once(response, 'end')
  const before = performance.now()
  await app.close()
  await ended
  t.ok(performance.now() - before < 10_000)
})

t.test('an application over HTTP/2: page and events are the same', async t => {
  const app = Fastify({ http2: true })
  const collect = () => snapshot()
  serveStatus(app as never, { path: '/proxy-status', hooks: [] }, { feed: new StatusFeed(collect), collect })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => session.destroy())
  const page = session.request({ ':path': '/proxy-status' })
  t.match((await once(page, 'response'))[0], { ':status': 200, 'content-type': 'text/html; charset=utf-8' })
  page.resume()
  const events = session.request({ ':path': '/proxy-status/events' })
  t.match((await once(events, 'response'))[0], { ':status': 200, 'content-type': 'text/event-stream' })
  const next = messagesOf(events)
  for (const event of ['snapshot', 'change']) t.match(await next(), { event })
  session.close()
  await app.close()
  t.equal(await next(), undefined)
})

t.test('a time limit for handlers: the events go on', async t => {
  const { url } = await serving(t, { options: { handlerTimeout: 1500 } })
  const next = messagesOf(await ask(t, `${url}/proxy-status/events`))
  for (const event of ['snapshot', 'change', 'change']) t.match(await next(), { event })
})
