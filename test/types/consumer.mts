// An ES module that uses the package as published: checked against dist, not against lib.
import fastifyAuth from '@fastify/auth'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy, type ProxyAuthOptions } from 'fastify-proxy-auth'
import * as everything from 'fastify-proxy-auth'

declare module 'fastify-proxy-auth' {
  interface ProxyUser { username: string, groups?: string[] }
}

const options: ProxyAuthOptions = {
  realm: 'Lab',
  strategies: [
    new BasicStrategy({ verify: async ({ username, password }) => password === 'secret' ? { username } : null }),
    new BearerStrategy({ verify: (token) => token === 'token' ? { username: 'robot' } : null })
  ],
  principal: (user) => user.username
}

const app = Fastify()
await app.register(fastifyAuth)
await app.register(proxyAuth, options)
await app.register(everything.default, options)
await app.register(import('fastify-proxy-auth'), options)
app.get('/', { onRequest: app.proxyAuthenticate }, async (request) => request.proxyAuth?.user.username.toUpperCase())
app.get('/either', { preHandler: app.auth([app.proxyAuthenticate]) }, async (request, reply) => {
  reply.proxyAuthenticationInfo({ nextnonce: 'x' })
  return request.proxyAuth?.user.groups ?? []
})
