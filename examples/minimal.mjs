// The least: one account, a reverse route to a service, and a forward proxy to public addresses.
//   node examples/minimal.mjs
//   curl -H "Proxy-Authorization: Basic $(printf alice:alice-secret | base64)" http://127.0.0.1:8080/api/hello

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

const service = Fastify().get('/hello', async () => 'hello from the service\n')
const upstream = await service.listen({ host: '127.0.0.1', port: 0 })

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Corporate Proxy',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  reverse: [{ prefix: '/api', upstream }],
  //   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/
  forward: true
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
