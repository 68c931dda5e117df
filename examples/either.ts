// The hook among the functions of @fastify/auth: people come with a token, programs with Proxy-Authorization, and for some routes
// both is asked.
//   tsx examples/either.ts
//   curl -H "Proxy-Authorization: Basic $(printf ci:ci-secret | base64)" http://127.0.0.1:8080/report
//   curl -H 'Authorization: Bearer carol-token' http://127.0.0.1:8080/report
//   curl -H 'Authorization: Bearer carol-token' -H "Proxy-Authorization: Basic $(printf ci:ci-secret | base64)" http://127.0.0.1:8080/deploy

import fastifyAuth from '@fastify/auth'
import fastifyBearerAuth from '@fastify/bearer-auth'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, proxyAuthenticate, verifyStatic } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
await app.register(fastifyAuth)
await app.register(fastifyBearerAuth, { keys: new Set(['carol-token']), addHook: false })
await app.register(proxyAuth, {
  realm: 'Programs',
  strategies: [new BasicStrategy({ verify: verifyStatic({ ci: 'ci-secret' }) })]
})

const person = app.verifyBearerAuth!
app.get('/report', { onRequest: app.auth([person, proxyAuthenticate]) }, async ({ proxyAuth }) => `for ${proxyAuth?.name ?? 'a person'}\n`)
app.get('/deploy', { onRequest: app.auth([person, proxyAuthenticate], { relation: 'and' }) }, async ({ proxyAuth }) => `by ${proxyAuth?.name}\n`)

await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
