import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { listening } from '../fixtures/listening.js'
import { RawClient } from '../fixtures/raw-client.js'

// Found by the fuzzer of origins: where @fastify/http-proxy opens the WebSocket to the upstream, a response that refuses it was never
// read and its connection never ended. The same was so of an upstream that had said nothing when its client left.

const REQUEST = [
  'GET /ws HTTP/1.1', 'Host: gw.test', `Proxy-Authorization: ${ALICE}`, 'Connection: Upgrade', 'Upgrade: websocket',
  'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''
].join('\r\n')

/** Sends a WebSocket's request to a gateway, and gives the connection that comes of it to an upstream that sends what it is told and ends nothing. */
async function between (t: Test, text: string, route: object = {}) {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => { socket.write(text) })
  })
  const port = await listening(t, server as never)
  const gate = await gateway(t, { reverse: [{ prefix: '/ws', upstream: `http://127.0.0.1:${port}`, websocket: true, wsClientOptions: {}, ...route }] })
  const client = await RawClient.to(t, gate.port)
  client.send(REQUEST)
  const [upstream] = await once(server, 'connection') as [Socket]
  return { client, upstream, closed: new Promise(resolve => upstream.once('close', resolve)) }
}

const REFUSALS = {
  'more content than buffers hold': `HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n${'x'.repeat(4_000_000)}`,
  'less content than it says': 'HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno',
  'no content': 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
  'a place elsewhere': 'HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 10\r\n\r\n'
}

for (const [name, text] of Object.entries(REFUSALS)) {
  for (const [how, route] of [['', {}], [', tried again', { wsReconnect: { maxReconnectionRetries: 1 } }]] as const) {
    t.test(`an upstream refuses a WebSocket with ${name}${how}: its connection is ended by the gateway`, { timeout: 20_000 }, async t => {
      const { closed } = await between(t, text, route)
      await t.resolves(closed)
    })
  }
}

for (const [what, text] of [['nothing', ''], ['interim responses alone', 'HTTP/1.1 103 Early Hints\r\n\r\n']] as const) {
  t.test(`a client leaves while the upstream of its WebSocket sends ${what}: the connection to the upstream is ended`, { timeout: 20_000 }, async t => {
    const { client, upstream, closed } = await between(t, text)
    await once(upstream, 'data')
    await client.answer()
    client.socket.destroy()
    await t.resolves(closed)
  })

  t.test(`an upstream sends ${what} for a WebSocket: its time is that of the head of a response`, { timeout: 20_000 }, async t => {
    const { closed } = await between(t, text, { undici: { headersTimeout: 300 } })
    await t.resolves(closed)
  })
}
