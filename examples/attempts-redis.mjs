// At most three wrong passwords for a user, counted in Redis by all processes with the same key.
//   npm install ioredis rate-limiter-flexible && ATTEMPTS_KEY=$(openssl rand -hex 32) node examples/attempts-redis.mjs
//   for i in 1 2 3 4; do curl -i -U alice:wrong$i -x http://127.0.0.1:8080 http://example.org/; done

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import { Redis } from 'ioredis'

const app = Fastify({ logger: true })
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
redis.on('error', () => {}) // the plugin logs that it counts alone then
app.addHook('onClose', async () => redis.disconnect())
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  attempts: { perUser: 3, timeWindow: 900_000, redis, key: process.env.ATTEMPTS_KEY },
  forward: { special: process.env.SPECIAL?.split(',') }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
