// A forward proxy with an allow list: what a build needs to reach, and nothing else.
//   node examples/egress.mjs
//   curl -x http://ci:ci-secret@127.0.0.1:8080 https://registry.npmjs.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Egress',
  strategies: [
    new BasicStrategy({ verify: verifyStatic({ ci: process.env.CI_PASSWORD ?? 'ci-secret' }) })
  ],
  forward: {
    allow: (process.env.ALLOW ?? 'registry.npmjs.org,*.debian.org').split(','),
    special: process.env.SPECIAL?.split(',') // which of these may be in a private network
  }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
