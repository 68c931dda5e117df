// A forward proxy for the users of an htpasswd file. Hashes are slow: what came of a password is remembered. Who is taken out of the
// file is out at once when the program gets SIGHUP, with his tunnels: all that is remembered ends then.
//   htpasswd -cB users alice
//   USERS=users tsx examples/htpasswd.ts
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, htpasswd } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
const users = htpasswd(process.env['USERS'] ?? 'users', { log: problem => app.log.error(problem) })
const seen = new Set<string>()
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new BasicStrategy({ verify: users.verify, cache: true })],
  forward: {
    special: process.env['FORWARD_SPECIAL']?.split(',') ?? [],
    check: (_target, { name }) => { seen.add(name); return true }
  }
})
process.on('SIGHUP', () => {
  for (const name of seen) app.proxyAuthRevoke(name)
  app.log.info('everybody is asked anew')
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
