// Digest for the users of an htdigest file: no password travels.
//   echo "alice:Office:$(printf alice:Office:alice-secret | sha256sum | cut -c -64)" > users && node examples/digest-htdigest.mjs
//   curl --proxy-digest -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { DigestStrategy, htdigest } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
// The program `htdigest` of Apache writes MD5 alone: for its files, add algorithms: ['MD5'] below.
const { lookup } = htdigest(process.env.USERS ?? 'users', { log: (problem) => app.log.error(problem) })
await app.register(proxyAuth, {
  realm: 'Office', // each line of the file names it
  strategies: [new DigestStrategy({ lookup })],
  forward: { special: process.env.SPECIAL?.split(',') }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
