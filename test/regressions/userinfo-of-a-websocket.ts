// No listener of `request` sees an upgrade, so the userinfo in its Host was logged.

import { constants } from 'node:http2'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'

const WAYS = { 'as they are': {}, 'by @fastify/http-proxy': { wsClientOptions: {} }, 'not at all': { websocket: false } }

for (const [way, route] of Object.entries(WAYS)) {
  for (const forward of [undefined, { special: ['127.0.0.1:*'] }]) {
    const where = forward === undefined ? 'reverse alone' : 'reverse and forward'
    const lab = async (t: Parameters<typeof gateway>[0], fastify: object = {}) => {
      const target = await origin(t)
      const reverse = [{ prefix: '/api', upstream: target.url, websocket: true, ...route }]
      return { target, gate: await gateway(t, { fastify, forward, reverse } as unknown as GatewayOptions) }
    }

    t.test(`userinfo in the Host of a WebSocket, passed ${way}, ${where}: refused, and in no line of the log`, async t => {
      const { gate, target } = await lab(t)
      for (const credentials of ['', `Proxy-Authorization: ${ALICE}\r\n`]) {
        const client = await RawClient.to(t, gate.port)
        client.send(`GET /api/x HTTP/1.1\r\nHost: alice:canary@gw.test\r\n${credentials}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`)
        t.match(await client.end(), /^HTTP\/1\.1 400 (?!.*canary)/s)
      }
      await gate.logged(({ msg }) => msg === 'request completed')
      t.notMatch(JSON.stringify(gate.log), /canary/)
      t.strictSame(target.seen, [])
    })

    t.test(`userinfo in the authority of a WebSocket of HTTP/2, passed ${way}, ${where}: refused, and in no line of the log`, async t => {
      const { gate, target } = await lab(t, { http2: true, http: { settings: { enableConnectProtocol: true } } })
      const client = await RawHttp2.to(t, gate.port)
      const fields = [[':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':authority', 'alice:canary@127.0.0.1'], [':path', '/api/x'], ['sec-websocket-version', '13'], ['proxy-authorization', ALICE]] as const
      client.headers(1, [...fields], false)
      const first = await client.frame(({ type, stream }) => stream === 1 && /^(HEADERS|RST_STREAM)$/.test(type))
      // Some versions of node refuse it themselves.
      if (first?.type === 'RST_STREAM') t.equal(await client.resetOf(1), constants.NGHTTP2_PROTOCOL_ERROR)
      t.notMatch(JSON.stringify(gate.log), /canary/)
      t.strictSame(target.seen, [])
    })
  }
}
