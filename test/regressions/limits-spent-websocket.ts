// A WebSocket of @fastify/http-proxy whose quota was used up waited behind its end for leave to move what had gone already. There is none
// after that: it held its place among `tunnels` of its user for ever, and had no line in the log.

import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { ALICE, gateway } from '../fixtures/gateway.js'

t.test('a WebSocket of @fastify/http-proxy that uses up a quota: it is over, and its place is free', async t => {
  const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => { upstream.close() })
  await once(upstream, 'listening')
  upstream.on('connection', socket => { socket.on('message', message => { socket.send(message) }) })
  const { port } = upstream.address() as AddressInfo
  const gate = await gateway(t, {
    limits: [{ tunnels: 1, bandwidth: { up: 200_000, down: 200_000 }, quota: { octets: 50_000, per: 'day' } }],
    reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}`, websocket: true, wsClientOptions: {} }]
  })
  const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/api/x`, { headers: { 'proxy-authorization': ALICE } })
  socket.on('error', () => {})
  await once(socket, 'open')
  for (let i = 0; i < 100; i++) socket.send(Buffer.alloc(10_000))
  await once(socket, 'close')
  t.match(await gate.logged(line => line['proxy'] !== undefined), { proxy: { reason: 'FST_PROXY_AUTH_LIMIT_REACHED' } })
  t.match(gate.app.proxyAuthUsage(), [{ user: 'alice', tunnels: 0 }])
})
