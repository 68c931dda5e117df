import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { buildConnector } from 'undici'
import { Attempt } from '../../lib/proxy/upstream/attempt.js'
import { sendAsterisk } from '../../lib/proxy/upstream/options-asterisk.js'
import { markReused, targetFormConstraint } from '../../lib/proxy/ingress/target-form.js'
import { Retrying } from '../../lib/proxy/reverse/retry.js'
import { Exchanges } from '../../lib/proxy/exchange/exchanges.js'
import { join } from '../../lib/proxy/exchange/join.js'
import { offerToApplication } from '../../lib/proxy/upgrade/offer-to-application.js'
import { Relay } from '../../lib/proxy/relay/relay.js'
import { reportResets } from '../../lib/proxy/upstream/connection.js'
import { routeUpgrade } from '../../lib/proxy/upgrade/upgrade.js'
import type { UpgradeResponse } from '../../lib/proxy/upgrade/upgrade.js'
import { FAILURE, LOGGED, failures, fails } from '../fixtures/failures.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { socketPair } from '../fixtures/socket-pair.js'
import { until } from '../fixtures/until.js'

const FOREVER = { idleTimeout: 0, maxDuration: 0 }
/** An error that cannot be looked at. */
const UNREADABLE = Object.defineProperty(new Error('x'), 'code', { get: fails })

t.test('a tunnel whose end cannot be passed on, and one whose ending fails: both sides are closed', async t => {
  const logged = failures(t)
  const [client, target] = [await socketPair(t), await socketPair(t)]
  target.near.end = fails
  join(client.near, target.near, FOREVER, () => {})
  client.far.socket.end()
  await Promise.all([client.far.end(), target.far.end()])
  const other = [await socketPair(t), await socketPair(t)] as const
  join(other[0].near, other[1].near, FOREVER, fails)
  for (const { far } of other) far.socket.end()
  await Promise.all(other.map(({ far }) => far.end()))
  await until(() => logged.length === 2)
  t.match(logged, [LOGGED, LOGGED])
})

t.test('a tunnel whose timer fails: the process goes on', async t => {
  const logged = failures(t)
  const [client, target] = [await socketPair(t), await socketPair(t)]
  client.near.destroy = fails
  join(client.near, target.near, { ...FOREVER, maxDuration: 1 }, () => {})
  await until(() => logged.length === 1)
  t.match(logged, [LOGGED])
  Reflect.deleteProperty(client.near, 'destroy')
})

t.test('a connection that was given back and is not forgotten: it is closed', async t => {
  const logged = failures(t)
  const { near, far } = await socketPair(t)
  markReused(near, { add () {}, delete: fails } as never)
  near.destroy()
  t.equal(await far.end(), '')
  t.match(logged, [LOGGED])
})

t.test('an upgrade that nobody takes and cannot go on: its connection is closed', async t => {
  const logged = failures(t)
  let fire = fails as () => void
  const timers = t.intercept(globalThis, 'setTimeout', { value: (call: () => void) => { fire = call } })
  const { near, far } = await socketPair(t)
  offerToApplication(() => {}, near, new Set(), fails)
  timers.restore()
  fire()
  t.equal(await far.end(), '')
  t.match(logged, [LOGGED])
})

t.test('the response to an upgrade that is out and cannot be let go of: its connection is closed, others go on', async t => {
  const logged = failures(t)
  const server = createServer()
  const app = {
    routing (request: IncomingMessage, response: ServerResponse) {
      if (request.url === '/fails') (response as UpgradeResponse).release = fails
      response.end('whole')
    }
  } as FastifyInstance
  server.on('upgrade', (request, _socket, head) => routeUpgrade(app, request, head, ['chat']))
  const port = await listen(t, server)
  for (const path of ['/fails', '/']) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n`).end(), /whole/)
  }
  t.match(logged, [LOGGED])
})

t.test('the constraint of the router fails: no route gets the request, its connection is closed, others go on', async t => {
  const logged = failures(t)
  const app = Fastify()
  app.addConstraintStrategy(targetFormConstraint(request => request.url === '/fails' ? fails() : undefined) as never)
  app.get('/*', async () => 'fine')
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const { port } = app.server.address() as AddressInfo
  const ask = async (path: string) => await (await RawClient.to(t, port)).send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`).end()
  t.equal(await ask('/fails'), '')
  t.match(await ask('/'), /fine/)
  t.match(logged, [LOGGED])
})

t.test('what undici tells of a failure fails itself: the client is told, or its connection closes', async t => {
  const logged = failures(t)
  const app = Fastify()
  app.get('/', (_request, reply) => {
    const relay = new Relay(reply, { form: 'http', target: 'http://a.test' }, { ...FOREVER, exchanges: new Exchanges(), via: '1.1 gw', bodyTimeout: 0 })
    relay.onResponseError(undefined as never, UNREADABLE)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => await app.close())
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  t.match(await client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n').end(), /^HTTP\/1\.1 500 /)

  const { near } = await socketPair(t)
  const retrying = new Retrying({}, { method: 'GET', reply: { raw: near } } as never, {} as never, { retryDelay: fails }, new Set())
  retrying.onResponseError(undefined as never, FAILURE)
  t.ok(near.destroyed)

  let told: unknown
  const sender = { headersTimeout: 0, again: fails, ended () {} }
  const attempt = new Attempt({ onResponseError (_controller, error) { told = error } }, sender, { method: 'GET', content: null }, true)
  attempt.onResponseError(undefined as never, Object.assign(new Error('x'), { code: 'EPIPE', socket: { bytesRead: 1 } }))
  t.match(told, LOGGED)
  t.match(logged, [LOGGED, LOGGED, LOGGED])
})

t.test('OPTIONS * whose handler fails with the content: it is told, and the connection to the origin closes', async t => {
  const logged = failures(t)
  const { port } = await rawOrigin(t, socket => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok') })
  const socket = connect(port, '127.0.0.1')
  const options = { headersTimeout: 0, bodyTimeout: 0, maxResponseHead: 65_536, content: null, fields: ['Host', 'a.test'] }
  const told = await new Promise<unknown>(resolve => {
    sendAsterisk(socket, options, { onResponseData: fails, onResponseError: (_controller, error) => { resolve(error) } })
  })
  if (!socket.destroyed) await once(socket, 'close')
  t.match(told, LOGGED)
  t.match(logged, [LOGGED])
})

t.test('a connection that an origin opens and undici does not take: it is closed', async t => {
  const logged = failures(t)
  const { port } = await rawOrigin(t, () => {})
  let socket!: Socket
  const opened = new Promise<void>(resolve => {
    reportResets(buildConnector({}))({ hostname: '127.0.0.1', port: String(port), protocol: 'http:' } as never, (_failure, given) => {
      socket = given as Socket
      resolve()
      fails()
    })
  })
  await opened
  t.ok(socket.destroyed || await once(socket, 'close'))
  t.match(logged, [LOGGED])
})
