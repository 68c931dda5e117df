// An ES module that uses the package as published: checked against dist, not against lib.
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy } from 'fastify-proxy-auth'
import type { ProxyAuthOptions } from 'fastify-proxy-auth'

const options: ProxyAuthOptions = {
  realm: 'Lab',
  strategies: [
    new BasicStrategy({ verify: async ({ username, password }) => password === 'secret' ? { username } : null }),
    new BearerStrategy({ verify: (token) => token === 'token' ? { id: 1 } : null })
  ]
}

const app = Fastify()
await app.register(proxyAuth, options)
app.get('/', { onRequest: app.proxyAuthenticate }, async (request) => request.proxyAuth?.name)
