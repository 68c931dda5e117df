// Kerberos: users come with the ticket that they have. It needs the package kerberos, and a key for HTTP/localhost.
//   KRB5_KTNAME=FILE:proxy.keytab node examples/negotiate.mjs
//   kinit alice && curl --proxy-negotiate -U : -x http://localhost:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { NegotiateStrategy } from 'fastify-proxy-auth'

const app = Fastify({
  logger: true,
  http: { maxHeaderSize: 65536 } // tickets of users in many groups exceed node's 16 KiB
})
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new NegotiateStrategy()],
  connectionBound: true, // nothing in front of this proxy puts several users on one connection
  forward: { special: process.env.SPECIAL?.split(',') }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
