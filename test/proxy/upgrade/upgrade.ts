import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { onExtendedConnect } from '../../../lib/proxy/upgrade/extended-connect.js'
import { protocolsOf, upgradeOf } from '../../../lib/proxy/message/upgrade.js'
import { offeredProtocols, routeUpgrade } from '../../../lib/proxy/upgrade/upgrade.js'
import type { UpgradeResponse } from '../../../lib/proxy/upgrade/upgrade.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'

const ASK = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'

/** A server whose upgrades are routed to what takes Fastify's place. */
async function client (t: Test, routing: (request: IncomingMessage, response: UpgradeResponse) => void): Promise<RawClient> {
  const server = createServer()
  const app = { routing: (request: IncomingMessage, response: ServerResponse) => routing(request, response as UpgradeResponse) } as FastifyInstance
  server.on('upgrade', (request, _socket, head) => routeUpgrade(app, request, head, ['chat']))
  return await RawClient.to(t, await listen(t, server))
}

t.test('what is offered: nothing in HTTP/1.0, nothing beside content (R-UPG-3)', async t => {
  const offer = (httpVersion: string, headers: object) => offeredProtocols({ httpVersion, headers: { upgrade: 'chat, h2c', ...headers } } as IncomingMessage)
  t.strictSame(offer('1.1', {}), ['chat'])
  t.strictSame(offer('1.1', { 'content-length': '0' }), ['chat'])
  t.strictSame(offer('1.0', {}), [])
  t.strictSame(offer('1.1', { 'content-length': '1' }), [])
  t.strictSame(offer('1.1', { 'transfer-encoding': 'chunked' }), [])
})

t.test('an upgrade: it is routed with its socket, its offer and what came behind it', async t => {
  t.equal(upgradeOf({} as IncomingMessage), undefined)
  t.equal(protocolsOf({} as IncomingMessage), undefined)
  const asking = await client(t, (request, response) => {
    const { head, protocols, whenEnded } = upgradeOf(request)!
    t.equal(String(head), 'early')
    t.equal(whenEnded, undefined, 'nobody waits')
    t.strictSame(protocols, ['chat'])
    t.equal(protocolsOf(request), protocols)
    response.end()
  })
  await asking.send(`${ASK}early`).end()
})

t.test('a response to an upgrade, however its head is written: it says that it closes, and closes (R-UPG-2, R-407-7)', async t => {
  const heads: Record<string, (response: UpgradeResponse) => void> = {
    'by name': response => { response.writeHead(407, { Connection: 'keep-alive', 'content-length': 2 }) },
    'by name, with a reason': response => { response.writeHead(407, 'Who', { connection: 'keep-alive', 'content-length': 2 } as never) },
    'as a list': response => { response.writeHead(407, ['Content-Length', '2'] as never) },
    'one by one': response => {
      response.setHeader('connection', 'keep-alive')
      response.setHeader('content-length', 2)
      response.writeHead(407)
    },
    'without a word': response => {
      response.statusCode = 407
      response.setHeader('content-length', 2)
    }
  }
  for (const [name, write] of Object.entries(heads)) {
    const events: string[] = []
    const asking = await client(t, (_request, response) => {
      response.on('finish', () => events.push('finish')).on('close', () => events.push(`close, ${response.destroyed}`))
      write(response)
      response.end('no')
    })
    const answer = await asking.send(ASK).end()
    t.match(readAnswer(answer), { status: 407, fields: { connection: 'close' }, body: 'no' }, name)
    t.equal(answer.split(/connection:/i).length, 2, name)
    t.strictSame(events, ['finish', 'close, true'], name)
  }
})

t.test('a 101: it goes out by itself, as octets, as it was written', async t => {
  const asking = await client(t, (request, response) => {
    const reply = { raw: response, getHeader () {}, hijack () {} } as never
    const upgrade = upgradeOf(request)!
    ;(upgrade.open(reply, ['X-Own', '\xe9'], ['chat']) as Socket).end('chat')
    response.emit('finish') // as at the end of the tunnel
  })
  t.match(await asking.send(ASK).end(), /^HTTP\/1\.1 101 Switching Protocols\r\nX-Own: \xe9\r\nConnection: Upgrade\r\nUpgrade: chat\r\n(?:Date: .*\r\n)?\r\nchat$/)
})

t.test('an upgrade that Fastify handles: it gets a response as any request does', async t => {
  const app = Fastify()
  app.get('/', async (_request, reply) => reply.header('connection', 'keep-alive').send('plain'))
  app.server.on('upgrade', (request, _socket, head) => routeUpgrade(app, request, head, ['chat']))
  await app.ready()
  const port = await listen(t, app.server)
  const asking = await RawClient.to(t, port)
  t.match(readAnswer(await asking.send(ASK).end()), { status: 200, fields: { connection: 'close' }, body: 'plain' })
})

t.test('a WebSocket on an HTTP/2 stream: it is routed with a response of its own (R-XC-1)', async t => {
  const client = await announcing(t, server => onExtendedConnect(server, request => {
    const routing = (routed: IncomingMessage, response: ServerResponse) => {
      t.match(upgradeOf(routed), { protocols: ['websocket'], whenEnded: undefined })
      response.writeHead(407).end('no')
    }
    routeUpgrade({ routing } as unknown as FastifyInstance, request, Buffer.alloc(0), offeredProtocols(request))
    return true
  }))
  t.match(await client.ask(extended('a.test', '/')), { status: 407, body: 'no' })
})
