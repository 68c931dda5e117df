import type { ConnectionOptions } from 'node:tls'
import type { PageOptions } from '../gate/refusal/page.js'
import type { StrategyDeclaration } from '../passport/declaration.js'
import type { Registry } from '../passport/registry.js'
import type { ForwardPolicyOptions } from '../policy/target/access-options.js'
import type { ChooseParents, ChooseRouteParents, ParentChoice, RouteParentChoice } from '../policy/parent/parent-options.js'
import type { Authorize } from '../policy/permission/authorize.js'
import type { PolicyDocument } from '../policy/rules/document.js'
import type { Policy } from '../policy/rules/policy.js'
import type { AttemptsOptions } from '../policy/attempts/attempts-options.js'
import type { LimitOptions, LimitStoreOptions } from '../policy/limits/limits-options.js'
import type { AutoConfigurationOptions } from '../proxy/forward/auto-configuration-route.js'
import type { KeepAliveAfter407 } from '../proxy/connect/take-http1.js'
import type { ReasonPhrases } from '../proxy/connect/reason-phrases.js'
import type { IdentityOptions } from '../proxy/message/identity-field.js'
import type { HttpProxyRoute as ProxyRoute } from '../proxy/reverse/route.js'
import type { RedisClient, SharedRedisOptions } from '../store/shared-redis.js'
import type { StatusOptions } from '../status/status-options.js'
import type { Milliseconds, ProxyIdentity, ProxyUser } from '../types.js'

// The comments of options are the page docs/reference/options.md: `npm run docs` writes it. A unit
// stands behind `@unit` where the type does not say it, a default behind `@defaultValue`.

/** The options of the plugin. */
export interface ProxyAuthOptions {
  /**
   * The name of the protection space, which is the whole proxy. Printable ASCII. Clients show it:
   * put the host name of the gateway into it, so that users know which server asks.
   */
  readonly realm: string
  /**
   * The strategies that authenticate users, in the order of their challenges. One or more.
   */
  readonly strategies: readonly StrategyDeclaration[]
  /**
   * An Authenticator of passport or @fastify/passport. Strategies that are given by name are looked
   * up there, once the application is ready. A name that it does not know fails the boot.
   *
   * @defaultValue the singleton of the package `passport`, in the copy that this package finds
   */
  readonly passport?: Registry
  /**
   * When the hook runs on proxy routes: `'preHandler'` is after the application's own hooks,
   * `'onRequest'` before their later ones. The body is read by then in neither case.
   *
   * @defaultValue `'preHandler'`
   */
  readonly hook?: 'preHandler' | 'onRequest'
  /**
   * Names a user for logs, limits and fields.
   *
   * @defaultValue the first string among `username`, `id` and `sub` of the user, else the user-id
   *   of the credentials
   */
  readonly principal?: (user: ProxyUser, info: unknown) => string
  /**
   * Reverse routes. Each has a prefix and an upstream, and every option of @fastify/http-proxy.
   *
   * @defaultValue none
   */
  readonly reverse?: readonly ReverseRoute[]
  /**
   * Tells the upstreams of reverse routes which user asks, in a field that no client can forge. A
   * route may have its own.
   *
   * @defaultValue the upstreams are not told
   */
  readonly identity?: IdentityOptions
  /**
   * Serves the forward proxy: requests in absolute-form, and CONNECT. `true` takes the defaults. At
   * most one registration on a server may have it, and that one has no prefix.
   *
   * @defaultValue none: both are refused
   */
  readonly forward?: true | ForwardOptions
  /** How CONNECT behaves, and the limits of tunnels. */
  readonly connect?: ConnectOptions
  /**
   * Rules that say which users and groups may do what, for the forward proxy and for reverse
   * routes: a document, what `createPolicy` has made of one, or a file (`policyFile`). What a
   * changed file forbids ends within a second of the change, and what its hours end, within a
   * minute. Rules come beside `forward.deny` and `forward.allow`, and lift neither.
   *
   * @defaultValue none: each user may do all that `forward` and `reverse` allow
   */
  readonly policy?: PolicyDocument | Policy
  /**
   * Says which groups a user is in, for the rules and for `authorize`: a list of text.
   *
   * @defaultValue the member `groups` of the user object, where that is a list of text
   */
  readonly groups?: (user: ProxyUser, info: unknown) => readonly string[]
  /**
   * A rule in code for requests of every form, asked behind `policy`. It gets who asks for what,
   * and gives `true`, `false`, a reason, or `{ status, reason, retryAfter }`. It can refuse, and
   * lifts nothing.
   *
   * @defaultValue none
   */
  readonly authorize?: Authorize
  /**
   * How long `authorize` may take; then the response is 503. From 1 to 2147483647.
   *
   * @defaultValue `5000` (5 seconds)
   */
  readonly authorizeTimeout?: Milliseconds
  /**
   * Allows NTLM and Negotiate, which authenticate a connection and not a request. It is your
   * statement that every client connection belongs to one user: no load balancer or proxy in front
   * of the gateway puts several users on one connection. `true` takes the defaults. Without it, a
   * strategy of such a scheme fails the boot.
   *
   * @defaultValue none
   */
  readonly connectionBound?: true | ConnectionBoundOptions
  /**
   * Which requests need no credentials. Credentials that come all the same are judged, and wrong
   * ones are refused.
   *
   * @defaultValue every request needs credentials
   */
  readonly anonymous?: AnonymousOptions
  /**
   * Slows down the guessing of secrets. `{}` takes the defaults. It needs the package
   * rate-limiter-flexible.
   *
   * @defaultValue none: guesses are not counted
   */
  readonly attempts?: AttemptsOptions
  /**
   * What users, groups and rules may do: tunnels and requests at a time, requests within a time,
   * bandwidth and quotas. They hold within tunnels that are open, over all connections, and with
   * `redis` over all processes.
   *
   * @defaultValue none
   */
  readonly limits?: readonly LimitOptions[]
  /** Where the counts of `limits` are kept, and what happens when they cannot be reached. */
  readonly limitStore?: LimitStoreOptions
  /**
   * The Redis that several processes share, as an ioredis client, or as `{ client, prefix, key }`.
   * It keeps the used nonces of Digest strategies without a `store`, the counts of `attempts` and
   * `limits`, and the names of revoked users.
   *
   * @defaultValue none: each process is for itself
   */
  readonly redis?: RedisClient | SharedRedisOptions
  /**
   * Limits for content that is kept because the credentials cover it (Digest with `auth-int`,
   * AWS4).
   */
  readonly authInt?: AuthIntOptions
  /**
   * What happens to Basic and Bearer that come without TLS and not from loopback: `'warn'` logs a
   * warning at the start, `'refuse'` neither offers nor accepts them.
   *
   * @defaultValue `'warn'`
   */
  readonly cleartext?: 'warn' | 'refuse'
  /** What the line of a proxied request has in the log. */
  readonly log?: LogOptions
  /**
   * Makes a span of each tunnel and request through `@opentelemetry/api`, for the SDK that the
   * application has registered. `true` fails the boot where that package is not installed.
   *
   * @defaultValue spans are made where the package is installed and there is an SDK
   */
  readonly tracing?: boolean | TracingOptions
  /**
   * Serves a page for operators that shows who is connected, what is open and what was refused, as
   * it happens. It is there behind a hook of yours, or on a listener of its own.
   *
   * @defaultValue none: there is no such page
   */
  readonly status?: StatusOptions
  /**
   * The texts of the pages that browsers show: of 407 and 401, and on the forward proxy of 403,
   * 429, 502, 503 and 504.
   *
   * @defaultValue texts in English
   */
  readonly pages?: PageOptions
  /**
   * The name of this gateway in `Via` and `Proxy-Status`: a token. Workers that clients know by one
   * host name share it, so that each of them detects a loop.
   *
   * @defaultValue a random name for each boot
   */
  readonly via?: string
  /** How many requests each strategy is asked about at a time. */
  readonly verifiers?: VerifierOptions
  /**
   * How long a strategy may take for a request; then the response is 503. From 1 to 2147483647.
   *
   * @defaultValue `10000` (10 seconds)
   */
  readonly strategyTimeout?: Milliseconds
  /**
   * How long `app.close()` waits for tunnels and forwarded requests, whatever Fastify's
   * `pluginTimeout` and `forceCloseConnections` say. Then the rest is cut, each with its line in
   * the log, and so are idle connections. WebSockets that @fastify/http-proxy serves by itself
   * (`wsHooks`, `wsClientOptions` and so on) get its close frame at once. From 0 to 2147483647.
   *
   * @defaultValue `10000` (10 seconds)
   */
  readonly drainTimeout?: Milliseconds
}

/** What is in the log. It never has a credential. */
export interface LogOptions {
  /**
   * Whether the line of a proxied request has its path and its query. Many origins have secrets
   * there: links to reset a password, signatures, tokens. A tunnel has no path.
   *
   * @defaultValue `false`
   */
  readonly paths?: boolean
}

/** What spans have. */
export interface TracingOptions {
  /**
   * Whether they have the names of users, as `user.name`.
   *
   * @defaultValue `false`
   */
  readonly users?: boolean
}

/** Which requests without credentials are served, and the name that stands for their users. */
export interface AnonymousOptions {
  /**
   * Targets of `forward` that need no credentials: patterns as in `forward.allow`. A pattern
   * without a port holds every port. It is compared with the target as the client names it, and
   * lifts no rule of `forward`.
   *
   * @defaultValue none
   */
  readonly to?: readonly string[]
  /**
   * The name of all such requests in the log, in limits and in `request.proxyAuth.name`. No user
   * may have it: such a user is refused with 403, and the boot fails where the accounts are known
   * (`verifyStatic`, `lookupStatic`, `htpasswd`, `htdigest`).
   *
   * @defaultValue `'anonymous'`
   */
  readonly name?: string
}

/** A reverse route: a prefix, its upstream, and every option of @fastify/http-proxy. */
export type ReverseRoute = ProxyRoute & {
  /**
   * The strategies that authenticate users on this route. One or more.
   *
   * @defaultValue the `strategies` of the plugin
   */
  readonly strategies?: readonly StrategyDeclaration[]
  /**
   * Serves requests without credentials, under the name `anonymous.name`.
   *
   * @defaultValue `false`
   */
  readonly anonymous?: boolean
  /**
   * The parent proxies that lead to the upstream: as `forward.parents`, where the name of one of
   * those stands for it.
   *
   * @defaultValue none: the upstream is reached directly, whatever `forward.parents` says
   */
  readonly parents?: 'environment' | readonly RouteParentChoice[] | ChooseRouteParents
}

/** The strategies that authenticate users for some targets. */
export interface TargetStrategies {
  /** Patterns as in `forward.allow`. A pattern without a port holds every port. */
  readonly to: readonly string[]
  /** The strategies for these targets, in place of the plugin's. One or more. */
  readonly strategies: readonly StrategyDeclaration[]
}

/** The targets of the forward proxy, and the limits of its connections. */
export interface ForwardOptions extends ForwardPolicyOptions<ProxyIdentity> {
  /**
   * Other strategies for some targets. The first entry that holds the target counts. It is compared
   * with the target as the client names it, because nothing is resolved before the user is known.
   *
   * @defaultValue the plugin's `strategies` for every target
   */
  readonly strategies?: readonly TargetStrategies[]
  /**
   * Names of this server for clients over HTTP/2, where every other authority is a target: `host`
   * (with every port) or `host:port`. The name that a client asks for in TLS and the address that
   * it connects to are known without this option.
   *
   * @defaultValue none
   */
  readonly authorities?: readonly string[]
  /**
   * How long a target may take to accept the connection, without TLS. From 1 to 2147483647.
   *
   * @defaultValue `10000` (10 seconds)
   */
  readonly connectTimeout?: Milliseconds
  /**
   * The time from the end of the request to the head of its response, however many interim
   * responses (1xx) come. From 0, which is no limit, to 2147483647.
   *
   * @defaultValue `60000` (1 minute)
   */
  readonly headersTimeout?: Milliseconds
  /**
   * The largest head of a response, in its names and values; a larger one is 502. From 1024 to
   * 1048576 (1 MiB).
   *
   * @unit octets
   * @defaultValue `65536` (64 KiB)
   */
  readonly maxResponseHead?: number
  /**
   * The longest silence within the body of a response. From 0, which is no limit, to 2147483647.
   *
   * @defaultValue `300000` (5 minutes)
   */
  readonly bodyTimeout?: Milliseconds
  /**
   * The local address to connect from.
   *
   * @defaultValue the system's choice
   */
  readonly localAddress?: string
  /**
   * TLS options of Node, such as `ca`, for targets with `https://` in absolute-form: the proxy
   * opens their TLS.
   *
   * @defaultValue none: the certificates are verified as Node does
   */
  readonly tls?: ConnectionOptions
  /**
   * The parent proxies that targets are reached through. In a list, those that fit a target and a
   * user are tried in their order, and `'direct'` is the way without one; where none fits, the
   * response is 502. A function chooses for each request, within 5 seconds. `'environment'` takes
   * those that the variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` name, in the
   * way curl does.
   *
   * @defaultValue none: every target is reached directly
   */
  readonly parents?: 'environment' | readonly ParentChoice[] | ChooseParents
  /**
   * Serves the script that tells browsers which proxy to use, without authentication. `true` takes
   * the defaults.
   *
   * @defaultValue none: nothing is served
   */
  readonly pac?: true | AutoConfigurationOptions
}

/**
 * How many requests each strategy is asked about at a time, so that a flood of wrong passwords does
 * not reach the directory behind it. A verdict that comes at once, or that is remembered (`cache`),
 * does not count.
 */
export interface VerifierOptions {
  /**
   * How many requests may be under way at each strategy. From 1 to 65536.
   *
   * @unit requests
   * @defaultValue `32`
   */
  readonly concurrency?: number
  /**
   * How many more requests may wait, each for `strategyTimeout` at most; the next is 503 with
   * `Retry-After`. The addresses of clients take turns. When the queue is full, a request of the
   * address that has the most gives way. From 0 to 1048576.
   *
   * @unit requests
   * @defaultValue `1000`
   */
  readonly queue?: number
}

/** How CONNECT behaves. The limits hold for upgraded connections, too. */
export interface ConnectOptions {
  /**
   * Whether the connection of a CONNECT that was refused with 407 may carry another request.
   * `'handshake'`: only between the legs of NTLM or Negotiate. HTTP/1.0 is always served so.
   *
   * @defaultValue `'always'`
   */
  readonly keepAliveAfter407?: KeepAliveAfter407
  /**
   * What the status line of a refused CONNECT says over HTTP/1.1, by the code of the error: most
   * clients show nothing else of it. Up to 120 chars of printable ASCII. `false`: the name of the
   * status, such as `Forbidden`.
   *
   * @defaultValue `{}`: the reason of the rule, or a short text of ours
   */
  readonly reasonPhrases?: false | ReasonPhrases
  /**
   * How long a tunnel may carry no byte in either direction; then it ends. From 0, which is no
   * limit, to 2147483647.
   *
   * @defaultValue `600000` (10 minutes)
   */
  readonly idleTimeout?: Milliseconds
  /**
   * How long a tunnel may last. From 0, which is no limit, to 2147483647.
   *
   * @defaultValue `0`
   */
  readonly maxDuration?: Milliseconds
}

/** Limits of the handshakes of NTLM and Negotiate. */
export interface ConnectionBoundOptions {
  /**
   * How long a handshake may take from its first leg to its last; then its connection is cut. From
   * 1 to 2147483647.
   *
   * @defaultValue `15000` (15 seconds)
   */
  readonly handshakeTimeout?: Milliseconds
  /**
   * How many handshakes may wait for their next leg; more are 503. 1 or more.
   *
   * @unit handshakes
   * @defaultValue `1000`
   */
  readonly maxHandshakes?: number
  /**
   * How many of them may come from one address; more are 503. Of IPv6, a network of 64 bits counts
   * as one address. 1 or more.
   *
   * @unit handshakes
   * @defaultValue a tenth of `maxHandshakes`
   */
  readonly maxPerAddress?: number
}

/**
 * Limits for content that is kept because the credentials cover it. A request is read to its end
 * before the target gets any of it: up to 64 KiB in memory, more in a file without a name in
 * `os.tmpdir()`. Nothing is kept for an unknown user or key: such a request is refused first. A
 * client that holds its content back can therefore find out whether there is a key, or, with a
 * valid nonce, a user of some name.
 */
export interface AuthIntOptions {
  /**
   * The largest content of one request; more is 413. 0 or more.
   *
   * @unit octets
   * @defaultValue `16777216` (16 MiB)
   */
  readonly maxRequest?: number
  /**
   * How much content of all requests may be kept at a time; more is 503. 0 or more.
   *
   * @unit octets
   * @defaultValue `268435456` (256 MiB)
   */
  readonly maxKept?: number
  /**
   * How much content of all requests from one address may be kept at a time; more is 503. Of IPv6,
   * a network of 64 bits counts as one address. 0 or more.
   *
   * @unit octets
   * @defaultValue a quarter of `maxKept`, or `maxRequest` where that is more
   */
  readonly maxPerAddress?: number
  /**
   * How much of a response is held until its end, so that its head can carry the hash of its
   * content (`qop=auth-int`) to clients that send no `TE: trailers`. The head of a larger response
   * says `qop=auth`. 0 or more.
   *
   * @unit octets
   * @defaultValue `65536` (64 KiB)
   */
  readonly maxAnswer?: number
  /**
   * The longest silence within the content of a request; then its connection is cut. From 0, which
   * is no limit, to 2147483647.
   *
   * @defaultValue `60000` (1 minute)
   */
  readonly contentTimeout?: Milliseconds
  /**
   * How long the content of a request may take in all; then its connection is cut. From 0, which is
   * no limit, to 2147483647.
   *
   * @defaultValue `300000` (5 minutes)
   */
  readonly contentDuration?: Milliseconds
}
