import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { furtherServers } from '../../../lib/platform/fastify/internals.js'
import { onEveryServer, ownAddresses } from '../../../lib/platform/fastify/listeners.js'
import { bothLoopbacks } from '../../fixtures/localhost.js'

t.test('an application with one server: the callback gets it, at once and once', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const servers: Server[] = []
  onEveryServer(app, server => servers.push(server))
  t.strictSame(servers, [app.server])
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.equal(servers.length, 1)
})

const { skip, patch } = await bothLoopbacks()
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
