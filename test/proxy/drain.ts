import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { bothLoopbacks } from '../fixtures/localhost.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const { skip, patch } = await bothLoopbacks()

t.test('a tunnel that outlasts pluginTimeout: app.close() resolves, and the tunnel has its line (F-2)', async t => {
  const target = await tcpOrigin(t)
  for (const forceCloseConnections of [undefined, true, false, 'idle'] as const) {
    const gate = await gateway(t, { drainTimeout: 300, fastify: { pluginTimeout: 100, ...(forceCloseConnections !== undefined && { forceCloseConnections }) } as never })
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead(target.authority, RIGHT)).answer()
    const both = [gate.app.close(), gate.app.close()]
    t.equal(await client.send('after close()').until(text => text.length === 13), 'after close()', 'it goes on at first')
    await Promise.all(both)
    t.match(gate.proxied(), [{ status: 200, reason: 'closing' }], `forceCloseConnections: ${forceCloseConnections}`)
    t.equal(await client.end(), 'after close()')
  }
})

t.test('forceCloseConnections: what is under way has drainTimeout all the same (F-2)', async t => {
  const upstream = await origin(t, (request, response) => {
    response.write('begun')
    if (request.url === '/short') setTimeout(() => response.end('ended'), 150)
  })
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }], drainTimeout: 400, fastify: { pluginTimeout: 100, forceCloseConnections: true } })
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
  const gate = await gateway(t, { host: 'localhost', drainTimeout: 300, fastify: { pluginTimeout: 100, forceCloseConnections: true } })
  const client = await RawClient.to(t, gate.port, '::1')
  await client.send(connectHead(target.authority, RIGHT)).answer()
  await gate.app.close()
  t.match(gate.proxied(), [{ status: 200, reason: 'closing' }])
  t.equal(await client.end(), '')
})

t.test('tunnels on a session of HTTP/2: app.close() resolves (F-2)', async t => {
  const target = await tcpOrigin(t)
  for (const forceCloseConnections of [false, true]) {
    const gate = await gateway(t, { drainTimeout: 300, fastify: { http2: true, pluginTimeout: 100, forceCloseConnections } as never })
    const client = await Http2Client.to(t, gate.url)
    const tunnel = await client.tunnel(target.authority, ALICE)
    tunnel.on('error', () => {})
    await gate.app.close()
    t.match(gate.proxied(), [{ status: 200, reason: 'closing' }])
  }
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
