// What this package adds to Fastify's types stands beside what others add. (@fastify/jwt and @fastify/passport both say what `request.user`
// is, and cannot be in one program; each can be with ours.)
import fastifyAuth from '@fastify/auth'
import fastifyBasicAuth from '@fastify/basic-auth'
import fastifyBearerAuth from '@fastify/bearer-auth'
import fastifyCors from '@fastify/cors'
import fastifyHelmet from '@fastify/helmet'
import { Authenticator } from '@fastify/passport'
import fastifyRateLimit from '@fastify/rate-limit'
import fastifySecureSession from '@fastify/secure-session'
import fastifyUnderPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import proxyAuth, { BasicStrategy, proxyAuthenticate, verifyStatic } from 'fastify-proxy-auth'
import type { ProxyIdentity } from 'fastify-proxy-auth'
import { describe, expect, test } from 'tstyche'

declare module 'fastify' {
  interface PassportUser { email: string }
}

const app = Fastify()
const strategies = [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })]

describe('beside other plugins', () => {
  test('all of them can be registered on one application', () => {
    const passport = new Authenticator()
    expect(app.register(fastifyAuth)).type.not.toRaiseError()
    expect(app.register(fastifyBasicAuth, { validate: async () => {} })).type.not.toRaiseError()
    expect(app.register(fastifyBearerAuth, { keys: new Set<string>(), addHook: false })).type.not.toRaiseError()
    expect(app.register(fastifyHelmet)).type.not.toRaiseError()
    expect(app.register(fastifyUnderPressure)).type.not.toRaiseError()
    expect(app.register(fastifySecureSession, { key: Buffer.alloc(32) })).type.not.toRaiseError()
    expect(app.register(passport.initialize())).type.not.toRaiseError()
    expect(app.register(proxyAuth, { realm: 'Lab', strategies, passport })).type.not.toRaiseError()
  })

  test('request.user is theirs and request.proxyAuth ours', () => {
    expect<FastifyRequest['proxyAuth']>().type.toBe<ProxyIdentity | null>()
    expect<NonNullable<FastifyRequest['user']>['email']>().type.toBe<string>()
    expect<FastifyRequest['session']>().type.not.toBe<never>()
  })

  test('the hook stands among the functions of app.auth', () => {
    expect(app.auth([proxyAuthenticate, app.basicAuth])).type.not.toRaiseError()
    expect(app.auth([[proxyAuthenticate], app.basicAuth], { relation: 'and' })).type.not.toRaiseError()
  })

  test('limits and CORS can go by what a route and a user are', () => {
    expect(app.register(fastifyRateLimit, { hook: 'preHandler', keyGenerator: ({ proxyAuth, ip }) => proxyAuth?.name ?? ip })).type.not.toRaiseError()
    expect(app.register(fastifyCors, { delegator: async ({ routeOptions }: FastifyRequest) => ({ origin: routeOptions.config.proxy === undefined }) })).type.not.toRaiseError()
    expect<FastifyContextConfig>().type.toHaveProperty('proxy')
    expect<FastifyContextConfig>().type.toHaveProperty('rateLimit')
  })
})
