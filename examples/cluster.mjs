// One gateway on several processors: a process for each, on one port.
//   node examples/cluster.mjs
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

// The kernel gives each connection to a worker. By default node passes it from process to process.
cluster.schedulingPolicy = cluster.SCHED_NONE

if (cluster.isPrimary) {
  // A worker that fails before it listens is not replaced: the next one would fail as well.
  cluster.on('listening', (worker) => worker.once('exit', () => cluster.fork()))
  const workers = Number(process.env.WORKERS ?? availableParallelism())
  for (let i = 0; i < workers; i++) cluster.fork()
} else {
  const app = Fastify({ logger: true })
  await app.register(proxyAuth, {
    realm: 'Gateway',
    via: 'gateway.example', // the same in all, so that each finds a loop through another
    strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
    forward: { special: process.env.SPECIAL?.split(',') }
  })
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
}
