// Two gateways in a chain: that of a branch knows its users, and the one at the edge knows the branch.
//   node examples/chain.mjs
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, DigestStrategy, lookupStatic, verifyStatic } from 'fastify-proxy-auth'

const password = process.env.BRANCH_PASSWORD ?? 'branch-secret'

const edge = Fastify({ logger: { name: 'edge' } })
await edge.register(proxyAuth, {
  realm: 'edge',
  strategies: [new DigestStrategy(lookupStatic({ branch: password }))],
  forward: { special: process.env.SPECIAL?.split(',') } // who may go where is decided here
})
const url = await edge.listen({ host: '127.0.0.1', port: 0 })

const branch = Fastify({ logger: { name: 'branch' } })
await branch.register(proxyAuth, {
  realm: 'branch',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  forward: {
    special: process.env.SPECIAL?.split(','),
    parents: [{ url, name: 'edge', credentials: { scheme: 'Digest', username: 'branch', password } }]
  }
})
await branch.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
