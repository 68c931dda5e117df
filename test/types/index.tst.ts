import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import passport from 'passport'
import proxyAuth, {
  AuthenticationRequired, BasicStrategy, BearerStrategy, DigestStrategy, Strategy, createPolicy, formatChallenge, groupFile, htdigest, htpasswd, parseChallenges, parseCredentials,
  proxyAuthenticate, verifyStatic
} from 'fastify-proxy-auth'
import type {
  Challenge, FileUser, ForwardOptions, GroupedUser, Milliseconds, PolicyDocument, ProxyAuthOptions, ProxyIdentity, ReverseRoute, StrategyDeclaration
} from 'fastify-proxy-auth'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, test } from 'tstyche'

const app = Fastify()
const strategies = [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })]

describe('options', () => {
  test('realm and strategies are needed', () => {
    expect(app.register(proxyAuth, { realm: 'Lab', strategies })).type.not.toRaiseError()
    expect(app.register(proxyAuth, { strategies })).type.toRaiseError("'realm' is missing")
    expect(app.register(proxyAuth, { realm: 'Lab' })).type.toRaiseError("'strategies' is missing")
    expect(app.register(proxyAuth, { realm: 'Lab', strategies, relm: 'x' })).type.toRaiseError("'relm' does not exist")
  })

  test('one of ours, a name, or any other with what must be known of it', () => {
    const foreign = { name: 'jwt', authenticate (_request: { headers: object }) {} }
    expect(strategies[0]!).type.toBeAssignableTo<StrategyDeclaration>()
    expect('jwt').type.toBeAssignableTo<StrategyDeclaration>()
    expect({ strategy: 'jwt', scheme: 'Bearer' }).type.toBeAssignableTo<StrategyDeclaration>()
    expect({ strategy: foreign, scheme: null, reads: ['x-proxy-key'] }).type.toBeAssignableTo<StrategyDeclaration>()
    expect(foreign).type.not.toBeAssignableTo<StrategyDeclaration>()
    expect({ scheme: 'Bearer' }).type.not.toBeAssignableTo<StrategyDeclaration>()
  })

  test('an Authenticator of @fastify/passport is a registry', () => {
    const passport = new Authenticator()
    expect({ realm: 'Lab', passport, strategies: ['jwt'] }).type.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('a registry of passport too: the singleton, and one of its own (F-31)', () => {
    for (const registry of [passport, new passport.Passport(), new passport.Authenticator()]) {
      expect({ realm: 'Lab', passport: registry, strategies: ['jwt'] }).type.toBeAssignableTo<ProxyAuthOptions>()
    }
    expect(passport.use(new BasicStrategy({ verify: () => null }))).type.not.toRaiseError()
    expect({ realm: 'Lab', passport: {}, strategies: ['jwt'] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('parents are a list, a function or the environment, and names are for reverse routes', () => {
    const url = 'http://parent.test:3128'
    const basic = { scheme: 'Basic' as const, username: 'u', password: 'p' }
    for (const parents of [
      'environment' as const, [{ url }, 'direct' as const], [{ url, credentials: basic }], [{ url, credentials: ({ name }: ProxyIdentity) => ({ ...basic, username: name }) }],
      () => 'direct' as const, async () => [{ url }]
    ]) {
      expect({ parents }).type.toBeAssignableTo<ForwardOptions>()
      expect({ upstream: 'http://127.0.0.1:3001', parents }).type.toBeAssignableTo<ReverseRoute>()
    }
    expect({ upstream: 'http://127.0.0.1:3001', parents: ['corp'] }).type.toBeAssignableTo<ReverseRoute>()
    expect({ parents: ['corp'] }).type.not.toBeAssignableTo<ForwardOptions>()
    expect({ parents: { url } }).type.not.toBeAssignableTo<ForwardOptions>()
    expect({ parents: url }).type.not.toBeAssignableTo<ForwardOptions>()
    expect({ parents: [{}] }).type.not.toBeAssignableTo<ForwardOptions>()
    expect({ parents: () => 'corp' }).type.not.toBeAssignableTo<ForwardOptions>()
    expect({ parents: [{ url, credentials: { scheme: 'Basic' as const, username: 'u' } }] }).type.not.toBeAssignableTo<ForwardOptions>()
  })

  test('words are words, not any text', () => {
    expect<ProxyAuthOptions['hook']>().type.toBe<'preHandler' | 'onRequest' | undefined>()
    expect<ProxyAuthOptions['cleartext']>().type.toBe<'warn' | 'refuse' | undefined>()
    expect<Milliseconds>().type.toBe<number>()
  })

  test('reverse routes take what @fastify/http-proxy takes', () => {
    const upstream = 'http://127.0.0.1:3001'
    expect({ realm: 'Lab', strategies, reverse: [{ prefix: '/api', upstream, rewritePrefix: '/' }] }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, reverse: [{ prefix: '/api', upstream, status: 401 as const }] }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, reverse: [{ prefix: 1, upstream }] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('a reverse route and some targets may have strategies of their own', () => {
    const upstream = 'http://127.0.0.1:3001'
    expect({ realm: 'Lab', strategies, reverse: [{ prefix: '/api', upstream, strategies: ['jwt'] }] }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, reverse: [{ prefix: '/api', upstream, strategies: [7] }] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, forward: { strategies: [{ to: ['*.example.org'], strategies }] } }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, forward: { strategies: [{ strategies }] } }).type.not.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('the rule in code sees the target and who asks', () => {
    expect(app.register(proxyAuth, {
      realm: 'Lab',
      strategies,
      forward: {
        allow: ['*.example.org'],
        check: (target, identity) => {
          expect(target.port).type.toBe<number>()
          expect(identity).type.toBe<ProxyIdentity>()
          return identity.name === 'alice' || 'only for alice'
        }
      }
    })).type.not.toRaiseError()
  })
})

describe('what it adds to Fastify', () => {
  test('the identity', () => {
    expect<FastifyRequest['proxyAuth']>().type.toBe<ProxyIdentity | null>()
    expect<ProxyIdentity['name']>().type.toBe<string>()
    expect<ProxyIdentity['scheme']>().type.toBe<string | null>()
    expect<ProxyIdentity['info']>().type.toBe<unknown>()
  })

  test('the hook, at the two places it may run, whatever the application speaks (F-4, F-32)', () => {
    const https = Fastify({ https: {} })
    const http2 = Fastify({ http2: true })
    const secure = Fastify({ http2: true, https: {} })
    expect(app.get('/a', { onRequest: proxyAuthenticate }, async () => '')).type.not.toRaiseError()
    expect(app.get('/b', { preHandler: [proxyAuthenticate] }, async () => '')).type.not.toRaiseError()
    expect(https.get('/b', { onRequest: proxyAuthenticate, preHandler: [proxyAuthenticate] }, async () => '')).type.not.toRaiseError()
    expect(http2.get('/b', { onRequest: proxyAuthenticate, preHandler: [proxyAuthenticate] }, async () => '')).type.not.toRaiseError()
    expect(secure.get('/b', { onRequest: proxyAuthenticate, preHandler: [proxyAuthenticate] }, async () => '')).type.not.toRaiseError()
    expect(secure.addHook('onRequest', proxyAuthenticate)).type.not.toRaiseError()
    expect(secure.register(proxyAuth, { realm: 'Lab', strategies })).type.not.toRaiseError()
  })

  test('the decorator may not be there yet, so it does not fit a route that it would leave open (F-4)', () => {
    expect(app.get('/c', { onRequest: app.proxyAuthenticate }, async () => '')).type.toRaiseError()
    expect(app.get('/c', { preHandler: [app.proxyAuthenticate] }, async () => '')).type.toRaiseError()
    expect(app.addHook('onRequest', app.proxyAuthenticate)).type.toRaiseError()
    expect(app.get('/d', { onRequest: app.proxyAuthenticate! }, async () => '')).type.not.toRaiseError()
  })

  test('the parameters of Proxy-Authentication-Info', () => {
    expect<FastifyReply>().type.toHaveProperty('proxyAuthenticationInfo')
    expect<FastifyReply['proxyAuthenticationInfo']>().type.toBeCallableWith({ nextnonce: 'x' })
    expect<FastifyReply['proxyAuthenticationInfo']>().type.not.toBeCallableWith({ nc: 1 })
  })
})

describe('strategies', () => {
  test('a verifier gives a user, a user with info, or nothing, now or later', () => {
    expect(BasicStrategy).type.toBeConstructableWith({ verify: () => ({ id: 1 }) })
    expect(BasicStrategy).type.toBeConstructableWith({ verify: async () => null })
    expect(BasicStrategy).type.toBeConstructableWith({ verify: async () => [{ id: 1 }, { scope: 'egress' }] as const, realm: 'Lab' })
    expect(BasicStrategy).type.not.toBeConstructableWith({})
    expect(BasicStrategy).type.not.toBeConstructableWith({ verify: () => true })
    expect(BearerStrategy).type.toBeConstructableWith({ verify: (token: string) => token === 'x' ? { id: 1 } : { error: 'insufficient_scope' as const, scope: 'egress' } })
  })

  test('an own strategy needs a name, a scheme, and both methods', () => {
    class Guest extends Strategy {
      readonly name = 'guest'
      readonly scheme = null
      authenticate (): void { this.success({ username: 'guest' }) }
      challenge (): null { return null }
    }
    expect(new Guest()).type.toBeAssignableTo<StrategyDeclaration>()
    expect(Strategy).type.not.toBeConstructableWith()
  })
})

describe('fields and errors', () => {
  test('what is parsed can be formatted', () => {
    expect(parseChallenges).type.toBeCallableWith(['Basic realm="x"'])
    expect(parseChallenges('')).type.toBe<Challenge[]>()
    expect(formatChallenge).type.toBeCallableWith({ scheme: 'Basic', params: { realm: 'x' } })
    expect(parseCredentials('Basic eDp5').token68).type.toBe<string | undefined>()
  })

  test('an error has a code and a status', () => {
    expect(new AuthenticationRequired().code).type.toBe<string>()
    expect(new AuthenticationRequired().statusCode).type.toBe<number>()
  })
})

describe('rules', () => {
  test('a document has rules with an action, and words are words', () => {
    expect({ rules: [{ to: ['*.example.org'], action: 'allow' as const }] }).type.toBeAssignableTo<PolicyDocument>()
    expect({ rules: [{ to: ['*.example.org'] }] }).type.not.toBeAssignableTo<PolicyDocument>()
    expect({ rules: [{ action: 'permit' as const }] }).type.not.toBeAssignableTo<PolicyDocument>()
    expect({ rules: [{ days: ['monday' as const], action: 'deny' as const }] }).type.not.toBeAssignableTo<PolicyDocument>()
    expect({ rules: [], default: 'report' as const }).type.not.toBeAssignableTo<PolicyDocument>()
  })

  test('a policy is a check of the forward proxy, and its decision may be open', () => {
    const policy = createPolicy({ rules: [] })
    expect({ realm: 'Lab', strategies, forward: { check: policy.check } }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect(policy.decide({ form: 'connect', host: 'a.test' }).allowed).type.toBe<boolean | null>()
    expect(createPolicy({ rules: [] }, { groups: (user: { roles: string[] }) => user.roles })).type.not.toRaiseError()
  })
})

describe('files of accounts', () => {
  test('with groups beside them, a user has groups', async () => {
    const pair = { username: 'alice', password: 'alice-secret' }
    expect(await htpasswd('users', { groups: 'groups' }).verify(pair)).type.toBe<GroupedUser | null>()
    expect(await htpasswd('users').verify(pair)).type.toBe<FileUser | null>()
    expect(new BasicStrategy({ verify: htpasswd('users', { groups: groupFile('groups') }).verify })).type.not.toRaiseError()
    expect(new DigestStrategy({ lookup: htdigest('users', { groups: 'groups' }).lookup })).type.not.toRaiseError()
    expect(htdigest('users', { groups: 7 })).type.toRaiseError()
  })
})
