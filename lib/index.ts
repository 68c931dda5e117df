import type { AddressInfo } from 'node:net'
import fp from 'fastify-plugin'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { prepareLimits } from './registration/prepare-limits.js'
import { anonymousAccess } from './registration/anonymous-access.js'
import { BadOption, BadRegistration } from './errors.js'
import { Events } from './events/events.js'
import { followRules } from './registration/follow-rules.js'
import { forwardGates } from './registration/forward-gates.js'
import { errorPages } from './gate/refusal/error-page.js'
import { addChallengeHooks, ownRouteHook, proxyRouteHook } from './gate/gate.js'
import { addAuthenticationInfo } from './gate/role/authentication-info.js'
import { ORIGIN, PROXY } from './gate/role/role.js'
import { letObserve } from './metrics/observed.js'
import { concealRawPackets } from './platform/http1/raw-packet.js'
import { prepareGates } from './registration/gates.js'
import type { ProxyAuthOptions } from './options/options.js'
import { logFailures } from './platform/guarded.js'
import { createAttempts } from './policy/attempts/create-attempts.js'
import { explainRequest } from './policy/permission/explain.js'
import type { ExplainedRequest } from './policy/permission/explain.js'
import { Permissions } from './policy/permission/permissions.js'
import type { Access } from './policy/target/access.js'
import { Revocations } from './policy/revocations.js'
import { drainOnClose } from './proxy/exchange/drain.js'
import { Exchanges } from './proxy/exchange/exchanges.js'
import { Usage, sampleUsage } from './proxy/exchange/usage.js'
import { registerForwardProxy } from './proxy/forward/register.js'
import { onEveryServer } from './platform/fastify.js'
import { keepHandles } from './platform/http2/kept-handles.js'
import { destroyLate } from './platform/http2/late-destroy.js'
import { endLost } from './platform/http2/lost-sessions.js'
import { destroySessionFirst } from './platform/http2/session-before-socket.js'
import { registerReverse } from './proxy/reverse/register.js'
import { fullPrefix } from './proxy/reverse/route.js'
import type { HttpProxyRoute } from './proxy/reverse/route.js'
import { reloadAll } from './registration/reload.js'
import { parentsOf } from './status/parents.js'
import { Refusals } from './status/refusals.js'
import { registerStatus } from './status/register.js'
import { readSettings } from './options/settings.js'
import { shareState } from './registration/shared-state.js'
import { storeListener } from './registration/store-listener.js'
import { createTracing } from './tracing/create-tracing.js'
import type { ProxyIdentity } from './types.js'

/** What `proxyAuth` does in the scope that registers it. */
const plugin: FastifyPluginAsync<ProxyAuthOptions> = async (app, options) => {
  const settings = readSettings(options)
  if (app.hasDecorator('proxyAuthenticate')) {
    throw new BadRegistration('this scope, or one around it, has proxy authentication already')
  }
  refuseLenientParser(app)
  const { realm, hook, pages, pseudonym } = settings
  const revocations = new Revocations()
  const events = new Events(pseudonym)
  const attempts = settings.attempts && await createAttempts(settings.attempts, realm, storeListener(app.log, events, 'attempts'))
  const limits = await prepareLimits(app, settings, events)
  const anonymous = anonymousAccess(settings)
  const state = settings.redis && shareState(app, settings.redis, { realm, revocations, events })
  const shared = { revocations, attempts, access: anonymous, replays: state?.replays, events }
  const gates = await prepareGates(app, settings, shared)
  const { gateOf, reloadAccounts } = gates
  app.addHook('onReady', async () => { await state?.prepare() })
  const proxy = gateOf(settings.strategies, PROXY)
  const usage = new Usage(events, await createTracing(settings.tracing))
  const exchanges = new Exchanges(revocations, usage, limits)
  const permissions = settings.permissions && new Permissions(settings.permissions)
  const policy = settings.permissions?.policy
  const routes = settings.reverse.map((route) => fullPrefix(app, route))
  if (policy !== undefined) followRules(app, policy, permissions!, exchanges, routes)

  const health = [settings.forward?.parents, ...settings.routeParents].flatMap((parents) => parents?.health ?? [])
  letObserve(app, { events, exchanges, gates, health: [...new Set(health)] })

  app.decorateRequest('proxyAuth', null)
  app.decorateReply('proxyAuthenticationInfo', function (params) {
    addAuthenticationInfo(this, params)
    return this
  })
  app.decorate('proxyAuthenticate', ownRouteHook(proxy))
  const revoked = state ?? revocations
  app.decorate('proxyAuthRevoke', (name: string) => {
    if (typeof name !== 'string') throw new BadOption('name', 'text', typeof name) // no user would be revoked, and no error show it
    revoked.revoke(name)
  })
  app.decorate('proxyAuthEnd', (id: string) => exchanges.endById(id))
  const left = (user: string) => limits?.left(user) ?? []
  app.decorate('proxyAuthUsage', () => exchanges.usage.ofUsers(exchanges.proxied, left))
  app.decorate('proxyAuthReload', async () => await reloadAll(reloadAccounts, policy))
  const asksCode = settings.permissions?.authorize !== undefined || settings.forward?.policy.check !== undefined
  app.decorate('proxyAuthExplain', async (request: ExplainedRequest) => await explainRequest(request, { policy, access, asksCode }))
  addChallengeHooks(app)
  concealRawPackets(app.server)
  onEveryServer(app, (server) => logFailures(app.log, server))
  keepHandles(app)
  destroySessionFirst(app)
  destroyLate(app)
  endLost(app)

  const listeners: AddressInfo[] = []
  const { status, routeParents } = settings
  const statusUrl = status && registerStatus(app, status, {
    gateway: pseudonym,
    exchanges,
    left,
    refusals: new Refusals(events),
    parents: () => parentsOf([settings.forward?.parents, ...routeParents])
  }, listeners)
  app.decorate('proxyAuthStatusUrl', () => statusUrl?.())
  let access: Access<ProxyIdentity> | undefined
  if (settings.forward !== undefined) {
    access = registerForwardProxy(app, {
      settings: settings.forward,
      exchanges,
      pseudonym,
      identities: settings.identityFields,
      logsPaths: settings.log.paths,
      hook,
      gates: forwardGates(settings, gateOf, (gate) => proxyRouteHook(gate, realm, pages)),
      permissions,
      onSend: errorPages(pages),
      listeners
    })
  }
  for (const [index, given] of settings.reverse.entries()) {
    const { strategies = settings.strategies, anonymous: isOpen = false, parents: _, ...route } = given
    const identity = settings.identities[index]!
    const gate = gateOf(strategies, route.status === 401 ? ORIGIN : PROXY)
    const ask = proxyRouteHook(gate, realm, pages)
    const authenticate = isOpen ? anonymous!.openToAll(ask) : ask
    await registerReverse(app, route as HttpProxyRoute, {
      hook,
      authenticate,
      pseudonym,
      exchanges,
      identity,
      limits: settings.tunnels,
      onSend: errorPages(pages),
      logsPaths: settings.log.paths,
      parents: settings.routeParents[index],
      permissions
    })
  }
  if (settings.forward === undefined && settings.reverse.length === 0) return
  drainOnClose(app, exchanges, settings.drainTimeout)
  sampleUsage(app, exchanges)
}

/** node's lenient parser lets through what makes two hops see two different requests. */
function refuseLenientParser (app: FastifyInstance): void {
  const { insecureHTTPParser } = app.server as { insecureHTTPParser?: boolean }
  if (insecureHTTPParser === true || process.execArgv.includes('--insecure-http-parser')) {
    throw new BadRegistration('the server parses HTTP leniently (insecureHTTPParser)')
  }
}

/**
 * The plugin: proxy authentication for a Fastify gateway. It is the default export, too.
 *
 * @throws {BadOption} An option is wrong.
 * @throws {BadRegistration} A second time in one scope; `forward` under a prefix or a second time
 *   on one server.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.7 RFC 9110, 11.7}
 * @example
 * await app.register(proxyAuth, {
 *   realm: 'Corporate Proxy',
 *   strategies: [new BasicStrategy({ verify })],
 *   forward: { allow: ['*.example.org'] }
 * })
 */
const proxyAuth = fp(plugin, { fastify: '5.x', name: 'fastify-proxy-auth' })

export default proxyAuth
export { proxyAuth }
export * from './errors.js'
export type { Eventual } from './eventual.js'
export type { ChallengedEvent, ClosedEvent, DeniedEvent, ExchangeEvent, GateEvent, GatewayEvent, GrantedEvent, LimitedEvent, OpenedEvent, ProgressEvent, ProxyAuthEvents, RefusedEvent, StoreEvent } from './events/payloads.js'
export type { AuthParams, ParseOptions } from './fields/auth-param.js'
export { formatAuthenticationInfo, parseAuthenticationInfo } from './fields/authentication-info.js'
export { formatChallenge, parseChallenges } from './fields/challenge.js'
export type { Challenge } from './fields/challenge.js'
export { Credentials, formatCredentials, parseCredentials } from './fields/credentials.js'
export type { CredentialsParts } from './fields/credentials.js'
export type { PageOptions, PageStatus, PageText } from './gate/refusal/page.js'
export type { AnonymousOptions, AuthIntOptions, ConnectionBoundOptions, ConnectOptions, ForwardOptions, LogOptions, ProxyAuthOptions, ReverseRoute, TargetStrategies, TracingOptions, VerifierOptions } from './options/options.js'
export type { DeclaredStrategy, StrategyDeclaration } from './passport/declaration.js'
export type { ChallengeMaker } from './passport/strategy-challenges.js'
export type { PassportStrategy, Registry } from './passport/registry.js'
export type { RequestView } from './passport/request-view.js'
export { proxyAuthMetrics } from './metrics/metrics.js'
export type { MetricsOptions, UserMetricsOptions } from './metrics/metrics-options.js'
export type { MetricsRegistry } from './metrics/prom-client.js'
export type { Principal } from './policy/identity.js'
export type { ParentEvent } from './policy/parent/health.js'
export type { ParentAws4Credentials, ParentBasicCredentials, ParentBearerCredentials, ParentCredentials, ParentDigestCredentials, ParentNegotiateCredentials, ParentNtlmCredentials } from './policy/parent/credentials.js'
export type { ChooseParents, ChooseRouteParents, CredentialsForParent, ParentChoice, ParentOptions, RouteParentChoice } from './policy/parent/parent-options.js'
export type { Authorize, AuthorizeRequest } from './policy/permission/authorize.js'
export type { ExplainedAddress, ExplainedRequest, Explanation } from './policy/permission/explain.js'
export type { PolicyDecision } from './policy/rules/decision.js'
export type { PolicyAction, PolicyDay, PolicyDocument, PolicyForm, PolicyRule } from './policy/rules/document.js'
export type { ConsideredRule, PolicyExplanation } from './policy/rules/explain.js'
export { planPolicy } from './policy/rules/plan.js'
export type { ChangedDecision, ChangedRule, PolicyPlan, PolicySamples, SampleUser } from './policy/rules/plan.js'
export { createPolicy } from './policy/rules/policy.js'
export type { Policy, PolicyOptions } from './policy/rules/policy.js'
export { policyFile } from './policy/rules/policy-file.js'
export type { PolicyFile, PolicyFileOptions, PolicyListener } from './policy/rules/policy-file.js'
export type { PolicyRequest } from './policy/rules/request.js'
export type { PolicyCondition } from './policy/rules/rule.js'
export type { Check, CodeRefusal, Target, TargetScheme, CodeVerdict } from './policy/target/check.js'
export { createMatcher } from './policy/target/matcher.js'
export type { PatternMatch } from './policy/target/pattern-list.js'
export type { MovedOctets } from './proxy/exchange/exchange.js'
export type { UserUsage } from './proxy/exchange/usage.js'
export type { AutoConfigurationOptions } from './proxy/forward/auto-configuration-route.js'
export type { ReasonPhrases } from './proxy/connect/reason-phrases.js'
export type { KeepAliveAfter407 } from './proxy/connect/take-http1.js'
export type { HttpProxyRoute } from './proxy/reverse/route.js'
export { proxyAuthenticate } from './proxy-authenticate.js'
export { signAws4 } from './schemes/aws4/client.js'
export type { Aws4Request, Aws4Signer } from './schemes/aws4/client.js'
export type { UserPass } from './schemes/basic.js'
export type { BearerError, BearerErrorCode } from './schemes/bearer.js'
export type { AttemptsOptions } from './policy/attempts/attempts-options.js'
export type { BandwidthLimit, LimitOptions, LimitStoreOptions, QuotaLimit, RateLimit } from './policy/limits/limits-options.js'
export type { QuotaPeriod } from './policy/limits/period.js'
export type { QuotaLeft } from './policy/limits/quota-account.js'
export type { IdentityOptions } from './proxy/message/identity-field.js'
export type { DigestAlgorithmName, DigestHash } from './schemes/digest/algorithm.js'
export { answerDigestChallenge } from './schemes/digest/client.js'
export type { DigestAnswer, DigestInfoVerdict, DigestRequest } from './schemes/digest/client.js'
export type { OfferMismatch } from './schemes/digest/challenge.js'
export type { Qop } from './schemes/digest/response.js'
export type { DigestExchange, DigestSecret } from './schemes/digest/verify.js'
export { timingSafeEqualText } from './schemes/equal-text.js'
export { answerNtlmChallenge } from './schemes/ntlm/client.js'
export type { NtlmAnswer, NtlmLogin } from './schemes/ntlm/client.js'
export type { NtlmNames } from './schemes/ntlm/challenge.js'
export type { AuthenticateMessage, NegotiateMessage } from './schemes/ntlm/message.js'
export { MemoryStore } from './store/memory.js'
export type { StoreListener } from './store/store-health.js'
export { RedisStore } from './store/redis-store.js'
export type { RedisStoreOptions } from './store/redis-store.js'
export type { MemoryStoreOptions } from './store/memory.js'
export type { RedisClient, RedisSubscriber, SharedRedisOptions } from './store/shared-redis.js'
export type { Claim, ReplayStore } from './store/store.js'
export { Aws4Strategy } from './strategies/aws4/strategy.js'
export type { Aws4Info } from './strategies/aws4/strategy.js'
export type { Aws4Account, Aws4Lookup, Aws4Options, Aws4Refusal, Aws4RefusalReason } from './strategies/aws4/options.js'
export { BasicStrategy } from './strategies/basic.js'
export type { BasicOptions, VerifyUserPass } from './strategies/basic.js'
export type { CacheOptions } from './strategies/cache-options.js'
export { BearerStrategy } from './strategies/bearer.js'
export type { BearerOptions, VerifyToken } from './strategies/bearer.js'
export { ClientCertificateStrategy } from './strategies/certificate/strategy.js'
export type { ClientCertificateOptions, VerifyCertificate } from './strategies/certificate/strategy.js'
export type { CertificateGroups } from './strategies/certificate/groups.js'
export type { CertificateName } from './strategies/certificate/name.js'
export { DigestStrategy } from './strategies/digest/strategy.js'
export type { DigestInfo } from './strategies/digest/strategy.js'
export type { DigestAccount, DigestHashLookup, DigestLookup, DigestOptions, DigestRefusal, DigestRefusalReason } from './strategies/digest/options.js'
export { lookupStatic, verifyStatic } from './users/static.js'
export type { FoundAccount, StaticAccount, StaticLookups, StaticUser, StaticUsers } from './users/static.js'
export type { Handshake, HandshakeState } from './strategies/handshake.js'
export type { SecurityContext } from './strategies/negotiate/kerberos.js'
export { NegotiateStrategy } from './strategies/negotiate/strategy.js'
export type { NegotiateInfo } from './strategies/negotiate/strategy.js'
export type { KerberosPrincipal, MapPrincipal, NegotiateOptions, NegotiateRefusal, NegotiateRefusalReason } from './strategies/negotiate/options.js'
export { NtlmStrategy } from './strategies/ntlm/strategy.js'
export { ntlmAuth } from './strategies/ntlm/samba.js'
export type { NtlmAuth, NtlmAuthOptions, NtlmAuthUser } from './strategies/ntlm/samba.js'
export type { NtlmAccount, NtlmExchange, NtlmLookup, NtlmOptions, NtlmRefusalReason, NtlmUser, NtlmVerdict, NtlmVerifier } from './strategies/ntlm/options.js'
export { Strategy } from './strategies/strategy.js'
export type { Accepted, AttemptOptions, AttemptRequest, ChallengeContext, Offer, RefusalNote, SharedReplays } from './strategies/strategy.js'
export type { StatusExchange, StatusParent, StatusQuota, StatusRefusal, StatusSnapshot, StatusTotals, StatusUser } from './status/snapshot.js'
export type { StatusHook, StatusListenOptions, StatusOptions } from './status/status-options.js'
export type { AcceptedUser, Defaulting, Given, Milliseconds, ProxyAuthenticate, ProxyIdentity, ProxyUser } from './types.js'
export { groupFile } from './users/group-file.js'
export type { FileUser, GroupFile, GroupFileOptions, GroupedUser } from './users/group-file.js'
export { htdigest } from './users/htdigest.js'
export type { GroupedHtdigestAccount, HtdigestAccount, HtdigestFile, HtdigestOptions } from './users/htdigest.js'
export { htpasswd } from './users/htpasswd.js'
export type { HtpasswdFile, HtpasswdOptions } from './users/htpasswd.js'
