import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Events } from '../../lib/events/events.js'
import { Exchanges } from '../../lib/proxy/exchange/exchanges.js'
import { Refusals } from '../../lib/status/refusals.js'
import { registerStatus } from '../../lib/status/register.js'
import { readStatus } from '../../lib/status/status-options.js'
import type { StatusOptions } from '../../lib/status/status-options.js'
import { ask } from '../fixtures/event-source.js'
import { listening } from '../fixtures/listening.js'
import { Log } from '../fixtures/log.js'

function registered (t: Test, options: StatusOptions) {
  const log = new Log()
  const app = Fastify({ logger: { stream: log.stream } })
  t.teardown(() => app.close())
  const own: AddressInfo[] = []
  const url = registerStatus(app, readStatus(options), { gateway: 'gw.test', exchanges: new Exchanges(), left: () => [], refusals: new Refusals(new Events('gw.test')), parents: () => [] }, own)
  return { app, log, own, url }
}

t.test('a page on the server of the application: it is there behind the hook', async t => {
  const { app, own, url } = registered(t, { onRequest: async (request, reply) => { if (request.headers.authorization === undefined) await reply.code(401).send() } })
  await app.ready()
  t.equal(url(), undefined)
  t.strictSame(own, [])
  t.equal((await app.inject('/proxy-status')).statusCode, 401)
  const { statusCode, body } = await app.inject({ url: '/proxy-status/snapshot.json', headers: { authorization: 'x' } })
  t.equal(statusCode, 200)
  t.match(JSON.parse(body), { gateway: 'gw.test', users: [], exchanges: [] })
})

t.test('a listener of its own: it opens and closes with the application, and the log says where it is', async t => {
  const { app, log, own, url } = registered(t, { listen: { port: 0 }, path: '/ops' })
  t.equal(url(), undefined)
  await app.ready()
  t.equal(own.length, 1)
  const { port } = own[0]!
  t.equal(url(), `http://127.0.0.1:${port}/ops`)
  t.ok(await log.until(() => log.lines.find(({ msg }) => msg === `the status page is at http://127.0.0.1:${port}/ops`)))
  t.equal((await ask(t, url()!)).statusCode, 200)
  t.equal((await app.inject('/ops')).statusCode, 404, 'the application has none of it')
  const events = await ask(t, `${url()}/events`)
  t.equal(events.statusCode, 200)
  events.resume()
  await app.close()
  await t.rejects(ask(t, url()!), { code: 'ECONNREFUSED' })
})

t.test('a port that is in use: the boot fails', async t => {
  const port = await listening(t, createServer())
  const { app } = registered(t, { listen: { port } })
  await t.rejects(async () => await app.ready(), { code: 'EADDRINUSE' })
})
