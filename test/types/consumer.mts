// An ES module that uses the package as published: checked against dist, not against lib.
import fastifyAuth from '@fastify/auth'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy, proxyAuthenticate, type ProxyAuthOptions } from 'fastify-proxy-auth'
import * as everything from 'fastify-proxy-auth'
import passport from 'passport'

declare module 'fastify-proxy-auth' {
  interface ProxyUser { username: string, groups?: string[] }
}

const options: ProxyAuthOptions = {
  realm: 'Lab',
  strategies: [
    new BasicStrategy({ verify: async ({ username, password }) => password === 'secret' ? { username } : null }),
    new BearerStrategy({ verify: (token) => token === 'token' ? { username: 'robot' } : null })
  ],
  principal: (user) => user.username,
  policy: { rules: [{ groups: ['ops'], to: ['*.example.org'], action: 'allow' }] },
  groups: (user) => user.groups ?? [],
  authorize: async ({ form, identity }) => form === 'reverse' || identity.user.username === 'robot' || { status: 429, retryAfter: 1000 }
}

const app = Fastify()
await app.register(fastifyAuth)
await app.register(proxyAuth, options)
await app.register(everything.default, options)
await app.register(import('fastify-proxy-auth'), options)
app.get('/', { onRequest: proxyAuthenticate }, async (request) => request.proxyAuth?.user.username.toUpperCase())
app.get('/either', { preHandler: app.auth([proxyAuthenticate]) }, async (request, reply) => {
  reply.proxyAuthenticationInfo({ nextnonce: 'x' })
  return request.proxyAuth?.user.groups ?? []
})
// @ts-expect-error: it may not be there yet, and the route would be open
app.get('/open', { onRequest: app.proxyAuthenticate }, async () => '')
app.get('/own', { onRequest: app.proxyAuthenticate! }, async () => '')

const secure = Fastify({ http2: true, https: { allowHTTP1: true } })
await secure.register(proxyAuth, options)
secure.get('/', { onRequest: proxyAuthenticate, preHandler: [proxyAuthenticate] }, async (request) => request.proxyAuth?.name)
secure.addHook('onRequest', proxyAuthenticate)

passport.use(new BasicStrategy({ verify: everything.verifyStatic({ alice: { password: 'alice-secret', groups: ['ops'] } }) }))
for (const registry of [passport, new passport.Passport()]) await app.register(proxyAuth, { ...options, strategies: ['basic'], passport: registry })
// @ts-expect-error: no user of this application
export const verify: everything.VerifyUserPass = () => ({ foo: 1 })
