// WebSockets on a reverse route: the gate asks first, then the messages pass as they are.
//   node examples/websocket.mjs
//   npx -y wscat -H "Proxy-Authorization: Basic $(printf alice:alice-secret | base64)" -x hello -w 1 -c ws://127.0.0.1:8080/chat

import { once } from 'node:events'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import { WebSocketServer } from 'ws'

const chat = new WebSocketServer({ host: '127.0.0.1', port: 0 })
chat.on('connection', (socket) => socket.on('message', (data) => socket.send(`${data}, too`)))
await once(chat, 'listening')

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Chat',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  reverse: [{ prefix: '/chat', upstream: `http://127.0.0.1:${chat.address().port}`, websocket: true }]
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
