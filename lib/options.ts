import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { quote } from './fields/quoted-string.js'
import { isPseudonym } from './fields/via.js'
import type { Principal } from './gate/principal.js'
import { readPages } from './gate/refusal-page.js'
import type { PageOptions, Pages } from './gate/refusal-page.js'
import { MAX_TIMER, badOption, isObject, readInteger, refuseUnknown } from './option.js'
import { VERIFIERS } from './passport/declaration.js'
import type { StrategyDeclaration } from './passport/declaration.js'
import type { Registry } from './passport/registry.js'
import type { ForwardPolicyOptions } from './policy/access-options.js'
import { readAttempts } from './policy/attempts-options.js'
import type { AttemptsOptions, AttemptsSettings } from './policy/attempts-options.js'
import { PatternList } from './policy/pattern-list.js'
import type { Requirement } from './policy/requirement.js'
import { readAutoConfiguration } from './proxy/auto-configuration-route.js'
import type { AutoConfigurationOptions } from './proxy/auto-configuration-route.js'
import type { KeepAliveAfter407 } from './proxy/connect.js'
import type { ForwardSettings } from './proxy/forward-proxy.js'
import { IdentityField } from './proxy/identity-field.js'
import type { IdentityOptions, RouteIdentity } from './proxy/identity-field.js'
import type { ReverseRoute as ProxyRoute } from './proxy/reverse.js'
import type { Milliseconds, ProxyIdentity, ProxyUser } from './types.js'

/** The options of the plugin. */
export interface ProxyAuthOptions {
  /** Names the protection space, which is the whole proxy. Printable ASCII; clients show it. */
  readonly realm: string
  /** Who may tell who a user is, in the order of the challenges. One or more. */
  readonly strategies: readonly StrategyDeclaration[]
  /** An Authenticator of passport or @fastify/passport, for strategies given by name. Default: none. */
  readonly passport?: Registry
  /**
   * When the hook runs on proxy routes. Neither reads the body before. Default `'preHandler'`: after the application's
   * own hooks; `'onRequest'`: before their later ones.
   */
  readonly hook?: 'preHandler' | 'onRequest'
  /**
   * Names a user for logs, limits and headers. Default: the first text among the user's `username`, `id` and `sub`, else
   * the user-id of the credentials.
   */
  readonly principal?: (user: ProxyUser, info: unknown) => string
  /** Reverse routes: a prefix and its upstream, with every option of @fastify/http-proxy. Default: none. */
  readonly reverse?: readonly ReverseRoute[]
  /**
   * Tell the upstreams of reverse routes who the proxy user is, in a field that no client can forge. Each route may say
   * otherwise. Default: they are not told.
   */
  readonly identity?: IdentityOptions
  /** The forward proxy: absolute-form and CONNECT. Default: none, both are refused. */
  readonly forward?: ForwardOptions
  /** How CONNECT behaves, where there is `forward`. */
  readonly connect?: ConnectOptions
  /**
   * Opens NTLM and Negotiate, which authenticate a connection and not a request. To give it is to say that every client
   * connection is one user's: no load balancer or proxy in front puts several users on one. `true` takes the defaults. Without
   * it a strategy of such a scheme fails the boot. Default: none.
   */
  readonly connectionBound?: true | ConnectionBoundOptions
  /** Who may come without credentials, and where. Wrong credentials are refused there, too. Default: nobody, nowhere. */
  readonly anonymous?: AnonymousOptions
  /** How guessing is slowed down. Default: it is not. `{}` takes the defaults of its members. */
  readonly attempts?: AttemptsOptions
  /** What is kept for credentials that cover the content (Digest with `auth-int`), where a strategy offers that. */
  readonly authInt?: AuthIntOptions
  /**
   * Basic and Bearer from elsewhere than loopback, without TLS: `'warn'` says so at the start, `'refuse'` neither offers
   * nor accepts them. Default `'warn'`.
   */
  readonly cleartext?: 'warn' | 'refuse'
  /** What the pages say that browsers show: 407 and 401, and on the forward proxy 403, 429, 502, 503 and 504. Default: texts in English. */
  readonly pages?: PageOptions
  /**
   * Our name in `Via` and `Proxy-Status`: a token. Workers behind one name share it, for the sake of loop detection.
   * Default: one of its own for each boot.
   */
  readonly via?: string
  /** How many requests each strategy may be asked about at a time. */
  readonly verifiers?: VerifierOptions
  /** How long a strategy may take. 1 to 2147483647. Default 10000 (10 seconds). */
  readonly strategyTimeout?: Milliseconds
  /** How long `app.close()` waits for tunnels and forwarded requests. 0 to 2147483647. Default 10000 (10 seconds). */
  readonly drainTimeout?: Milliseconds
}

/** Where requests without credentials are let in, under a name of their own. */
export interface AnonymousOptions {
  /**
   * Targets of `forward`: patterns as in `forward.allow`; one without a port means every port. It goes by the target as the client
   * names it, and lifts nothing of `forward`. Default: none.
   */
  readonly to?: readonly string[]
  /** What the log, limits and `request.proxyAuth.name` call them all. No user may have that name. Default `'anonymous'`. */
  readonly name?: string
}

/** A reverse route: a prefix, its upstream, and all that @fastify/http-proxy can do with it. */
export type ReverseRoute = ProxyRoute & {
  /** Who may tell who a user is on this route, in place of the plugin's `strategies`. One or more. */
  readonly strategies?: readonly StrategyDeclaration[]
  /** Lets in requests without credentials, by the name that `anonymous.name` says. Default false. */
  readonly anonymous?: boolean
}

/** Who may tell who a user is for some targets. */
export interface TargetStrategies {
  /** Patterns as in `allow`; one without a port means every port. */
  readonly to: readonly string[]
  /** In place of the plugin's `strategies`. One or more. */
  readonly strategies: readonly StrategyDeclaration[]
}

/** Where the forward proxy may go, and how long that may take. */
export interface ForwardOptions extends ForwardPolicyOptions<ProxyIdentity> {
  /**
   * Other strategies for some targets; the first entry that holds the target counts. It goes by the target as the client
   * names it: nothing is resolved before the client is known. Default: the plugin's `strategies` for all.
   */
  readonly strategies?: readonly TargetStrategies[]
  /**
   * Where HTTP/2 clients reach this server itself, `host` or `host:port`, beside the name they ask for in TLS and the address
   * they connect to: over HTTP/2 every other authority is a target. Default none.
   */
  readonly authorities?: readonly string[]
  /** Until the target has accepted the connection, TLS apart. 1 to 2147483647. Default 10000 (10 seconds). */
  readonly connectTimeout?: Milliseconds
  /** From the request sent to the head of its answer. 0: no limit. Default 60000 (1 minute). */
  readonly headersTimeout?: Milliseconds
  /** The longest silence within an answer's body. 0: no limit. Default 300000 (5 minutes). */
  readonly bodyTimeout?: Milliseconds
  /** The local address to connect from. Default: the system's choice. */
  readonly localAddress?: string
  /** node's TLS options for `https://` targets in absolute-form, `ca` for one. They are verified by default. */
  readonly tls?: ConnectionOptions
  /** Tells browsers which proxy to use, at `/proxy.pac` and `/wpad.dat`, without authentication. Default: nothing is served. */
  readonly pac?: true | AutoConfigurationOptions
}

/**
 * How many requests each strategy may be asked about at a time, so that a flood of wrong passwords does not become one of the
 * directory. What a strategy says at once, or what is remembered (`cache`), does not count.
 */
export interface VerifierOptions {
  /** How many may be under way. 1 to 65536. Default 32. */
  readonly concurrency?: number
  /**
   * How many more may wait, each for `strategyTimeout` at most; the next is 503 with `Retry-After`. 0 to 1048576.
   * Default 1000.
   */
  readonly queue?: number
}

/** How CONNECT behaves; the limits are those of upgraded connections too. */
export interface ConnectOptions {
  /**
   * Whether the connection of a CONNECT answered with 407 may carry another request: `'handshake'` only between the legs
   * of NTLM and Negotiate. Default `'always'`.
   */
  readonly keepAliveAfter407?: KeepAliveAfter407
  /** No byte either way for this long ends a tunnel. 0: no limit. Default 600000 (10 minutes). */
  readonly idleTimeout?: Milliseconds
  /** A tunnel lives no longer than this. 0: no limit. Default 0. */
  readonly maxDuration?: Milliseconds
}

/** Limits of the handshakes of NTLM and Negotiate. */
export interface ConnectionBoundOptions {
  /** How long a handshake may take between its first leg and its last; then its connection is cut. 1 or more. Default 15000 (15 seconds). */
  readonly handshakeTimeout?: Milliseconds
  /** The most handshakes that wait for their next leg; more are 503. 1 or more. Default 1000. */
  readonly maxHandshakes?: number
}

/**
 * What is kept for credentials that cover the content. A request is read to its end before anybody gets any of it: up to 64
 * KiB in memory, more in a nameless file in the system's temporary folder.
 */
export interface AuthIntOptions {
  /** The most octets of one request; more is 413. 0 or more. Default 16777216 (16 MiB). */
  readonly maxRequest?: number
  /** The most octets of all requests at one time; more is 503. 0 or more. Default 268435456 (256 MiB). */
  readonly maxKept?: number
  /**
   * The most octets of an answer that are held until its end, so that its head can speak for its content to clients that
   * take no trailers. To what is larger, the head says `qop=auth`. 0 or more. Default 65536 (64 KiB).
   */
  readonly maxAnswer?: number
  /** The longest silence within the content of a request; then its connection is cut. 0: no limit. Default 60000 (1 minute). */
  readonly contentTimeout?: Milliseconds
}

/** The options, checked, with defaults. Frozen. */
export interface Settings {
  readonly realm: string
  readonly strategies: readonly StrategyDeclaration[]
  readonly passport: Registry | undefined
  readonly hook: 'preHandler' | 'onRequest'
  readonly principal: Principal | undefined
  readonly reverse: readonly ReverseRoute[]
  /** What tells the upstream who the user is, for each entry of `reverse`. */
  readonly identities: readonly RouteIdentity[]
  /** All fields that do so. */
  readonly identityFields: readonly IdentityField[]
  readonly forward: ForwardSettings | undefined
  /** The strategies for some targets of `forward`. */
  readonly targets: ReadonlyArray<Requirement<readonly StrategyDeclaration[]>>
  readonly connectionBound: Required<ConnectionBoundOptions> | undefined
  readonly anonymous: { readonly to: PatternList, readonly name: string } | undefined
  readonly attempts: AttemptsSettings | undefined
  /** For tunnels, and what upgrades lead to. */
  readonly tunnels: Required<ConnectOptions>
  readonly authInt: Required<AuthIntOptions>
  readonly cleartext: 'warn' | 'refuse'
  readonly pages: Pages
  readonly pseudonym: string
  readonly verifiers: Required<VerifierOptions>
  readonly strategyTimeout: Milliseconds
  readonly drainTimeout: Milliseconds
}

// `logLevel` and `logSerializers` are Fastify's own, of `register`; `prefix` too, but it would not reach a hoisted plugin.
const OPTIONS = new Set([
  'realm', 'strategies', 'passport', 'hook', 'principal', 'reverse', 'identity', 'forward', 'connect', 'connectionBound',
  'anonymous', 'attempts', 'authInt', 'cleartext', 'pages', 'via', 'verifiers', 'strategyTimeout', 'drainTimeout', 'logLevel', 'logSerializers'
])
const FORWARD_OPTIONS = new Set([
  'allow', 'deny', 'special', 'check', 'checkTimeout', 'lookup', 'dnsTimeout', 'family', 'connectTimeout', 'headersTimeout',
  'bodyTimeout', 'localAddress', 'tls', 'strategies', 'pac', 'authorities'
])
const TARGET_OPTIONS = new Set(['to', 'strategies'])
const CONNECT_OPTIONS = new Set(['keepAliveAfter407', 'idleTimeout', 'maxDuration'])
const CONNECTION_BOUND_OPTIONS = new Set(['handshakeTimeout', 'maxHandshakes'])
const ANONYMOUS_OPTIONS = new Set(['to', 'name'])
const AUTH_INT_OPTIONS = new Set(['maxRequest', 'maxKept', 'maxAnswer', 'contentTimeout'])
const VERIFIER_OPTIONS = new Set(['concurrency', 'queue'])
const MIB = 1024 * 1024

/**
 * Checks the options of the plugin, fills in defaults and freezes the result. What belongs to a strategy, a reverse
 * route or the destination policy is checked by them.
 *
 * @throws {BadOption} An option is wrong, or unknown. The message names it and the type it got, never the value.
 */
export function readOptions (options: ProxyAuthOptions): Settings {
  if (!isObject(options)) throw badOption('options', 'an object', options)
  refuseUnknown(options, OPTIONS, '')
  const {
    realm, strategies, passport, hook = 'preHandler', principal, reverse = [], identity, forward, connect = {}, connectionBound,
    anonymous, attempts, authInt = {}, verifiers = {}, cleartext = 'warn', pages, via = `gateway-${randomBytes(6).toString('hex')}`, strategyTimeout = 10_000, drainTimeout = 10_000
  } = options
  if (typeof realm !== 'string') throw badOption('realm', 'text', realm)
  quote(realm) // a realm that cannot be sent stops the boot, not the first client
  checkStrategies(strategies, 'strategies')
  if (passport !== undefined && !isObject(passport)) throw badOption('passport', 'an Authenticator', passport)
  if (principal !== undefined && typeof principal !== 'function') throw badOption('principal', 'a function', principal)
  if (!Array.isArray(reverse)) throw badOption('reverse', 'a list', reverse)
  reverse.forEach(checkReverse)
  if (typeof via !== 'string' || !isPseudonym(via)) throw badOption('via', 'a token', via)
  const tunnels = readConnect(connect)
  oneOf(hook, ['preHandler', 'onRequest'], 'hook')
  oneOf(cleartext, ['warn', 'refuse'], 'cleartext')
  return Object.freeze({
    realm,
    strategies: Object.freeze([...strategies]),
    passport,
    hook,
    principal: principal as Principal | undefined,
    reverse: Object.freeze([...reverse]),
    ...readIdentities(identity, reverse),
    forward: forward === undefined ? undefined : Object.freeze({ ...readForward(forward), ...tunnels }),
    targets: Object.freeze(readTargets(forward?.strategies)),
    connectionBound: connectionBound === undefined ? undefined : readConnectionBound(connectionBound),
    anonymous: readAnonymous(anonymous, reverse),
    attempts: attempts === undefined ? undefined : readAttempts(attempts),
    tunnels: Object.freeze(tunnels),
    authInt: readAuthInt(authInt),
    verifiers: readVerifiers(verifiers),
    cleartext,
    pages: readPages(pages),
    pseudonym: via,
    strategyTimeout: time(strategyTimeout, 'strategyTimeout', 1),
    drainTimeout: time(drainTimeout, 'drainTimeout', 0)
  })
}

/** What @fastify/http-proxy would only stumble over. Its other options are its own to check. */
function checkReverse (route: ReverseRoute, index: number): void {
  const option = `reverse[${index}]`
  if (!isObject(route)) throw badOption(option, 'an object', route)
  const { upstream, replyOptions, status = 407, strategies } = route
  if (strategies !== undefined) checkStrategies(strategies, `${option}.strategies`)
  if (typeof upstream !== 'string' && !Array.isArray(upstream) && replyOptions?.getUpstream === undefined) {
    throw badOption(`${option}.upstream`, 'a URL', upstream)
  }
  if (route.anonymous !== undefined && typeof route.anonymous !== 'boolean') throw badOption(`${option}.anonymous`, 'true or false', route.anonymous)
  if (status !== 407 && status !== 401) throw badOption(`${option}.status`, '407 or 401', status)
}

function readIdentities (identity: IdentityOptions | undefined, reverse: readonly ReverseRoute[]): Pick<Settings, 'identities' | 'identityFields'> {
  const usual = identity === undefined ? null : new IdentityField(identity, 'identity')
  const ofRoutes = reverse.map((route, index) => {
    if (route.identity === false) return null
    return route.identity === undefined ? usual : new IdentityField(route.identity, `reverse[${index}].identity`)
  })
  const all = Object.freeze([...new Set([usual, ...ofRoutes])].filter(field => field !== null))
  return { identities: Object.freeze(ofRoutes.map(own => Object.freeze({ own, all }))), identityFields: all }
}

function readForward (forward: ForwardOptions): Omit<ForwardSettings, keyof ConnectOptions> {
  if (!isObject(forward)) throw badOption('forward', 'an object', forward)
  refuseUnknown(forward, FORWARD_OPTIONS, 'forward.')
  const {
    connectTimeout = 10_000, headersTimeout = 60_000, bodyTimeout = 300_000, localAddress, tls, authorities = [], strategies: _, pac,
    ...policy
  } = forward
  if (localAddress !== undefined && (typeof localAddress !== 'string' || isIP(localAddress) === 0)) throw badOption('forward.localAddress', 'an IP address', localAddress)
  if (tls !== undefined && !isObject(tls)) throw badOption('forward.tls', 'an object', tls)
  if (!Array.isArray(authorities)) throw badOption('forward.authorities', 'a list', authorities)
  return {
    policy,
    authorities: Object.freeze([...authorities]),
    connectTimeout: time(connectTimeout, 'forward.connectTimeout', 1),
    headersTimeout: time(headersTimeout, 'forward.headersTimeout', 0),
    bodyTimeout: time(bodyTimeout, 'forward.bodyTimeout', 0),
    localAddress,
    tls,
    ...(pac !== undefined && { pac: readAutoConfiguration(pac) })
  }
}

function readTargets (targets: readonly TargetStrategies[] = []): Array<Requirement<readonly StrategyDeclaration[]>> {
  if (!Array.isArray(targets)) throw badOption('forward.strategies', 'a list', targets)
  return targets.map((entry: TargetStrategies, index) => {
    const option = `forward.strategies[${index}]`
    if (!isObject(entry)) throw badOption(option, 'an object', entry)
    refuseUnknown(entry, TARGET_OPTIONS, `${option}.`)
    checkStrategies(entry.strategies, `${option}.strategies`)
    return Object.freeze({ to: PatternList.from(entry.to, `${option}.to`), demand: Object.freeze([...entry.strategies]) })
  })
}

function checkStrategies (strategies: unknown, option: string): void {
  if (!Array.isArray(strategies) || strategies.length === 0) throw badOption(option, 'a list of one or more', strategies)
}

function readAnonymous (anonymous: AnonymousOptions | undefined, reverse: readonly ReverseRoute[]): Settings['anonymous'] {
  if (anonymous === undefined && !reverse.some(route => route.anonymous)) return undefined
  const options = anonymous ?? {}
  if (!isObject(options)) throw badOption('anonymous', 'an object', options)
  refuseUnknown(options, ANONYMOUS_OPTIONS, 'anonymous.')
  const { to = [], name = 'anonymous' } = options
  if (typeof name !== 'string' || name === '') throw badOption('anonymous.name', 'text', name)
  return Object.freeze({ to: PatternList.from(to, 'anonymous.to'), name })
}

/** Checked even where it is of no use: a misspelt option should not wait for `forward` to be noticed. */
function readConnect (connect: ConnectOptions): Required<ConnectOptions> {
  if (!isObject(connect)) throw badOption('connect', 'an object', connect)
  refuseUnknown(connect, CONNECT_OPTIONS, 'connect.')
  const { keepAliveAfter407 = 'always', idleTimeout = 600_000, maxDuration = 0 } = connect
  oneOf(keepAliveAfter407, ['always', 'handshake', 'never'], 'connect.keepAliveAfter407')
  return {
    keepAliveAfter407,
    idleTimeout: time(idleTimeout, 'connect.idleTimeout', 0),
    maxDuration: time(maxDuration, 'connect.maxDuration', 0)
  }
}

function readConnectionBound (given: true | ConnectionBoundOptions): Required<ConnectionBoundOptions> {
  const options = given === true ? {} : given
  if (!isObject(options)) throw badOption('connectionBound', 'true or an object', given)
  refuseUnknown(options, CONNECTION_BOUND_OPTIONS, 'connectionBound.')
  const { handshakeTimeout = 15_000, maxHandshakes = 1000 } = options
  if (!Number.isSafeInteger(maxHandshakes) || maxHandshakes < 1) throw badOption('connectionBound.maxHandshakes', 'an integer from 1', maxHandshakes)
  return Object.freeze({ handshakeTimeout: time(handshakeTimeout, 'connectionBound.handshakeTimeout', 1), maxHandshakes })
}

function readAuthInt (authInt: AuthIntOptions): Required<AuthIntOptions> {
  if (!isObject(authInt)) throw badOption('authInt', 'an object', authInt)
  refuseUnknown(authInt, AUTH_INT_OPTIONS, 'authInt.')
  const { maxRequest = 16 * MIB, maxKept = 256 * MIB, maxAnswer = 64 * 1024, contentTimeout = 60_000 } = authInt
  for (const [name, value] of Object.entries({ maxRequest, maxKept, maxAnswer })) {
    if (!Number.isSafeInteger(value) || value < 0) throw badOption(`authInt.${name}`, 'a number of octets', value)
  }
  return Object.freeze({ maxRequest, maxKept, maxAnswer, contentTimeout: time(contentTimeout, 'authInt.contentTimeout', 0) })
}

function readVerifiers (verifiers: VerifierOptions): Required<VerifierOptions> {
  if (!isObject(verifiers)) throw badOption('verifiers', 'an object', verifiers)
  refuseUnknown(verifiers, VERIFIER_OPTIONS, 'verifiers.')
  const { concurrency = VERIFIERS.concurrency, queue = VERIFIERS.queue } = verifiers
  return Object.freeze({
    concurrency: readInteger(concurrency, 'verifiers.concurrency', 1, 2 ** 16),
    queue: readInteger(queue, 'verifiers.queue', 0, 2 ** 20)
  })
}

function oneOf (value: string, words: readonly string[], option: string): void {
  if (!words.includes(value)) throw badOption(option, words.map(word => `'${word}'`).join(' or '), value)
}

function time (value: unknown, option: string, least: 0 | 1): Milliseconds {
  return readInteger(value, option, least, MAX_TIMER)
}
