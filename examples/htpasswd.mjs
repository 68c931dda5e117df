// Basic for the users of an htpasswd file. Its hashes are slow, so verdicts are remembered.
//   npm install @node-rs/bcrypt && htpasswd -cbB users alice alice-secret && node examples/htpasswd.mjs
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, htpasswd } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
const users = htpasswd(process.env.USERS ?? 'users', { interval: 0, log: (problem) => app.log.error(problem) })
const seen = new Set()
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new BasicStrategy({ verify: users.verify, cache: true })],
  forward: {
    special: process.env.SPECIAL?.split(','),
    check: (target, { name }) => seen.add(name).has(name)
  }
})
// A user who was taken out of the file is remembered for 5 minutes more, unless: kill -HUP PID
process.on('SIGHUP', () => {
  for (const name of seen) app.proxyAuthRevoke(name)
  app.log.info('no verdict is remembered')
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
