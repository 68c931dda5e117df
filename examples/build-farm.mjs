// Egress for a build farm: the accounts of an htpasswd file reach the registries of packages, and nothing else.
//   npm install @node-rs/bcrypt rate-limiter-flexible && htpasswd -cbB users ci ci-secret && node examples/build-farm.mjs
//   curl -x http://ci:ci-secret@127.0.0.1:8080 https://registry.npmjs.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, htpasswd } from 'fastify-proxy-auth'

const { USERS = 'users', ALLOW, SPECIAL, PORT = 8080 } = process.env
const registries = ['registry.npmjs.org', 'pypi.org', 'files.pythonhosted.org', 'deb.debian.org', 'github.com', '*.githubusercontent.com']

const app = Fastify({ logger: true })
const users = htpasswd(USERS, { log: (problem) => app.log.error(problem) })
await app.register(proxyAuth, {
  realm: 'Build farm',
  strategies: [new BasicStrategy({ verify: users.verify, cache: true })],
  attempts: {}, // a limit for wrong passwords
  forward: {
    allow: ALLOW?.split(',') ?? registries,
    special: SPECIAL?.split(',') // which of these may be in a private network
  },
  connect: { idleTimeout: 120_000 }
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
