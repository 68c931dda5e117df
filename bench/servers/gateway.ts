// The gateway: a forward proxy, and a reverse route at /api.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import proxyAuth, { BasicStrategy, DigestStrategy, MemoryStore, htpasswd, lookupStatic, proxyAuthMetrics, verifyStatic } from 'fastify-proxy-auth'
import { Registry } from 'prom-client'
import { UNREACHED } from '../../test/fixtures/unreached-limits.js'
import { measured } from '../measured.js'
import { readOptions, tls } from '../options.js'

const options = readOptions()
const { username, password, users, schemes = ['basic'], listener = 'plain', hasOnSend = false, hasLimits = false } = options
const known = { [username]: password }
const strategies = {
  basic: () => users === undefined
    ? new BasicStrategy({ verify: verifyStatic(known) })
    : new BasicStrategy({ verify: htpasswd(users).verify, cache: true }),
  // One nonce for all connections of the load, some of which fall behind by more than a client ever would.
  digest: () => new DigestStrategy({ ...lookupStatic(known), store: new MemoryStore({ windowSize: 65_536 }) })
}
const listeners = {
  plain: () => ({}),
  tls: () => ({ https: tls(options) }),
  // As the documentation recommends it.
  http2: () => ({ http2: true, http: { maxSessionMemory: 128, settings: { maxConcurrentStreams: 1000 } } })
}
const app = Fastify(listeners[listener]() as object) as FastifyInstance
if (hasOnSend) app.addHook('onSend', (_request, _reply, payload, done) => { done(null, payload) })
await app.register(proxyAuth, {
  realm: 'bench',
  strategies: schemes.map((scheme) => strategies[scheme]()),
  forward: { special: ['127.0.0.1:*'] },
  ...hasLimits && { limits: UNREACHED },
  reverse: [{ prefix: '/api', upstream: process.env['ORIGIN']! }]
})
if (hasLimits) await proxyAuthMetrics(app, { register: new Registry(), users: true })
await app.listen({ port: 0, host: '127.0.0.1' })
measured({ port: (app.server.address() as AddressInfo).port })
