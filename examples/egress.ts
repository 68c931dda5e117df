// A forward proxy with an allow list: what a build farm needs to reach, and nothing else.
//   tsx examples/egress.ts
//   curl -x http://ci:ci-secret@127.0.0.1:8080 https://registry.example.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Egress',
  strategies: [new BasicStrategy({ verify: verifyStatic({ ci: process.env['CI_PASSWORD'] ?? 'ci-secret' }) })],
  forward: { allow: ['registry.example.org', '*.mirror.example.org'] }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
