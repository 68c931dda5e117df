// The gateway over HTTP/2, with the settings that docs/guide/tls-and-http2.md recommends.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import { measured } from '../measured.js'

const http = { maxSessionMemory: Number(process.env['SESSION_MIB'] ?? 128), settings: { maxConcurrentStreams: 1000 } }
const app = Fastify({ http2: true, http } as object)
await app.register(proxyAuth, {
  realm: 'bench',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  forward: { special: ['127.0.0.1:*'] },
  ...(process.env['ORIGIN'] !== undefined && { reverse: [{ prefix: '/api', upstream: process.env['ORIGIN'] }] })
})
await app.listen({ port: 0, host: '127.0.0.1' })
measured((app.server.address() as AddressInfo).port)
