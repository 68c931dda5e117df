// Two workers with one Redis: Digest nonces, counted guesses (Digest: 20 are one) and revoked users are common.
//   npm install ioredis rate-limiter-flexible && GATEWAY_KEY=$(openssl rand -hex 32) node examples/cluster-redis.mjs
//   curl --proxy-digest -U alice:alice-secret -x http://127.0.0.1:8080 http://example.org/
//   for i in $(seq 21); do curl -i --proxy-digest -U bob:wrong -x http://127.0.0.1:8080 http://example.org/; done

import cluster from 'node:cluster'
import Fastify from 'fastify'
import proxyAuth, { DigestStrategy, lookupStatic } from 'fastify-proxy-auth'
import { Redis } from 'ioredis'

cluster.schedulingPolicy = cluster.SCHED_NONE // the kernel picks a worker
if (cluster.isPrimary) {
  cluster.on('listening', (worker) => worker.once('exit', () => cluster.fork()))
  for (let i = 0; i < 2; i++) cluster.fork()
  process.on('SIGUSR2', () => Object.values(cluster.workers)[0].send('alice')) // kill -USR2 PID: one revokes alice
} else {
  const app = Fastify({ logger: true })
  const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
  client.on('error', () => {}) // the plugin logs what comes of it
  app.addHook('onClose', async () => client.disconnect())
  await app.register(proxyAuth, {
    realm: 'Gateway',
    strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret', bob: 'bob-secret' }))],
    redis: { client, key: process.env.GATEWAY_KEY },
    attempts: { perUser: 1 },
    forward: { special: process.env.SPECIAL?.split(',') }
  })
  process.on('message', (name) => app.proxyAuthRevoke(name))
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
}
