import type { ConnectionOptions } from 'node:tls'
import type { PageOptions } from '../gate/refusal/page.js'
import type { StrategyDeclaration } from '../passport/declaration.js'
import type { Registry } from '../passport/registry.js'
import type { ForwardPolicyOptions } from '../policy/target/access-options.js'
import type { AttemptsOptions } from '../policy/attempts/attempts-options.js'
import type { AutoConfigurationOptions } from '../proxy/forward/auto-configuration-route.js'
import type { KeepAliveAfter407 } from '../proxy/connect/take-http1.js'
import type { IdentityOptions } from '../proxy/message/identity-field.js'
import type { HttpProxyRoute as ProxyRoute } from '../proxy/reverse/route.js'
import type { Milliseconds, ProxyIdentity, ProxyUser } from '../types.js'

/** The options of the plugin. */
export interface ProxyAuthOptions {
  /** Names the protection space, which is the whole proxy. Printable ASCII; clients show it. */
  readonly realm: string
  /** Who may tell who a user is, in the order of the challenges. One or more. */
  readonly strategies: readonly StrategyDeclaration[]
  /**
   * An Authenticator of passport or @fastify/passport, for strategies given by name. Default: the
   * singleton of the package `passport`, the copy that this package finds.
   */
  readonly passport?: Registry
  /**
   * When the hook runs on proxy routes. Neither reads the body before. Default `'preHandler'`:
   * after the application's own hooks; `'onRequest'`: before their later ones.
   */
  readonly hook?: 'preHandler' | 'onRequest'
  /**
   * Names a user for logs, limits and headers. Default: the first text among the user's `username`,
   * `id` and `sub`, else the user-id of the credentials.
   */
  readonly principal?: (user: ProxyUser, info: unknown) => string
  /**
   * Reverse routes: a prefix and its upstream, with every option of @fastify/http-proxy. Default:
   * none.
   */
  readonly reverse?: readonly ReverseRoute[]
  /**
   * Tell the upstreams of reverse routes who the proxy user is, in a field that no client can
   * forge. Each route may say otherwise. Default: they are not told.
   */
  readonly identity?: IdentityOptions
  /**
   * The forward proxy: absolute-form and CONNECT. `true` takes the defaults. Default: none, both
   * are refused.
   */
  readonly forward?: true | ForwardOptions
  /** How CONNECT behaves, where there is `forward`. */
  readonly connect?: ConnectOptions
  /**
   * Opens NTLM and Negotiate, which authenticate a connection and not a request. To give it is to
   * say that every client connection is one user's: no load balancer or proxy in front puts several
   * users on one. `true` takes the defaults. Without it a strategy of such a scheme fails the boot.
   * Default: none.
   */
  readonly connectionBound?: true | ConnectionBoundOptions
  /**
   * Who may come without credentials, and where. Wrong credentials are refused there, too. Default:
   * no client, for no target.
   */
  readonly anonymous?: AnonymousOptions
  /** How guessing is slowed down. Default: it is not. `{}` takes the defaults of its members. */
  readonly attempts?: AttemptsOptions
  /**
   * What is kept for credentials that cover the content (Digest with `auth-int`), where a strategy
   * offers that.
   */
  readonly authInt?: AuthIntOptions
  /**
   * Basic and Bearer from elsewhere than loopback, without TLS: `'warn'` says so at the start,
   * `'refuse'` neither offers nor accepts them. Default `'warn'`.
   */
  readonly cleartext?: 'warn' | 'refuse'
  /**
   * What the pages say that browsers show: 407 and 401, and on the forward proxy 403, 429, 502, 503
   * and 504. Default: texts in English.
   */
  readonly pages?: PageOptions
  /**
   * Our name in `Via` and `Proxy-Status`: a token. Workers behind one name share it, for the sake
   * of loop detection. Default: one of its own for each boot.
   */
  readonly via?: string
  /** How many requests each strategy may be asked about at a time. */
  readonly verifiers?: VerifierOptions
  /** How long a strategy may take. 1 to 2147483647. Default 10000 (10 seconds). */
  readonly strategyTimeout?: Milliseconds
  /**
   * How long `app.close()` waits for tunnels and forwarded requests. 0 to 2147483647. Default 10000
   * (10 seconds).
   */
  readonly drainTimeout?: Milliseconds
}

/** Where requests without credentials are let in, under a name of their own. */
export interface AnonymousOptions {
  /**
   * Targets of `forward`: patterns as in `forward.allow`; one without a port means every port. It
   * goes by the target as the client names it, and lifts nothing of `forward`. Default: none.
   */
  readonly to?: readonly string[]
  /**
   * What the log, limits and `request.proxyAuth.name` call them all. No user may have that name.
   * Default `'anonymous'`.
   */
  readonly name?: string
}

/** A reverse route: a prefix, its upstream, and all that @fastify/http-proxy can do with it. */
export type ReverseRoute = ProxyRoute & {
  /**
   * Who may tell who a user is on this route, in place of the plugin's `strategies`. One or more.
   */
  readonly strategies?: readonly StrategyDeclaration[]
  /**
   * Lets in requests without credentials, by the name that `anonymous.name` says. Default false.
   */
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
   * Other strategies for some targets; the first entry that holds the target counts. It goes by the
   * target as the client names it: nothing is resolved before the client is known. Default: the
   * plugin's `strategies` for all.
   */
  readonly strategies?: readonly TargetStrategies[]
  /**
   * Where HTTP/2 clients reach this server itself, `host` (with every port) or `host:port`, beside
   * the name they ask for in TLS and the address they connect to: over HTTP/2 every other authority
   * is a target. Default none.
   */
  readonly authorities?: readonly string[]
  /**
   * Until the target has accepted the connection, TLS apart. 1 to 2147483647. Default 10000 (10
   * seconds).
   */
  readonly connectTimeout?: Milliseconds
  /**
   * From the request sent to the head of its response, however many interim ones (1xx) come. 0: no
   * limit. Default 60000 (1 minute).
   */
  readonly headersTimeout?: Milliseconds
  /**
   * The most octets of a response's head, in its names and values; a larger one is 502. 1024 to
   * 1048576 (1 MiB). Default 65536 (64 KiB).
   */
  readonly maxResponseHead?: number
  /** The longest silence within an answer's body. 0: no limit. Default 300000 (5 minutes). */
  readonly bodyTimeout?: Milliseconds
  /** The local address to connect from. Default: the system's choice. */
  readonly localAddress?: string
  /**
   * node's TLS options for `https://` targets in absolute-form, `ca` for one. They are verified by
   * default.
   */
  readonly tls?: ConnectionOptions
  /**
   * Tells browsers which proxy to use, at `/proxy.pac` and `/wpad.dat`, without authentication.
   * Default: nothing is served.
   */
  readonly pac?: true | AutoConfigurationOptions
}

/**
 * How many requests each strategy may be asked about at a time, so that a flood of wrong passwords
 * does not become one of the directory. What a strategy says at once, or what is remembered
 * (`cache`), does not count.
 */
export interface VerifierOptions {
  /** How many may be under way. 1 to 65536. Default 32. */
  readonly concurrency?: number
  /**
   * How many more may wait, each for `strategyTimeout` at most; the next is 503 with `Retry-After`.
   * 0 to 1048576. Default 1000.
   */
  readonly queue?: number
}

/** How CONNECT behaves; the limits are those of upgraded connections too. */
export interface ConnectOptions {
  /**
   * Whether the connection of a CONNECT answered with 407 may carry another request: `'handshake'`
   * only between the legs of NTLM and Negotiate. Default `'always'`.
   */
  readonly keepAliveAfter407?: KeepAliveAfter407
  /** No byte either way for this long ends a tunnel. 0: no limit. Default 600000 (10 minutes). */
  readonly idleTimeout?: Milliseconds
  /** A tunnel lives no longer than this. 0: no limit. Default 0. */
  readonly maxDuration?: Milliseconds
}

/** Limits of the handshakes of NTLM and Negotiate. */
export interface ConnectionBoundOptions {
  /**
   * How long a handshake may take between its first leg and its last; then its connection is cut. 1
   * or more. Default 15000 (15 seconds).
   */
  readonly handshakeTimeout?: Milliseconds
  /** The most handshakes that wait for their next leg; more are 503. 1 or more. Default 1000. */
  readonly maxHandshakes?: number
  /**
   * The most of them from one address; more are 503. Of IPv6, a network of 64 bits is one address.
   * 1 or more. Default a tenth of `maxHandshakes`.
   */
  readonly maxPerAddress?: number
}

/**
 * What is kept for credentials that cover the content. A request is read to its end before the
 * client gets any of it: up to 64 KiB in memory, more in a nameless file in the system's temporary
 * folder.
 */
export interface AuthIntOptions {
  /** The most octets of one request; more is 413. 0 or more. Default 16777216 (16 MiB). */
  readonly maxRequest?: number
  /**
   * The most octets of all requests at one time; more is 503. 0 or more. Default 268435456 (256
   * MiB).
   */
  readonly maxKept?: number
  /**
   * The most octets of all requests from one address at one time; more is 503. Of IPv6, a network
   * of 64 bits is one address. 0 or more. Default a quarter of `maxKept`, or `maxRequest` where
   * that is more.
   */
  readonly maxPerAddress?: number
  /**
   * The most octets of an answer that are held until its end, so that its head can speak for its
   * content to clients that take no trailers. To what is larger, the head says `qop=auth`. 0 or
   * more. Default 65536 (64 KiB).
   */
  readonly maxAnswer?: number
  /**
   * The longest silence within the content of a request; then its connection is cut. 0: no limit.
   * Default 60000 (1 minute).
   */
  readonly contentTimeout?: Milliseconds
  /**
   * The longest time that the content of a request may take in all; then its connection is cut. 0:
   * no limit. Default 300000 (5 minutes).
   */
  readonly contentDuration?: Milliseconds
}
