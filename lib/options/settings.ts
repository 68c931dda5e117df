import { randomBytes } from 'node:crypto'
import { readRealm } from '../fields/realm.js'
import { isPseudonym } from '../fields/via.js'
import type { Principal } from '../policy/identity.js'
import { readPages } from '../gate/refusal/page.js'
import type { Pages } from '../gate/refusal/page.js'
import { badOption, checkOptions, isObject, readList, readTime, readWord } from '../check-option.js'
import type { AuthIntOptions, ConnectionBoundOptions, ConnectOptions, LogOptions, ProxyAuthOptions, ReverseRoute, VerifierOptions } from './options.js'
import type { StrategyDeclaration } from '../passport/declaration.js'
import type { Registry } from '../passport/registry.js'
import { readAttempts } from '../policy/attempts/attempts-options.js'
import type { AttemptsSettings } from '../policy/attempts/attempts-options.js'
import { readLimits } from '../policy/limits/limits-options.js'
import type { LimitsSettings } from '../policy/limits/limits-options.js'
import type { Parents } from '../policy/parent/parents.js'
import type { PermissionSettings } from '../policy/permission/permissions.js'
import type { Requirement } from '../policy/target/requirement.js'
import type { ForwardSettings } from '../proxy/forward/register.js'
import type { IdentityField, RouteIdentity } from '../proxy/message/identity-field.js'
import { readSharedRedis } from '../store/shared-redis.js'
import type { SharedRedis } from '../store/shared-redis.js'
import { readStatus } from '../status/status-options.js'
import type { StatusSettings } from '../status/status-options.js'
import type { Milliseconds } from '../types.js'
import { readAnonymous } from './anonymous.js'
import type { AnonymousSettings } from './anonymous.js'
import { readForward, readTargets } from './forward.js'
import { readAuthInt, readConnect, readConnectionBound, readVerifiers } from './limits.js'
import { readLog } from './log.js'
import { readTracing } from './tracing.js'
import type { TracingSettings } from './tracing.js'
import { readPermissions } from './permissions.js'
import { readIdentities, readReverse, readRouteParents } from './reverse.js'

/** The options, checked, with defaults. Frozen. */
export interface Settings {
  readonly realm: string
  readonly strategies: readonly StrategyDeclaration[]
  readonly passport: Registry | undefined
  readonly hook: 'preHandler' | 'onRequest'
  readonly principal: Principal | undefined
  readonly reverse: readonly ReverseRoute[]
  /** The parents that lead to the upstream of each entry of `reverse`. */
  readonly routeParents: ReadonlyArray<Parents | undefined>
  /** What tells the upstream who the user is, for each entry of `reverse`. */
  readonly identities: readonly RouteIdentity[]
  /** All fields that do so. */
  readonly identityFields: readonly IdentityField[]
  readonly forward: ForwardSettings | undefined
  /** The strategies for some targets of `forward`. */
  readonly targets: ReadonlyArray<Requirement<readonly StrategyDeclaration[]>>
  readonly connectionBound: Required<ConnectionBoundOptions> | undefined
  readonly anonymous: AnonymousSettings | undefined
  readonly permissions: PermissionSettings | undefined
  readonly attempts: AttemptsSettings | undefined
  readonly limits: LimitsSettings | undefined
  /** The Redis for all that processes share. */
  readonly redis: SharedRedis | undefined
  /** For tunnels, and what upgrades lead to. */
  readonly tunnels: Required<ConnectOptions>
  readonly authInt: Required<AuthIntOptions>
  readonly cleartext: 'warn' | 'refuse'
  readonly log: Required<LogOptions>
  readonly tracing: TracingSettings
  /** Options that were given and are of no use beside the others. */
  readonly unused: readonly string[]
  readonly pages: Pages
  readonly status: StatusSettings | undefined
  readonly pseudonym: string
  readonly verifiers: Required<VerifierOptions>
  readonly strategyTimeout: Milliseconds
  readonly drainTimeout: Milliseconds
}

// `logLevel` and `logSerializers` are Fastify's own, of `register`; `prefix` too, but it would not
// reach a hoisted plugin.
const OPTIONS = new Set([
  'realm', 'strategies', 'passport', 'hook', 'principal', 'reverse', 'identity', 'forward', 'connect', 'connectionBound',
  'policy', 'groups', 'authorize', 'authorizeTimeout', 'anonymous', 'attempts', 'limits', 'limitStore', 'redis', 'authInt', 'cleartext', 'log', 'tracing', 'pages', 'via',
  'verifiers', 'strategyTimeout', 'drainTimeout', 'status', 'logLevel', 'logSerializers'
])

/**
 * Checks the options of the plugin, fills in defaults and freezes the result. What belongs to a
 * strategy, a reverse route or the destination policy is checked by them.
 *
 * @throws {BadOption} An option is wrong, or unknown. The message names it and the type it got,
 *   never the value.
 */
export function readSettings (options: ProxyAuthOptions): Settings {
  const {
    realm, strategies, passport, hook = 'preHandler', principal, reverse = [], identity, forward: givenForward, connect = {}, connectionBound,
    anonymous, attempts, limits, limitStore, redis, authInt = {}, verifiers = {}, cleartext = 'warn', log = {}, tracing, pages, via = `gateway-${randomBytes(6).toString('hex')}`,
    strategyTimeout = 10_000, drainTimeout = 10_000, status
  } = checkOptions(options, OPTIONS)
  readRealm(realm)
  if (passport !== undefined && !isObject(passport)) throw badOption('passport', 'an Authenticator', passport)
  if (principal !== undefined && typeof principal !== 'function') throw badOption('principal', 'a function', principal)
  if (typeof via !== 'string' || !isPseudonym(via)) throw badOption('via', 'a token', via)
  const forward = givenForward === true ? {} : givenForward
  const routes = readReverse(reverse)
  const tunnels = readConnect(connect)
  const limited = readLimits(limits, limitStore)
  const shared = redis === undefined ? undefined : readSharedRedis(redis)
  const forwardSettings = forward === undefined ? undefined : readForward(forward)
  return Object.freeze({
    realm,
    strategies: readList(strategies, 'strategies', 1),
    passport,
    hook: readWord(hook, 'hook', ['preHandler', 'onRequest']),
    principal: principal as Principal | undefined,
    reverse: routes,
    routeParents: readRouteParents(routes, forwardSettings?.parents),
    ...readIdentities(identity, routes),
    forward: forwardSettings && Object.freeze({ ...forwardSettings, ...tunnels }),
    targets: readTargets(forward?.strategies),
    connectionBound: connectionBound === undefined ? undefined : readConnectionBound(connectionBound),
    anonymous: readAnonymous(anonymous, routes),
    permissions: readPermissions(options, limited !== undefined),
    limits: limited,
    attempts: attempts === undefined ? undefined : readAttempts(attempts, shared),
    redis: shared,
    tunnels,
    authInt: readAuthInt(authInt),
    verifiers: readVerifiers(verifiers),
    unused: unusedOf(options, routes),
    cleartext: readWord(cleartext, 'cleartext', ['warn', 'refuse']),
    log: readLog(log),
    tracing: readTracing(tracing),
    pages: readPages(pages),
    status: status === undefined ? undefined : readStatus(status),
    pseudonym: via,
    strategyTimeout: readTime(strategyTimeout, 'strategyTimeout', 1),
    drainTimeout: readTime(drainTimeout, 'drainTimeout', 0)
  })
}

function unusedOf (
  { forward, anonymous, connect }: ProxyAuthOptions, reverse: readonly ReverseRoute[]
): readonly string[] {
  if (forward !== undefined) return []
  const names = []
  if (anonymous !== undefined && !reverse.some((route) => route.anonymous)) names.push('anonymous')
  if (connect !== undefined && !reverse.some((route) => route.websocket)) names.push('connect')
  return Object.freeze(names)
}
