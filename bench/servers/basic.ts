// A forward proxy with Basic: one user in memory, or with USERS a file of them, remembered.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, htpasswd, verifyStatic } from 'fastify-proxy-auth'
import { measured } from '../measured.js'

const file = process.env['USERS']
const strategy = file === undefined
  ? new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
  : new BasicStrategy({ verify: htpasswd(file).verify, cache: true })
const app = Fastify()
await app.register(proxyAuth, { realm: 'bench', strategies: [strategy], forward: { special: ['127.0.0.1:*'] } })
await app.listen({ port: 0, host: '127.0.0.1' })
measured((app.server.address() as AddressInfo).port)
