import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { BadOption, BadRegistration } from './errors.js'
import { isPortableRealm } from './fields/challenge.js'
import type { AdmitOptions } from './gate/admit.js'
import { addContentHooks } from './gate/covered-content.js'
import { errorPages } from './gate/error-page.js'
import { addChallengeHooks, ownRouteHook, proxyRouteHook } from './gate/gate.js'
import { addAuthenticationInfo } from './gate/info.js'
import { ContentKeeper } from './gate/kept-content.js'
import { limited } from './gate/limited.js'
import { ORIGIN, PROXY } from './gate/mode.js'
import type { Mode } from './gate/mode.js'
import { isNamed } from './gate/principal.js'
import { concealRawPackets } from './gate/raw-packet.js'
import type { ProxyAuthOptions } from './options.js'
import { anonymous } from './passport/anonymous.js'
import type { AnonymousAccess } from './passport/anonymous.js'
import { createChain } from './passport/chain.js'
import { isConnectionBound } from './passport/connection-bound.js'
import { Connections } from './passport/connections.js'
import { readDeclaration } from './passport/declaration.js'
import type { Declaration, Declared, StrategyDeclaration } from './passport/declaration.js'
import { recognising } from './passport/recognised.js'
import { Attempts } from './policy/attempts.js'
import { createCounter, loadRateLimiters } from './policy/counter.js'
import { createRequirement } from './policy/requirement.js'
import { Revocations } from './policy/revocations.js'
import { Exchanges } from './proxy/exchanges.js'
import { registerForwardProxy } from './proxy/forward-proxy.js'
import { registerReverse } from './proxy/reverse.js'
import type { ReverseRoute } from './proxy/reverse.js'
import { receive } from './proxy/target-form.js'
import { readSettings } from './settings/settings.js'
import type { Settings } from './settings/settings.js'
import type { Strategy } from './strategies/strategy.js'

/**
 * Proxy authentication for a Fastify gateway: options → gate → routes.
 *
 * @throws {BadOption} An option is wrong.
 * @throws {BadRegistration} A second time in one scope; `forward` under a prefix or a second time on one server.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.7 RFC 9110, 11.7}
 * @example
 * await app.register(proxyAuth, {
 *   realm: 'Corporate Proxy',
 *   strategies: [new BasicStrategy({ verify })],
 *   forward: { allow: ['*.example.org'] }
 * })
 */
const plugin: FastifyPluginAsync<ProxyAuthOptions> = async (app, options) => {
  const settings = readSettings(options)
  if (app.hasDecorator('proxyAuthenticate')) {
    throw new BadRegistration('this scope, or one around it, has proxy authentication already')
  }
  refuseLenientParser(app)
  const { realm, hook, pages, pseudonym } = settings
  const revocations = new Revocations()
  const attempts = await prepareAttempts(app, settings)
  const openRequests = new WeakSet<object>()
  const gateOf = prepareGates(app, settings, { revocations, attempts, access: anonymousAccess(settings, openRequests) })
  const proxy = gateOf(settings.strategies, PROXY)
  const exchanges = new Exchanges(revocations)

  app.decorateRequest('proxyAuth', null)
  app.decorateReply('proxyAuthenticationInfo', function (params) {
    addAuthenticationInfo(this, params)
    return this
  })
  app.decorate('proxyAuthenticate', ownRouteHook(proxy))
  app.decorate('proxyAuthRevoke', (name: string) => {
    if (typeof name !== 'string') throw new BadOption('name', 'text', typeof name) // nobody would be revoked, and nobody told
    revocations.revoke(name)
  })
  addChallengeHooks(app)
  concealRawPackets(app.server)

  if (settings.forward !== undefined) {
    const targets = settings.targets.map(({ to, demand }) => ({ to, demand: gateOf(demand, PROXY) }))
    const gates = [proxy, ...targets.map(({ demand }) => demand)]
    const admitsWithoutCredentials = () => settings.anonymous !== undefined || gates.some(({ chain }) => chain.admitsWithoutCredentials)
    const carriesIdentity = (socket: Socket) => gates.some(({ connections }) => connections?.carriesIdentity(socket) === true)
    const hooks = targets.map(({ to, demand }) => ({ to, demand: proxyRouteHook(demand, realm, pages) }))
    const authenticateFor = createRequirement(hooks, proxyRouteHook(proxy, realm, pages))
    registerForwardProxy(app, {
      settings: settings.forward,
      exchanges,
      pseudonym,
      identities: settings.identityFields,
      hook,
      authenticateFor,
      admitsWithoutCredentials,
      carriesIdentity,
      onSend: errorPages(pages)
    })
  }
  for (const [index, { strategies = settings.strategies, anonymous = false, ...route }] of settings.reverse.entries()) {
    const identity = settings.identities[index]!
    const gate = gateOf(strategies, route.status === 401 ? ORIGIN : PROXY)
    const ask = proxyRouteHook(gate, realm, pages)
    const authenticate: typeof ask = anonymous ? (request, reply) => ask(openedBy(openRequests, request), reply) : ask
    await registerReverse(app, route as ReverseRoute, { hook, authenticate, pseudonym, exchanges, identity, limits: settings.tunnels })
  }
  app.addHook('preClose', () => exchanges.drain(settings.drainTimeout))
}

/** What all gates of a registration share. */
interface Shared {
  readonly revocations: Revocations
  readonly attempts: Attempts | undefined
  readonly access: AnonymousAccess | undefined
}

/** @param open - The requests on reverse routes that are open to everybody. */
function anonymousAccess ({ anonymous, realm }: Settings, open: WeakSet<object>): AnonymousAccess | undefined {
  if (anonymous === undefined) return undefined
  const isOpen = createRequirement([{ to: anonymous.to, demand: true }], false)
  return {
    name: anonymous.name,
    realm,
    admits (request) {
      if (open.has(request)) return true
      const target = receive(request as IncomingMessage)?.target
      return target != null && 'host' in target && isOpen(target)
    }
  }
}

function openedBy (open: WeakSet<object>, request: FastifyRequest): FastifyRequest {
  open.add(request.raw)
  return request
}

/** @throws {BadRegistration} Attempts are to be counted, and the package for that is missing. */
async function prepareAttempts (app: FastifyInstance, { attempts, realm }: Settings): Promise<Attempts | undefined> {
  if (attempts === undefined) return undefined
  const { timeWindow, redis } = attempts
  const limiters = await loadRateLimiters()
  const onTrouble = (err: unknown) => app.log.warn({ err }, 'Redis does not answer: this process counts failed attempts for itself')
  const counter = (name: string) => createCounter({ limiters, name: `${name}:${realm}`, timeWindow, redis, onTrouble })
  return new Attempts(attempts, { address: counter('address'), user: counter('user'), guess: counter('guess') })
}

/** Makes what the gate works with, from the strategies of a route and its mode. */
type GateOf = (strategies: readonly StrategyDeclaration[], mode: Mode) => AdmitOptions

/**
 * Prepares the gates of the routes; those of the same strategies share them. The strategies are settled when the
 * application is ready: `passport.use` may come later than us.
 */
function prepareGates (app: FastifyInstance, settings: Settings, { revocations, attempts, access }: Shared): GateOf {
  const { realm, passport, principal, authInt, connectionBound, strategyTimeout: timeout, cleartext } = settings
  const verifiers = { ...settings.verifiers, patience: timeout }
  const common = { principal, revocations, keeper: new ContentKeeper(authInt), maxAnswer: authInt.maxAnswer }
  const ofRoutes = settings.reverse.map(route => route.strategies ?? settings.strategies)
  const lists = new Set([settings.strategies, ...ofRoutes, ...settings.targets.map(({ demand }) => demand)])
  const several = lists.size > 1 ? { admitted: new WeakMap() } : {}
  // One cache and one queue for each strategy, on however many routes it is.
  const known = new Map<StrategyDeclaration, Declaration>()
  const declare = (declaration: StrategyDeclaration): Declaration => {
    const found = known.get(declaration) ?? readDeclaration(declaration, { realm, passport, verifiers })
    known.set(declaration, found)
    return found
  }
  const prepared = [...lists].map(list => ({
    list,
    declarations: list.map(declare),
    gates: [PROXY, ORIGIN].map(mode => ({ mode, ...common, ...several }) as AdmitOptions)
  }))
  if (prepared.some(({ declarations }) => declarations.some(({ mayCoverContent }) => mayCoverContent))) addContentHooks(app)
  const reads = [...new Set(prepared.flatMap(({ declarations }) => declarations.flatMap(declaration => declaration.reads)))]

  app.addHook('onReady', async () => {
    const all = new Set<Declared>()
    const names = new Set<string>()
    const chainOf = (declared: readonly Declared[]) => {
      const chain = createChain(declared, { timeout })
      const slowed = attempts === undefined ? chain : limited(chain, attempts, declared)
      return recognising(access === undefined ? slowed : anonymous(slowed, access), names)
    }
    for (const { declarations, gates } of prepared) {
      const declared = declarations.map(declaration => declaration.resolve())
      const chain = chainOf(declared)
      const chainInTheClear = cleartext === 'refuse' ? chainOf(declared.filter(each => !isReadable(each))) : chain
      for (const gate of gates) Object.assign(gate, { chain, chainInTheClear, reads })
      const bound = declared.find(({ scheme }) => isConnectionBound(scheme))
      if (bound !== undefined) {
        if (connectionBound === undefined) throw new BadOption('connectionBound', `given, as ${bound.scheme} authenticates connections`, 'undefined')
        // Each its own: an identity for the proxy is none for an origin that it also is, nor one for other strategies.
        for (const gate of gates) {
          const connections = new Connections(connectionBound)
          revocations.hold(connections)
          Object.assign(gate, { connections })
        }
      }
      for (const each of declared) all.add(each)
    }
    await prepareAll(all)
    warnAbout(app, [...all])
    for (const { cache } of all) {
      if (cache !== null) revocations.hold({ end: name => cache.forget(known => isNamed(name, known, principal)) })
    }
    if (cleartext === 'warn' && prepared.some(({ declarations }) => offersBasicBesideDigest(declarations.map(each => each.resolve())))) {
      app.log.warn('Basic beside Digest: whoever answers in our place asks for Basic alone, and reads the passwords')
    }
    readableScheme = cleartext === 'warn' && [...all].some(isReadable)
  })
  let readableScheme = false
  app.addHook('onListen', async () => {
    if (readableScheme && listensInTheClear(app)) {
      app.log.warn('Basic and Bearer are accepted without TLS from other hosts: see option `cleartext`')
    }
  })
  return (strategies, mode) => prepared.find(({ list }) => list === strategies)!.gates.find(gate => gate.mode === mode)!
}

/** Strategies of ours say now if they can never work; one that only looks like ours need not know of that. */
async function prepareAll (declared: Iterable<Declared>): Promise<void> {
  const ours = new Set([...declared].flatMap(({ own, strategy }) => own ? [strategy as Partial<Strategy>] : []))
  await Promise.all([...ours].map(async strategy => await strategy.prepare?.()))
}

/** Says, once for each strategy, what will surprise some clients. */
function warnAbout (app: FastifyInstance, strategies: readonly Declared[]): void {
  const told = new Set<string>()
  for (const { name, realm, scheme } of strategies) {
    const about = `${name}\n${realm}`
    if (told.has(about)) continue
    told.add(about)
    if (isConnectionBound(scheme)) app.log.warn({ strategy: name }, `${scheme} is offered: clients prefer it to Digest and Basic, and some (curl --proxy-anyauth) do not fall back`)
    if (!isPortableRealm(realm)) app.log.warn({ strategy: name, realm }, 'a realm with a comma, quote or backslash: some clients read it wrongly')
  }
}

/** Which reduces the whole to Basic (RFC 7616, 5.6). */
function offersBasicBesideDigest (strategies: readonly Declared[]): boolean {
  return ['Basic', 'Digest'].every(name => strategies.some(({ scheme }) => scheme === name))
}

/** Whether whoever is in between can read its secrets. */
function isReadable ({ scheme }: Declared): boolean {
  return scheme === 'Basic' || scheme === 'Bearer'
}

/** Without TLS, and on more than loopback. */
function listensInTheClear (app: FastifyInstance): boolean {
  if ('getTicketKeys' in app.server) return false
  const addresses = app.addresses() as Array<AddressInfo | string> // text: a socket in the file system
  return addresses.some(at => typeof at !== 'string' && at.address !== '::1' && !at.address.startsWith('127.'))
}

/** node's lenient parser lets through what makes two hops see two different requests. */
function refuseLenientParser (app: FastifyInstance): void {
  const { insecureHTTPParser } = app.server as { insecureHTTPParser?: boolean }
  if (insecureHTTPParser === true || process.execArgv.includes('--insecure-http-parser')) {
    throw new BadRegistration('the server parses HTTP leniently (insecureHTTPParser)')
  }
}

const proxyAuth = fp(plugin, { fastify: '5.x', name: 'fastify-proxy-auth' })

export default proxyAuth
export { proxyAuth }
export * from './errors.js'
export { formatAuthenticationInfo, parseAuthenticationInfo } from './fields/authentication-info.js'
export { formatChallenge, parseChallenges } from './fields/challenge.js'
export type { Challenge } from './fields/challenge.js'
export { Credentials, formatCredentials, parseCredentials } from './fields/credentials.js'
export type { Principal } from './gate/principal.js'
export type { PageOptions, PageStatus, PageText } from './gate/refusal-page.js'
export type { AnonymousOptions, AuthIntOptions, ConnectionBoundOptions, ConnectOptions, ForwardOptions, ProxyAuthOptions, ReverseRoute, TargetStrategies, VerifierOptions } from './options.js'
export type { DeclaredStrategy, StrategyDeclaration } from './passport/declaration.js'
export type { Registry } from './passport/registry.js'
export type { RequestView } from './passport/request-view.js'
export type { Check, Target, TargetScheme } from './policy/check.js'
export type { AutoConfigurationOptions } from './proxy/auto-configuration-route.js'
export { signAws4 } from './schemes/aws4/client.js'
export type { Aws4Request, Aws4Signer } from './schemes/aws4/client.js'
export type { UserPass } from './schemes/basic.js'
export type { BearerError } from './schemes/bearer.js'
export type { AttemptsOptions, RedisClient } from './policy/attempts-options.js'
export type { IdentityOptions } from './proxy/identity-field.js'
export type { DigestAlgorithmName, DigestHash } from './schemes/digest/algorithm.js'
export { answerDigestChallenge } from './schemes/digest/client.js'
export type { DigestAnswer, DigestInfoVerdict, DigestRequest } from './schemes/digest/client.js'
export { timingSafeEqualText } from './schemes/equal-text.js'
export { MemoryStore } from './store/memory.js'
export type { MemoryStoreOptions } from './store/memory.js'
export type { Claim, ReplayStore } from './store/store.js'
export { Aws4Strategy } from './strategies/aws4.js'
export type { Aws4Info } from './strategies/aws4.js'
export type { Aws4Account, Aws4Lookup, Aws4Options, Aws4Refusal, Aws4RefusalReason } from './strategies/aws4-options.js'
export { BasicStrategy } from './strategies/basic.js'
export type { BasicOptions, VerifyUserPass } from './strategies/basic.js'
export type { CacheOptions } from './strategies/cache-options.js'
export { BearerStrategy } from './strategies/bearer.js'
export type { BearerOptions, VerifyToken } from './strategies/bearer.js'
export { ClientCertificateStrategy } from './strategies/client-certificate.js'
export type { ClientCertificateOptions, VerifyCertificate } from './strategies/client-certificate.js'
export type { CertificateName } from './strategies/certificate-name.js'
export { DigestStrategy } from './strategies/digest.js'
export type { DigestAccount, DigestHashLookup, DigestLookup, DigestOptions, DigestRefusal, DigestRefusalReason } from './strategies/digest-options.js'
export { lookupStatic } from './strategies/lookup-static.js'
export type { Handshake, HandshakeState } from './strategies/handshake.js'
export { NegotiateStrategy } from './strategies/negotiate.js'
export type { NegotiateInfo } from './strategies/negotiate.js'
export type { KerberosPrincipal, MapPrincipal, NegotiateOptions, NegotiateRefusal, NegotiateRefusalReason } from './strategies/negotiate-options.js'
export { NtlmStrategy } from './strategies/ntlm.js'
export { ntlmAuth } from './strategies/ntlm-auth.js'
export type { NtlmAuth, NtlmAuthOptions } from './strategies/ntlm-auth.js'
export type { NtlmAccount, NtlmExchange, NtlmLookup, NtlmOptions, NtlmRefusalReason, NtlmVerdict, NtlmVerifier } from './strategies/ntlm-options.js'
export { Strategy } from './strategies/strategy.js'
export type { Accepted, AttemptOptions, AttemptRequest, ChallengeContext, Eventual, Offer } from './strategies/strategy.js'
export { verifyStatic } from './strategies/verify-static.js'
export type { Milliseconds, ProxyIdentity, ProxyUser } from './types.js'
export { htdigest } from './users/htdigest.js'
export type { HtdigestFile, HtdigestOptions } from './users/htdigest.js'
export { htpasswd } from './users/htpasswd.js'
export type { HtpasswdFile, HtpasswdOptions } from './users/htpasswd.js'
