// Metrics for Prometheus, behind a token of their own.
//   node examples/metrics.mjs
//   curl -x http://alice:alice-secret@127.0.0.1:8080 http://example.org/
//   curl -H 'Authorization: Bearer metrics-token' http://127.0.0.1:8080/metrics

import Fastify from 'fastify'
import { Registry } from 'prom-client'
import proxyAuth, { BasicStrategy, proxyAuthMetrics, timingSafeEqualText, verifyStatic } from 'fastify-proxy-auth'

const verify = verifyStatic({ alice: process.env.ALICE_PASSWORD ?? 'alice-secret' })
const token = `Bearer ${process.env.METRICS_TOKEN ?? 'metrics-token'}`
const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Egress',
  strategies: [new BasicStrategy({ verify })],
  forward: { special: process.env.SPECIAL?.split(',') }
})

const register = new Registry()
await proxyAuthMetrics(app, { register, users: true })

async function onlyScraper ({ headers: { authorization = '' } }, reply) {
  if (timingSafeEqualText(authorization, token)) return
  return reply.code(401).header('www-authenticate', 'Bearer').send()
}
app.get('/metrics', { onRequest: onlyScraper }, async (_request, reply) => {
  return reply.type(register.contentType).send(await register.metrics())
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
