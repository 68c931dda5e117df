// An application whose users have more than a name: whatever lets one in has to give that, too.
import Fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import { Authenticator } from '@fastify/passport'
import proxyAuth, {
  Aws4Strategy, BasicStrategy, BearerStrategy, ClientCertificateStrategy, DigestStrategy, NegotiateStrategy, NtlmStrategy, Strategy, htdigest, htpasswd, lookupStatic,
  ntlmAuth, proxyAuthenticate, verifyStatic
} from 'fastify-proxy-auth'
import type { ProxyAuthOptions, ProxyUser, StrategyDeclaration } from 'fastify-proxy-auth'
import passport from 'passport'
import { describe, expect, test } from 'tstyche'

declare module 'fastify-proxy-auth' {
  interface ProxyUser { username: string, groups: string[] }
}

const alice: ProxyUser = { username: 'alice', groups: ['ops'] }
const accounts = { alice: { password: 'alice-secret', groups: ['ops'] } }

test('the user has the shape that the application merges in', () => {
  expect<ProxyUser['username']>().type.toBe<string>()
  expect<NonNullable<FastifyRequest['proxyAuth']>['user']['groups']>().type.toBe<string[]>()
  expect<NonNullable<ProxyAuthOptions['principal']>>().type.toBeCallableWith(alice, {})
  expect<NonNullable<ProxyAuthOptions['principal']>>().type.not.toBeCallableWith({ name: 'alice' }, {})
})

describe('a user of another shape is let in by nothing (F-30)', () => {
  test('verify functions', () => {
    expect(BasicStrategy).type.toBeConstructableWith({ verify: () => alice })
    expect(BasicStrategy).type.toBeConstructableWith({ verify: async () => [alice, { scope: 'egress' }] as const })
    expect(BasicStrategy).type.toBeConstructableWith({ verify: async ({ username }: { username: string }) => username === 'alice' && alice })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: () => ({ foo: 1 }) })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: () => 'alice' })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: () => [{ foo: 1 }, {}] as const })
    expect(BearerStrategy).type.toBeConstructableWith({ verify: () => alice })
    expect(BearerStrategy).type.toBeConstructableWith({ verify: () => ({ error: 'insufficient_scope' as const }) })
    expect(BearerStrategy).type.not.toBeConstructableWith({ verify: () => ({ foo: 1 }) })
    expect(ClientCertificateStrategy).type.toBeConstructableWith({ verify: () => alice })
    expect(ClientCertificateStrategy).type.not.toBeConstructableWith({ verify: () => ({ foo: 1 }) })
  })

  test('lookup functions, which have no default for it', () => {
    expect(DigestStrategy).type.toBeConstructableWith({ lookup: () => ({ password: 'x', user: alice }) })
    expect(DigestStrategy).type.not.toBeConstructableWith({ lookup: () => ({ password: 'x', user: { foo: 1 } }) })
    expect(DigestStrategy).type.not.toBeConstructableWith({ lookup: () => ({ password: 'x' }) })
    expect(NtlmStrategy).type.toBeConstructableWith({ lookup: () => ({ password: 'x', user: alice }) })
    expect(NtlmStrategy).type.not.toBeConstructableWith({ lookup: () => ({ password: 'x' }) })
    expect(Aws4Strategy).type.toBeConstructableWith({ lookup: () => ({ secret: 'x', user: alice }), region: 'r', service: 's' })
    expect(Aws4Strategy).type.not.toBeConstructableWith({ lookup: () => ({ secret: 'x' }), region: 'r', service: 's' })
  })

  test('a strategy of the application', () => {
    expect<Strategy['success']>().type.toBeCallableWith(alice)
    expect<Strategy['success']>().type.not.toBeCallableWith({ username: 'alice' })
  })

  test('what makes users by itself', () => {
    expect(ClientCertificateStrategy).type.not.toBeConstructableWith()
    expect(ClientCertificateStrategy).type.not.toBeConstructableWith({ name: 'email' as const })
    expect(ClientCertificateStrategy).type.toBeConstructableWith({ name: 'email' as const, groups: 'OU' as const })
    expect(ClientCertificateStrategy).type.not.toBeConstructableWith({ groups: 'O' as const })
    expect(NegotiateStrategy).type.not.toBeConstructableWith()
    expect(NegotiateStrategy).type.toBeConstructableWith({ map: () => alice })
    expect(NtlmStrategy).type.not.toBeConstructableWith({ verifier: ntlmAuth() })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: htpasswd('users').verify })
    expect(DigestStrategy).type.not.toBeConstructableWith({ lookup: htdigest('users').lookup })
  })

  test('the few that are known at the start have it in their accounts', () => {
    expect(BasicStrategy).type.toBeConstructableWith({ verify: verifyStatic(accounts) })
    expect(BasicStrategy).type.toBeConstructableWith({ verify: verifyStatic(new Map(Object.entries(accounts))) })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: verifyStatic({ alice: 'alice-secret' }) })
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: verifyStatic({ ...accounts, bob: 'bob-secret' }) })
    expect(DigestStrategy).type.toBeConstructableWith(lookupStatic(accounts))
    expect(DigestStrategy).type.not.toBeConstructableWith(lookupStatic({ alice: 'alice-secret' }))
    expect(NtlmStrategy).type.toBeConstructableWith({ lookup: lookupStatic(accounts).lookup })
    expect(verifyStatic({ alice: { groups: [] } })).type.toRaiseError()
  })
})

describe('with exactOptionalPropertyTypes', () => {
  const basic = new BasicStrategy({ verify: verifyStatic(accounts) })

  test('our strategies are strategies of Passport (F-33)', () => {
    expect(passport.use(basic)).type.not.toRaiseError()
    expect(passport.use('basic', basic)).type.not.toRaiseError()
    expect(new Authenticator().use(basic)).type.not.toRaiseError()
    expect(new Authenticator().use('digest', new DigestStrategy(lookupStatic(accounts)))).type.not.toRaiseError()
    expect(passport.use(new Aws4Strategy({ lookup: () => null, region: 'r', service: 's' }))).type.not.toRaiseError()
  })

  test('Authenticators are registries, and hooks fit routes (F-31, F-32)', () => {
    const app = Fastify({ http2: true })
    for (const registry of [passport, new passport.Passport(), new passport.Authenticator(), new Authenticator()]) {
      expect(app.register(proxyAuth, { realm: 'Lab', strategies: ['jwt'], passport: registry })).type.not.toRaiseError()
    }
    expect(app.get('/', { onRequest: proxyAuthenticate }, async () => '')).type.not.toRaiseError()
    expect(basic).type.toBeAssignableTo<StrategyDeclaration>()
  })
})
