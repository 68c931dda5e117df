// The hook inside @fastify/auth: people come with a token, programs with Proxy-Authorization.
//   node examples/either.mjs
//   curl -H "Proxy-Authorization: Basic $(printf ci:ci-secret | base64)" http://127.0.0.1:8080/report

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

//   curl -H 'Authorization: Bearer carol-token' http://127.0.0.1:8080/report
const either = app.auth([app.verifyBearerAuth, proxyAuthenticate])
app.get('/report', { onRequest: either }, async ({ proxyAuth }) => `for ${proxyAuth?.name ?? 'a person'}\n`)

//   curl -H 'Authorization: Bearer carol-token' -H "Proxy-Authorization: Basic $(printf ci:ci-secret | base64)" http://127.0.0.1:8080/deploy
const both = app.auth([app.verifyBearerAuth, proxyAuthenticate], { relation: 'and' })
app.get('/deploy', { onRequest: both }, async ({ proxyAuth }) => `by ${proxyAuth.name}\n`)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
