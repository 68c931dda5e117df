// The gateway: Basic, forward proxy and a reverse route; and in the same process a bare pipe to compare its tunnels with.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, DigestStrategy, MemoryStore, lookupStatic, verifyStatic } from 'fastify-proxy-auth'
import { barePipe } from '../bare-pipe.js'
import { measured } from '../measured.js'

const app = Fastify()
await app.register(proxyAuth, {
  realm: 'bench',
  strategies: [
    // One nonce for all connections of the load, some of which fall behind by more than a client ever would.
    new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), store: new MemoryStore({ windowSize: 65_536 }) }),
    new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
  ],
  forward: { special: ['127.0.0.1:*'] },
  reverse: [{ prefix: '/api', upstream: process.env['ORIGIN']! }]
})
await app.listen({ port: 0, host: '127.0.0.1' })
measured((app.server.address() as AddressInfo).port, await barePipe())
