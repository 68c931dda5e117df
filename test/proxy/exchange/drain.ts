import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { connectHead } from '../../fixtures/connect-head.js'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { bothLoopbacks } from '../../fixtures/localhost.js'
import { origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { RawHttp2 } from '../../fixtures/raw-http2.js'
import { tcpOrigin } from '../../fixtures/tcp-origin.js'
import { until } from '../../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const { skip, patch } = await bothLoopbacks()
/** The boot may take no longer, either. */
const pluginTimeout = 1_500
const drainTimeout = 2 * pluginTimeout

t.test('a tunnel that outlasts pluginTimeout: app.close() resolves, and the tunnel has its line (F-2)', async t => {
  const target = await tcpOrigin(t)
  await Promise.all(([undefined, true, false, 'idle'] as const).map(async forceCloseConnections => {
    const gate = await gateway(t, { drainTimeout, fastify: { pluginTimeout, ...(forceCloseConnections !== undefined && { forceCloseConnections }) } as never })
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    const both = [gate.app.close(), gate.app.close()]
    t.equal(await client.send('after close()').until(text => text.length === 13), 'after close()', 'it goes on at first')
    await Promise.all(both)
    t.match(gate.proxied(), [{ status: 200, reason: 'closing' }], `forceCloseConnections: ${forceCloseConnections}`)
    t.equal(await client.end(), 'after close()')
  }))
})

t.test('forceCloseConnections: what is under way has drainTimeout all the same (F-2)', async t => {
  const upstream = await origin(t, (request, response) => {
    response.write('begun')
    if (request.url === '/short') setTimeout(() => response.end('ended'), 1.2 * pluginTimeout)
  })
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }], drainTimeout, fastify: { pluginTimeout, forceCloseConnections: true } })
  const clients = await Promise.all(['/api/short', '/api/long'].map(async path => {
    const client = await RawClient.to(t, gate.port)
    await client.send(`GET ${path} HTTP/1.1\r\nHost: gate.test\r\n${RIGHT}\r\n\r\n`).until(text => text.includes('begun'))
    return client
  }))
  await gate.app.close()
  t.match(await clients[0]!.end(), /ended/)
  t.notMatch(await clients[1]!.end(), /\r\n0\r\n/)
  t.match(gate.proxied(), [{ status: 200, reason: undefined }, { status: 200, reason: 'closing' }])
})

t.test('a tunnel to the second address of localhost: app.close() waits for it as well (F-2)', { skip }, async t => {
  const restore = patch()
  t.teardown(restore)
  const target = await tcpOrigin(t)
  const gate = await gateway(t, { host: 'localhost', drainTimeout, fastify: { pluginTimeout, forceCloseConnections: true } })
  const client = await RawClient.to(t, gate.port, '::1')
  await client.send(connectHead(target.authority, RIGHT)).answer()
  await gate.app.close()
  t.match(gate.proxied(), [{ status: 200, reason: 'closing' }])
  t.equal(await client.end(), '')
})

t.test('tunnels on a session of HTTP/2: app.close() resolves (F-2)', async t => {
  const target = await tcpOrigin(t)
  await Promise.all([false, true].map(async forceCloseConnections => {
    const gate = await gateway(t, { drainTimeout, fastify: { http2: true, pluginTimeout, forceCloseConnections } as never })
    const client = await Http2Client.to(t, gate.url)
    const tunnel = await client.tunnel(target.authority, ALICE)
    tunnel.on('error', () => {})
    await gate.app.close()
    t.match(gate.proxied(), [{ status: 200, reason: 'closing' }])
  }))
})

t.test('an own route at work on a session of HTTP/2 when the drain is over: it is waited for; a session that is over and not closed by its client is not (F-57)', async t => {
  let respond = () => {}
  const responding = new Promise<string>(resolve => { respond = () => resolve('late') })
  let asked = () => {}
  const asking = new Promise<void>(resolve => { asked = resolve })
  const sockets: Socket[] = []
  const after = (app: FastifyInstance) => {
    app.server.on('connection', socket => { sockets.push(socket) })
    app.get('/late', async () => { asked(); return await responding })
  }
  const gate = await gateway(t, { drainTimeout: 100, fastify: { http2: true } as never, after })
  const atWork = await Http2Client.to(t, gate.url)
  const response = atWork.ask({ ':path': '/late' })
  const over = await RawHttp2.to(t, gate.port)
  await over.frame(({ type }) => type === 'SETTINGS')
  over.socket.pause()
  await asking
  const closed = gate.app.close()
  await until(() => sockets[1]!.destroyed)
  t.equal(sockets[0]!.destroyed, false)
  respond()
  t.match(await response, { status: 200, body: 'late' })
  await closed
})

t.test('a Fastify that calls the hook once more for each scope inside: nothing keeps the process (F-2)', async t => {
  const hooks: Array<() => Promise<void>> = []
  const before = (app: FastifyInstance) => {
    const { addHook } = app
    app.addHook = function (this: FastifyInstance, name: string, hook: () => Promise<void>) {
      if (name === 'preClose') hooks.push(hook)
      return Reflect.apply(addHook, this, [name, hook])
    } as typeof addHook
  }
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const { app } = await gateway(t, { before, drainTimeout: 60_000 })
  const count = timers()
  for (const hook of hooks) hook.call(app)
  for (const hook of hooks) hook.call(app)
  await app.close()
  t.ok(timers() <= count)
})
