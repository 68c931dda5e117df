import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { extendedResponse } from '../../../lib/proxy/upgrade/extended-connect.js'
import { takeUpgrades, withListener } from '../../../lib/proxy/upgrade/dispatcher.js'
import { ANNOUNCED, announcedBy } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { bothLoopbacks } from '../../fixtures/localhost.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'

const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n`
const answer = (text: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`

/** An application that takes upgrades of `/taken` and has plain routes. */
async function application (t: Test, before: (app: FastifyInstance) => unknown = () => {}): Promise<{ app: FastifyInstance, client (): Promise<RawClient> }> {
  const app = Fastify()
  app.get('/*', async request => `plain ${request.url}`)
  await before(app)
  for (const name of ['first', 'second']) {
    takeUpgrades(app, (request, head) => {
      if (request.url === '/plain') return 'ignore'
      if (request.url !== `/${name}`) return undefined
      request.socket.end(answer(`${name} ${String(head)}`)).resume()
      return 'taken'
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { app, client: async () => await RawClient.to(t, (app.server.address() as { port: number }).port) }
}

t.test('an upgrade: its taker has it, and one that is not taken goes on as a plain request (R-UPG-3)', async t => {
  const { app, client } = await application(t)
  t.equal(app.server.listenerCount('upgrade'), 1)
  for (const path of ['/first', '/second']) t.equal(readAnswer(await (await client()).send(`${ask(path)}x`).answer()).body, `${path.slice(1)} x`)
  const plain = await client()
  for (const path of ['/plain', '/other', '/plain']) t.match(readAnswer(await plain.send(ask(path)).answer()), { status: 200, fields: { connection: 'keep-alive' }, body: `plain ${path}` })
})

t.test('listeners of the application, early or late: they get what is left, and nothing else', async t => {
  const seen: string[] = []
  const listen = (name: string) => (request: IncomingMessage, socket: Socket) => {
    seen.push(`${name} ${request.url}`)
    if (request.url === `/${name}`) socket.end(answer(name)).resume()
  }
  const { app, client } = await application(t, app => app.server.on('upgrade', listen('early')))
  app.server.on('upgrade', listen('late'))
  for (const name of ['early', 'late']) t.equal(readAnswer(await (await client()).send(ask(`/${name}`)).answer()).body, name)
  t.equal(readAnswer(await (await client()).send(ask('/plain')).answer()).body, 'plain /plain')
  t.equal(readAnswer(await (await client()).send(ask('/first')).answer()).body, 'first ')
  t.strictSame(seen, ['early /early', 'late /early', 'early /late', 'late /late'])
})

t.test('an upgrade that the listeners leave alone: it gets a response, at the latest when the server stops', async t => {
  let reached = () => {}
  const left = new Promise<void>(resolve => { reached = resolve })
  const { app, client } = await application(t, app => app.server.on('upgrade', () => reached()))
  const asking = await client()
  asking.send(ask('/admin'))
  await left
  const closed = app.close()
  t.match(readAnswer(await asking.end()), { fields: { connection: 'close' } })
  await closed
})

t.test('an upgrade that is left alone while the server stops: it gets a response at once', async t => {
  let stopping = async () => {}
  const { app, client } = await application(t, app => {
    app.server.on('upgrade', () => {})
    takeUpgrades(app, () => undefined) // its hook is to run first
    app.addHook('preClose', async () => await stopping())
  })
  const asking = await client()
  stopping = async () => { t.match(await asking.send(ask('/admin')).answer(), / 503 /) }
  await app.close()
})

t.test('an upgrade that comes behind its content, its response being on its way: what follows is parsed (F-74)', async t => {
  const { client } = await application(t, ({ server }) => {
    const asking = server as typeof server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }
    asking.shouldUpgradeCallback ??= () => true // node 20 does not ask
    server.once('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => { // a connection that node has handed over
      request.headers['content-length'] = '1'
      asking.shouldUpgradeCallback!(request)
      server.emit('upgrade', request, socket, head)
    })
  })
  const text = 'CONNECT a.test:1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /behind HTTP/1.1\r\nHost: a.test\r\n\r\n'
  t.equal(readAnswer(await (await client()).send(text).answer()).body, 'plain /behind')
})

t.test('a listener that a taker is to call: nothing else calls it', async t => {
  let called = 0
  const { client } = await application(t, async app => {
    const add = async () => { app.server.on('upgrade', (_request, socket) => { called += 1; socket.end(answer('called')).resume() }) }
    const listener = await withListener(app, add)
    t.equal(app.server.listenerCount('upgrade'), 1, 'the only one, since that of http-proxy goes by the number')
    t.equal(await withListener(app, async () => {}), listener)
    takeUpgrades(app, (request, head) => {
      if (request.url !== '/called') return undefined
      listener.call(app.server, request, request.socket, head)
      return 'taken'
    })
  })
  t.equal(readAnswer(await (await client()).send(ask('/other')).answer()).body, 'plain /other')
  t.equal(called, 0)
  t.equal(readAnswer(await (await client()).send(ask('/called')).answer()).body, 'called')
  t.equal(called, 1)
})

t.test('a WebSocket over HTTP/2: it is offered as an upgrade, and never a plain request if it is not taken (R-XC-1)', async t => {
  const app = Fastify(ANNOUNCED) as unknown as FastifyInstance
  app.get('/*', async () => t.fail('it is none'))
  const offered: unknown[] = []
  for (const name of ['first', 'second']) {
    takeUpgrades(app, (request, head) => {
      offered.push(`${name} ${request.method} ${request.url} ${head.length}`)
      if (request.url === '/plain') return 'ignore'
      if (request.url !== `/${name}`) return undefined
      extendedResponse(request)!.writeHead(200).end(name)
      return 'taken'
    })
  }
  const client = await announcedBy(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  t.teardown(() => app.close())
  for (const [path, status] of [['/first', 200], ['/second', 200], ['/plain', 501], ['/other', 501]] as const) {
    t.match(await client.ask(extended('a.test', path)), { status }, path)
  }
  t.strictSame(offered, [
    'first GET /first 0', 'first GET /second 0', 'second GET /second 0', 'first GET /plain 0', 'first GET /other 0', 'second GET /other 0'
  ])
})

const { skip, patch } = await bothLoopbacks()
t.test('a server on both addresses of localhost: upgrades are handled on each', { skip }, async t => {
  t.teardown(patch())
  const app = Fastify()
  app.get('/', async () => 'plain')
  takeUpgrades(app, () => undefined)
  await app.listen({ port: 0, host: 'localhost' })
  t.teardown(() => app.close())
  for (const { address, port } of app.addresses() as AddressInfo[]) {
    const client = await RawClient.to(t, port, address)
    t.equal(readAnswer(await client.send(ask('/')).answer()).body, 'plain', address)
  }
})
