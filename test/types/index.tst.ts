import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import passport from 'passport'
import proxyAuth, {
  AuthenticationRequired, BasicStrategy, BearerStrategy, DigestStrategy, ReloadFailed, Strategy, createPolicy, formatChallenge, groupFile, htdigest, htpasswd, parseChallenges, parseCredentials,
  policyFile, proxyAuthenticate, verifyStatic
} from 'fastify-proxy-auth'
import type {
  Authorize, AuthorizeRequest, Challenge, CodeVerdict, ConsideredRule, Explanation, FileUser, ForwardOptions, GroupedUser, Milliseconds, Policy, PolicyDocument,
  PolicyFile, ProxyAuthOptions, ProxyIdentity, ProxyUser, ReverseRoute, StrategyDeclaration
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

describe('what has to permit a request', () => {
  test('policy is a document, what is made of one, or a file', () => {
    const rule = { to: ['*.example.org'], action: 'allow' as const }
    for (const policy of [{ rules: [rule] }, { rules: [rule], default: 'deny' as const, report: true }, createPolicy({ rules: [rule] }), policyFile('policy.yaml')]) {
      expect({ realm: 'Lab', strategies, policy }).type.toBeAssignableTo<ProxyAuthOptions>()
    }
    expect({ realm: 'Lab', strategies, policy: 'policy.yaml' }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, policy: [rule] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, policy: {} }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect(app.register(proxyAuth, { realm: 'Lab', strategies, policy: { rules: [{ ...rule, tos: ['a.test'] }] } })).type.toRaiseError("'tos' does not exist")
    expect(app.register(proxyAuth, { realm: 'Lab', strategies, policy: { rules: [{ to: 'a.test', action: 'allow' }] } })).type.toRaiseError()
    expect(app.register(proxyAuth, { realm: 'Lab', strategies, policy: { rules: [{ forms: ['ftp'], action: 'allow' }] } })).type.toRaiseError()
  })

  test('a file of rules is a policy that can be read anew, followed and closed', () => {
    const file = policyFile('policy.yaml', { interval: 1000, log: (problem) => { expect(problem).type.toBe<Error>() } })
    expect(file).type.toBe<PolicyFile>()
    expect<PolicyFile>().type.toBeAssignableTo<Policy>()
    expect<Policy>().type.not.toBeAssignableTo<PolicyFile>()
    expect(file.reload()).type.toBe<Promise<void>>()
    expect(file.onChange((current, previous) => { expect([current, previous]).type.toBe<Policy[]>() })).type.toBe<() => void>()
    expect(policyFile).type.not.toBeCallableWith()
    expect(policyFile).type.not.toBeCallableWith('policy.yaml', { intervall: 1 })
  })

  test('groups are told of a user, as a list of text and at once', () => {
    const groups = (user: ProxyUser, info: unknown) => [String(user), String(info)]
    expect({ realm: 'Lab', strategies, groups }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, groups: () => ['ci'] as const }).type.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, groups: () => 'ci' }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, groups: () => [7] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, groups: async () => ['ci'] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
    expect({ realm: 'Lab', strategies, groups: ['ci'] }).type.not.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('authorize sees who asks for what, and cannot change it', () => {
    expect(app.register(proxyAuth, {
      realm: 'Lab',
      strategies,
      authorize: (request) => {
        expect(request).type.toBe<AuthorizeRequest>()
        expect(request.identity).type.toBe<ProxyIdentity>()
        expect(request.form).type.toBe<'connect' | 'http' | 'https' | 'websocket' | 'reverse'>()
        expect(request.groups).type.toBe<readonly string[] | undefined>()
        expect(request.path).type.toBe<string | undefined>()
        return request.method === 'GET'
      }
    })).type.not.toRaiseError()
    expect<AuthorizeRequest>().type.not.toHaveProperty('headers')
    expect({ identity: {} }).type.not.toBeAssignableTo<AuthorizeRequest>()
  })

  test('its verdict is yes, no, a reason, or how to refuse, now or later', () => {
    for (const verdict of [true, false, 'not today', {}, { status: 429 }, { reason: 'later' }, { status: 503, reason: 'later', retryAfter: 60_000 }]) {
      expect(verdict).type.toBeAssignableTo<CodeVerdict>()
    }
    expect(() => true).type.toBeAssignableTo<Authorize>()
    expect(async () => ({ status: 429 })).type.toBeAssignableTo<Authorize>()
    expect(() => ({ status: '429' })).type.not.toBeAssignableTo<Authorize>()
    expect(() => ({ retryAfter: 'soon' })).type.not.toBeAssignableTo<Authorize>()
    expect(() => 7).type.not.toBeAssignableTo<Authorize>()
    expect(() => {}).type.not.toBeAssignableTo<Authorize>()
    expect(async () => undefined).type.not.toBeAssignableTo<Authorize>()
    expect({ realm: 'Lab', strategies, authorizeTimeout: '5s' }).type.not.toBeAssignableTo<ProxyAuthOptions>()
  })

  test('an explanation says whether, by which rule, why and where to', async () => {
    const why = await app.proxyAuthExplain({ user: 'alice', groups: ['ci'], target: 'a.test:443' })
    expect(why).type.toBe<Explanation>()
    expect(why.allowed).type.toBe<boolean>()
    expect(why.rule).type.toBe<string | null>()
    expect(why.summary).type.toBe<string>()
    expect(why.addresses[0]!.reason).type.toBe<string | null>()
    expect(why.considered).type.toBe<readonly ConsideredRule[]>()
    expect(app.proxyAuthExplain).type.toBeCallableWith({ target: '/v1', route: '/api', method: 'GET', scheme: null, anonymous: true, client: '192.0.2.1', websocket: true })
    expect(app.proxyAuthExplain).type.not.toBeCallableWith({})
    expect(app.proxyAuthExplain).type.not.toBeCallableWith({ target: 'a.test:443', usr: 'alice' })
    expect(app.proxyAuthExplain).type.not.toBeCallableWith({ target: { host: 'a.test', port: 443 } })
    expect(app.proxyAuthExplain).type.not.toBeCallableWith({ target: 'a.test:443', groups: 'ci' })
  })

  test('a reload takes nothing, and is over when it is through', () => {
    expect(app.proxyAuthReload()).type.toBe<Promise<void>>()
    expect(app.proxyAuthReload).type.not.toBeCallableWith('policy')
    expect(new ReloadFailed('policy').code).type.toBe<'FST_PROXY_AUTH_RELOAD_FAILED'>()
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
