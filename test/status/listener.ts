import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { StatusFeed } from '../../lib/status/feed.js'
import { addressesOf, createStatusServer } from '../../lib/status/listener.js'
import { readStatus } from '../../lib/status/status-options.js'
import type { StatusOptions } from '../../lib/status/status-options.js'
import { Log } from '../fixtures/log.js'
import { snapshot } from '../fixtures/status.js'

async function listening (t: Test, options: Partial<StatusOptions> & { host?: string } = {}) {
  const { host = '127.0.0.1', ...rest } = options
  const log = new Log()
  const { log: logger } = Fastify({ logger: { stream: log.stream } })
  const collect = () => snapshot()
  const server = createStatusServer(logger, readStatus({ listen: { host, port: 0 }, ...rest }), { feed: new StatusFeed(collect), collect })
  await server.listen({ host: host === '0.0.0.0' ? '127.0.0.1' : host, port: 0 })
  t.teardown(() => server.close())
  return { server, log, port: (server.server.address() as AddressInfo).port }
}

t.test('a listener on loopback: it is there for names of loopback, and for no other', async t => {
  const { server } = await listening(t)
  const status = async (host: string, url = '/') => (await server.inject({ url, headers: { host } })).statusCode
  for (const host of ['localhost:3129', '127.0.0.1', '[::1]:3129']) t.equal(await status(host), 200, host)
  for (const url of ['/', '/events', '/snapshot.json', '/else']) t.equal(await status('evil.test:3129', url), 403, url)
  const refused = await server.inject({ url: '/', headers: { host: 'evil.test' } })
  t.equal(refused.json().code, 'FST_PROXY_AUTH_STATUS_REFUSED')
  t.notMatch(refused.body, /evil/)
})

t.test('a listener elsewhere: its hook decides, whatever it is called', async t => {
  const { server } = await listening(t, { host: '0.0.0.0', onRequest: async (request, reply) => { if (request.headers.authorization === undefined) await reply.code(401).send() } })
  t.equal((await server.inject({ url: '/', headers: { host: 'gateway.test' } })).statusCode, 401)
  t.equal((await server.inject({ url: '/', headers: { host: 'gateway.test', authorization: 'x' } })).statusCode, 200)
})

t.test('other methods, and what a proxy is asked: there is nothing of it', async t => {
  const { server, port } = await listening(t)
  for (const method of ['POST', 'DELETE', 'OPTIONS'] as const) t.equal((await server.inject({ method, url: '/', headers: { host: 'localhost' } })).statusCode, 404)
  for (const head of ['CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n']) {
    const socket = connect(port, '127.0.0.1')
    socket.write(head)
    let text = ''
    socket.on('data', chunk => { text += String(chunk) })
    socket.on('error', () => {})
    await once(socket, 'close')
    t.notMatch(text, /^HTTP\/1\.1 200/)
  }
})

t.test('more connections than it may have: the next is closed', async t => {
  const { port } = await listening(t)
  const sockets = Array.from({ length: 128 }, () => connect(port, '127.0.0.1'))
  await Promise.all(sockets.map(async socket => await once(socket, 'connect')))
  const [first] = sockets
  first!.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(first!, 'data')
  const further = connect(port, '127.0.0.1')
  further.on('error', () => {})
  await once(further, 'close')
  t.equal(first!.destroyed, false)
  for (const socket of sockets) socket.destroy()
})

t.test('its requests: they are in the log of the application', async t => {
  const { server, log } = await listening(t)
  await server.inject({ url: '/', headers: { host: 'localhost' } })
  t.match(await log.until(() => log.lines.find(({ msg }) => msg === 'incoming request')), { req: { url: '/' } })
})

t.test('where it listens: its addresses are told', async t => {
  const { server, port } = await listening(t)
  t.match(addressesOf(server), [{ address: '127.0.0.1', port }])
})
