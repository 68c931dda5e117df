import type { Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { catchSocketErrors } from '../../../lib/platform/http1/detached-socket.js'
import { switchProtocols } from '../../../lib/proxy/upgrade/switch-protocols.js'
import type { SwitchOptions, SwitchedEnding } from '../../../lib/proxy/upgrade/switch-protocols.js'
import { upgradeOf } from '../../../lib/proxy/message/upgrade.js'
import type { Upgrade } from '../../../lib/proxy/message/upgrade.js'
import { routeUpgrade } from '../../../lib/proxy/upgrade/upgrade.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'
import { socketPair } from '../../fixtures/socket-pair.js'
import type { SocketPair } from '../../fixtures/socket-pair.js'

const OPTIONS: SwitchOptions = { via: '1.1 gw', idleTimeout: 0, maxDuration: 0 }
const GOOD = ['Connection', 'upgrade, X-Hop', 'Upgrade', 'Chat', 'X-Hop', '1', 'X-Own', '\xe9', 'Content-Length', '5', 'Trailer', 'x']

interface Asked { client: RawClient, reply: FastifyReply, upgrade: Upgrade, origin: SocketPair }

/** A client that has asked for an upgrade to `chat`, and an origin's connection. */
async function asked (t: Test, behind = ''): Promise<Asked> {
  const app = Fastify()
  // In a list, since a reply is a promise itself.
  const replied = new Promise<[FastifyReply]>(resolve => {
    app.get('/', (_request, reply) => { resolve([reply]) })
  })
  app.server.on('upgrade', (request, socket, head) => {
    catchSocketErrors(socket as Socket)
    routeUpgrade(app, request, head, ['chat'])
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const client = await RawClient.to(t, (app.server.address() as { port: number }).port)
  client.send(`GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n${behind}`)
  const [reply] = await replied
  return { client, reply, upgrade: upgradeOf(reply.request.raw)!, origin: await socketPair(t) }
}

t.test('a 101 of the origin: it goes to the client with our fields, and both sides speak the other protocol (R-UPG-3)', async t => {
  const { client, reply, upgrade, origin: { near, far } } = await asked(t, 'early')
  reply.header('proxy-authentication-info', 'nextnonce="n"').header('set-cookie', 'a=b')
  near.unshift(Buffer.from('hello'))
  let finished = false
  reply.raw.on('finish', () => { finished = true })
  const ended = new Promise<SwitchedEnding>(resolve => {
    switchProtocols(reply, upgrade, { status: 101, fields: GOOD, socket: near }, OPTIONS, resolve)
  })
  const text = await client.until(text => text.endsWith('hello'))
  const { line, fields, body } = readAnswer(text)
  t.equal(line, 'HTTP/1.1 101 Switching Protocols')
  const { date, ...rest } = fields
  t.strictSame(rest, { connection: 'Upgrade', upgrade: 'Chat', 'x-own': '\xe9', via: '1.1 gw', 'proxy-authentication-info': 'nextnonce="n"' })
  t.equal(body, 'hello')
  t.equal(await far.until(text => text.length === 5), 'early')
  client.send('x').socket.end()
  t.equal(await far.end(), 'earlyx')
  t.notOk(finished)
  far.send('bye').socket.end()
  t.match(await client.end(), /hellobye$/)
  t.strictSame(await ended, { bytesIn: 6, bytesOut: 8, reason: undefined })
  t.ok(finished, 'whoever waits for the end of the answer')
})

t.test('an end from outside: the exchange ends on both sides', async t => {
  const { client, reply, upgrade, origin } = await asked(t)
  let exchange: { end (why: 'closing'): void } | undefined
  const ended = new Promise<SwitchedEnding>(resolve => {
    exchange = switchProtocols(reply, upgrade, { status: 101, fields: GOOD, socket: origin.near }, OPTIONS, resolve)
  })
  exchange!.end('closing')
  t.match(await ended, { reason: 'closing' })
  await Promise.all([client.end(), origin.far.end()])
})

t.test('a response that does not match the offer: it fails, and the connection to the origin closes (R-UPG-3)', async t => {
  const rows: Array<[status: number, fields: string[]]> = [
    [200, GOOD],
    [101, ['Connection', 'upgrade', 'Upgrade', 'other']],
    [101, ['Connection', 'upgrade', 'Upgrade', 'chat', 'upgrade', 'other']],
    [101, ['Connection', 'upgrade']]
  ]
  for (const [status, fields] of rows) {
    const { reply, upgrade, origin: { near } } = await asked(t)
    t.throws(() => switchProtocols(reply, upgrade, { status, fields, socket: near }, OPTIONS, () => {}), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
    t.ok(near.destroyed)
    t.notOk(reply.raw.headersSent)
    reply.send('')
  }
})

t.test('a client that has its response or has left: the upgrade fails, and the connection to the origin closes', async t => {
  for (const end of [(reply: FastifyReply) => { reply.send('late') }, (reply: FastifyReply) => { reply.raw.destroy() }]) {
    const { reply, upgrade, origin: { near } } = await asked(t)
    end(reply)
    t.throws(() => switchProtocols(reply, upgrade, { status: 101, fields: GOOD, socket: near }, OPTIONS, () => {}), { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
    t.ok(near.destroyed)
  }
})
