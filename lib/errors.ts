import createError from '@fastify/error'
import type { FastifyError } from '@fastify/error'
import { retryAfter } from './retry-after.js'

// The one registry of codes, messages and statuses. It imports nothing of ours. Fastify sends a
// message to the client as it is, so a message gives a position, a name of ours or a reason, never
// the text received. The comments are the page docs/reference/errors.md: `npm run docs` writes it.

/**
 * Thrown for every request that a client may send, so it is made without a stack trace,
 * which no one would read.
 */
const perRequest = <Base extends ErrorConstructor>(code: string, message: string, status: number, base?: Base) =>
  createError(code, message, status, base, false)

/**
 * An error whose response says in `Retry-After` when to come back, in whole seconds, one or more;
 * its message does, too.
 */
export interface RetryAfterError extends FastifyError {
  readonly headers: { readonly 'retry-after': string }
}

/** Made with how long to wait, in milliseconds. */
export type RetryAfterErrorConstructor = new (wait: number, options?: { cause: unknown }) => RetryAfterError

const comeBack = (code: string, message: string, status: number): RetryAfterErrorConstructor => class extends perRequest(code, `${message}, try again in %s seconds`, status) {
  readonly headers: RetryAfterError['headers']

  constructor (wait: number, ...options: [{ cause: unknown }?]) {
    const headers = retryAfter(wait)
    super(headers['retry-after'], ...options)
    this.headers = headers
  }
}

/**
 * An option is wrong. The boot fails. The message names the option and the type that it got, never
 * the value.
 */
export class BadOption extends createError('FST_PROXY_AUTH_BAD_OPTION', '%s', 500, TypeError) {
  /** @param option - The name of the option; alone, it is the whole message. */
  constructor (option: string, wanted?: string, got?: string) {
    super(wanted === undefined ? option : `option ${option} must be ${wanted}, got ${got}`)
  }
}
/**
 * The plugin cannot be registered here: it is in this scope already; `forward` has a prefix, or
 * another registration on this server has `forward`; the server parses HTTP leniently
 * (`insecureHTTPParser`); or this version of Fastify lacks what the plugin needs.
 */
export const BadRegistration = createError(
  'FST_PROXY_AUTH_BAD_REGISTRATION', 'cannot register: %s', 500
)
/**
 * The hook `proxyAuthenticate` is on a route whose scope has no proxy authentication. Every request
 * to it is refused.
 */
export const NotRegistered = perRequest(
  'FST_PROXY_AUTH_NOT_REGISTERED', 'proxy authentication is not registered where this route is', 500
)
/**
 * A package that the configuration needs is not installed, or does not load. The boot fails. The
 * message names the package.
 */
export const MissingPackage = createError(
  'FST_PROXY_AUTH_MISSING_PACKAGE', '%s needs a package that is not there: npm install %s', 500
)
/**
 * A text has a char that no field value can carry. It comes from an option or a strategy, so the
 * fault is on the side of the gateway.
 */
export const NotRepresentable = createError(
  'FST_PROXY_AUTH_NOT_REPRESENTABLE', 'text cannot be sent in a field value: char at index %d', 500, RangeError
)
/**
 * `app.proxyAuthReload()` could not reload everything. The message names what failed, and `errors`
 * has why. What failed stays as it was, and all else is reloaded.
 */
export class ReloadFailed extends createError('FST_PROXY_AUTH_RELOAD_FAILED', 'could not reload: %s', 500) {
  /** What failed: `policy`, and names of strategies. */
  readonly what: string
  readonly errors: readonly unknown[]

  constructor (what: string, errors: readonly unknown[] = []) {
    super(what)
    this.what = what
    this.errors = errors
  }
}
/** A field value does not follow its grammar. The client sent it so, or the upstream did. */
export const MalformedField = perRequest(
  'FST_PROXY_AUTH_MALFORMED_FIELD', 'malformed %s: unexpected char at index %d', 400
)
/** The credentials do not follow the grammar of their own scheme. */
export const MalformedCredentials = perRequest(
  'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', 'malformed proxy credentials: %s', 400
)
/**
 * A server or proxy asks us for NTLM credentials, and its message is malformed, or asks for less
 * than NTLMv2 in Unicode. `answerNtlmChallenge` throws it; no request of a client causes it.
 */
export const BadChallenge = perRequest(
  'FST_PROXY_AUTH_BAD_CHALLENGE', 'bad challenge: %s', 502
)
/** A field that may occur once came twice: `Host` or `Proxy-Authorization`. */
export const DuplicateField = perRequest(
  'FST_PROXY_AUTH_DUPLICATE_FIELD', 'the field %s occurs more than once', 400
)
/**
 * The request-target is not one that this request may have: it has the wrong form, no port,
 * userinfo, or another scheme.
 */
export const BadTarget = perRequest(
  'FST_PROXY_AUTH_BAD_TARGET', 'bad request target: %s', 400
)
/** The request as a whole cannot be served: a CONNECT has content, or `Host` is missing. */
export const BadRequest = perRequest(
  'FST_PROXY_AUTH_BAD_REQUEST', 'bad request: %s', 400
)
/**
 * The head has as many lines as Node reads (`maxHeadersCount` of the server, 1000 unless set), or
 * more. Node drops the lines beyond, so the request would be forwarded incomplete.
 */
export const TooManyFields = perRequest(
  'FST_PROXY_AUTH_TOO_MANY_FIELDS', 'the head has too many lines', 431
)
/** There are no credentials, or no strategy accepted them. */
export const AuthenticationRequired = perRequest(
  'FST_PROXY_AUTH_REQUIRED', 'proxy authentication required', 407
)
/**
 * The credentials are right but do not suffice, or no strategy of the route has a challenge to ask
 * with.
 */
export const Forbidden = perRequest(
  'FST_PROXY_AUTH_FORBIDDEN', 'forbidden: %s', 403
)
/** The user may not reach this target. The message gives the reason. */
export const TargetDenied = perRequest(
  'FST_PROXY_AUTH_TARGET_DENIED', 'target denied: %s', 403
)
/**
 * A function that permits requests (`authorize`, `forward.check`, `groups`) threw, rejected, or
 * gave what is no verdict, or no list of groups. Its error is the cause.
 */
export const CheckFailed = perRequest(
  'FST_PROXY_AUTH_CHECK_FAILED', 'the check of the target failed', 500
)
/**
 * A function that permits requests did not decide in time (`authorizeTimeout`,
 * `forward.checkTimeout`).
 */
export const CheckTimeout = perRequest(
  'FST_PROXY_AUTH_CHECK_TIMEOUT', 'the check of the target did not answer in time', 503
)
/** A strategy could not decide: it threw, rejected, or called `error`. Its error is the cause. */
export const StrategyFailed = perRequest(
  'FST_PROXY_AUTH_STRATEGY_FAILED', 'the strategy %s failed', 500
)
/**
 * When a client may try again where nothing says when a strategy will be able to tell. In
 * milliseconds.
 */
const USUAL_WAIT = 10_000

/**
 * A strategy cannot decide for now: what it asks, such as a directory or an identity provider, is
 * not reachable, or the strategy says 503 itself. `Retry-After` says when to try again.
 */
export class StrategyUnavailable extends perRequest('FST_PROXY_AUTH_STRATEGY_UNAVAILABLE', 'the strategy %s is unavailable', 503) {
  readonly headers: RetryAfterError['headers']

  /**
   * @param wait - In milliseconds. Default 10000 (10 seconds).
   */
  constructor (strategy: string, options: { cause?: unknown } = {}, wait = USUAL_WAIT) {
    super(strategy, options)
    this.headers = retryAfter(wait)
  }
}
/**
 * A strategy did not decide in time (`strategyTimeout`). `Retry-After` says to try again in 10
 * seconds.
 */
export class StrategyTimeout extends perRequest('FST_PROXY_AUTH_STRATEGY_TIMEOUT', 'the strategy %s did not answer in time', 503) {
  readonly headers = retryAfter(USUAL_WAIT)
}
/**
 * The store of used nonces has no room for another. A client without a nonce is refused until some
 * of them end. `Retry-After` says when to try again.
 */
export const StoreFull = comeBack(
  'FST_PROXY_AUTH_STORE_FULL', 'too many nonces in use', 503
)
/**
 * The store of used nonces does not respond, or takes no claims: `RedisStore`, while Redis is away
 * or refuses writes. No credentials that count once are accepted. `Retry-After` says when to try
 * again.
 */
export const StoreUnavailable = comeBack(
  'FST_PROXY_AUTH_STORE_UNAVAILABLE', 'the store of used nonces is unavailable', 503
)
/**
 * As many handshakes of NTLM or Negotiate are under way as may be, in all or from one address
 * (`connectionBound`). `Retry-After` says when to try again.
 */
export const TooManyHandshakes = comeBack(
  'FST_PROXY_AUTH_TOO_MANY_HANDSHAKES', 'too many handshakes under way', 503
)
/**
 * Too many wrong secrets came from this address, or for this user (`attempts`). `Retry-After` says
 * when to try again.
 */
export const TooManyAttempts = comeBack(
  'FST_PROXY_AUTH_TOO_MANY_ATTEMPTS', 'too many failed attempts', 429
)
/**
 * Too many credentials are being checked, and too many more wait for it (`verifiers`).
 * `Retry-After` says when to try again.
 */
export const VerifierBusy = comeBack(
  'FST_PROXY_AUTH_VERIFIER_BUSY', 'too many credentials are being checked', 503
)
/**
 * A limit of the user, a group or a rule is reached (`limits`). The message has the name of the
 * limit, and of a spent quota when it begins anew. `Retry-After` says when to try again. Where
 * `limits[].quota.status` says so, a spent quota is a 403, which no client repeats by itself.
 */
export class LimitReached extends perRequest('FST_PROXY_AUTH_LIMIT_REACHED', 'limit reached: %s', 429) {
  readonly headers: Partial<RetryAfterError['headers']>
  /** The name of the limit. */
  readonly limit: string
  /** What of it is reached. */
  readonly kind: 'tunnels' | 'requests' | 'rate' | 'quota'
  /** Until it is of use to try again. `null`: when others have ended. */
  readonly retryAfterMs: number | null
  /** What the message says behind its colon. */
  declare readonly reason: string

  /** @param wait - Until it is of use to try again, in milliseconds. */
  constructor (
    wait: number, reason = 'too much at a time', { limit, kind, status = 429 }: Pick<LimitReached, 'limit' | 'kind'> & { status?: 403 | 429 } = { limit: '', kind: 'requests' }
  ) {
    super(reason)
    this.statusCode = status
    this.headers = status === 429 ? retryAfter(wait) : {}
    this.limit = limit
    this.kind = kind
    this.retryAfterMs = kind === 'rate' || kind === 'quota' ? wait : null
    Object.defineProperty(this, 'reason', { value: reason })
  }
}
/**
 * What keeps the limits (`redis`, `limitStore`) does not respond, or fails, and the option
 * `limitStore.whenFailing` says to refuse requests then. `Retry-After` says when to try again.
 */
export const LimitStoreFailed = comeBack(
  'FST_PROXY_AUTH_LIMIT_STORE_FAILED', 'the limits cannot be looked up', 503
)
/**
 * The content that the credentials cover (Digest with `auth-int`, AWS4) is larger than what is kept
 * until it is verified (`authInt.maxRequest`).
 */
export const ContentTooLarge = perRequest(
  'FST_PROXY_AUTH_CONTENT_TOO_LARGE', 'content that is to be verified may have %d octets', 413
)
/**
 * There is no room to keep such content: too much of it comes at one time (`authInt.maxKept`,
 * `authInt.maxPerAddress`), or the disk is full.
 */
export const ContentNotKept = perRequest(
  'FST_PROXY_AUTH_CONTENT_NOT_KEPT', 'no room to keep the content until it is verified', 503
)
/**
 * The client left before the verdict, before the response, or before the end of its content; the
 * message says which. No client reads this response: the status is for logs and metrics.
 */
export const ClientLeft = perRequest(
  'FST_PROXY_AUTH_CLIENT_LEFT', 'the client left before the %s', 499
)
/**
 * The upstream cannot be told which user asks: the function `identity.value` failed, or the name
 * cannot be in a field.
 */
export const IdentityFailed = perRequest(
  'FST_PROXY_AUTH_IDENTITY_FAILED', 'the upstream cannot be told who the user is', 500
)
/** The request has the name of this gateway in `Via` already: it goes in circles. */
export const LoopDetected = perRequest(
  'FST_PROXY_AUTH_LOOP', 'the request went through this proxy before', 502
)
/** The name of the target has no address, or the resolver failed. */
export const DnsFailed = perRequest(
  'FST_PROXY_AUTH_DNS', 'the target has no address', 502
)
/** The resolver did not respond in time (`forward.dnsTimeout`). */
export const DnsTimeout = perRequest(
  'FST_PROXY_AUTH_DNS_TIMEOUT', 'the resolver did not answer in time', 504
)
/** The target refused the connection: nothing listens at its port. */
export const ConnectionRefused = perRequest(
  'FST_PROXY_AUTH_CONNECTION_REFUSED', 'the target refused the connection', 502
)
/** There is no route to the address of the target. */
export const Unroutable = perRequest(
  'FST_PROXY_AUTH_UNROUTABLE', 'the target cannot be reached', 502
)
/** The target did not accept the connection in time (`forward.connectTimeout`). */
export const ConnectTimeout = perRequest(
  'FST_PROXY_AUTH_CONNECT_TIMEOUT', 'the connection to the target took too long', 504
)
/** The TLS handshake with the target failed, or its certificate is not valid. */
export const TlsFailed = perRequest(
  'FST_PROXY_AUTH_TLS', 'the TLS handshake with the target failed', 502
)
/** The target closed the connection before its response was complete. */
export const UpstreamTerminated = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_TERMINATED', 'the target closed the connection', 502
)
/** What the target sent is not HTTP, or not a response to this request. */
export const UpstreamProtocol = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_PROTOCOL', 'the target did not answer in HTTP', 502
)
/**
 * The head of the response is larger than `maxResponseHead` of `forward` or of the reverse route.
 */
export const UpstreamHeadTooLarge = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE', 'the head of the response from the target is too large', 502
)
/** The target did not respond in time. */
export const UpstreamTimeout = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_TIMEOUT', 'the target did not answer in time', 504
)
/**
 * The target asked for proxy credentials. Its 407 is not passed on, because the client would send
 * the target the credentials of this proxy.
 */
export const UpstreamChallenged = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_CHALLENGED', 'the target asked for proxy credentials', 502
)
/**
 * On a reverse route, 10000 requests wait for a connection to the upstream. Requests of clients
 * that have left count among them.
 */
export const UpstreamBusy = perRequest(
  'FST_PROXY_AUTH_UPSTREAM_BUSY', 'too many requests wait for a connection to the upstream', 503
)
/**
 * This machine has no more connections to give: file descriptors or buffers are used up. The target
 * is not the cause.
 */
export const OutOfConnections = perRequest(
  'FST_PROXY_AUTH_OUT_OF_CONNECTIONS', 'the proxy can open no more connections', 503
)
/** None of the parent proxies fits this target, and the list does not say `'direct'`. */
export const NoParent = perRequest(
  'FST_PROXY_AUTH_NO_PARENT', 'no parent proxy serves this target', 502
)
/**
 * The parent proxy cannot be reached: it has no address, refuses the connection, has no route to
 * it, or its TLS fails. The cause tells which.
 */
export const ParentUnreachable = perRequest(
  'FST_PROXY_AUTH_PARENT_UNREACHABLE', 'the parent proxy cannot be reached', 502
)
/** The parent proxy did not accept the connection, or did not respond, in time. */
export const ParentTimeout = perRequest(
  'FST_PROXY_AUTH_PARENT_TIMEOUT', 'the parent proxy did not respond in time', 504
)
/**
 * What the parent proxy sent is no response of a proxy to this request, or it closed the connection
 * before its response was complete.
 */
export const ParentProtocol = perRequest(
  'FST_PROXY_AUTH_PARENT_PROTOCOL', 'the parent proxy did not respond as a proxy does', 502
)
/**
 * The parent proxy refused the credentials of the gateway, or asks for others than it has. The log
 * says which account.
 */
export const ParentRefused = perRequest(
  'FST_PROXY_AUTH_PARENT_REFUSED', 'the parent proxy refused the credentials of this proxy', 502
)
/**
 * The parent proxy did not prove who it is: `rspauth` of Digest is wrong or absent, or Negotiate
 * did not authenticate it.
 */
export const ParentUnproven = perRequest(
  'FST_PROXY_AUTH_PARENT_UNPROVEN', 'the parent proxy did not prove who it is', 502
)
/** The function that gives the credentials for the parent proxy failed, or took too long. */
export const ParentCredentialsFailed = perRequest(
  'FST_PROXY_AUTH_PARENT_CREDENTIALS', 'the credentials for the parent proxy could not be had', 500
)
/** The function that chooses the parent proxies failed, took too long, or gave something else. */
export const ParentChoiceFailed = perRequest(
  'FST_PROXY_AUTH_PARENT_CHOICE', 'the parent proxy could not be chosen', 500
)
/** The parent proxy refused to serve this target with 403, 502, 503 or 504, which it keeps. */
export class ParentDenied extends perRequest('FST_PROXY_AUTH_PARENT_DENIED', 'the parent proxy refused with status %d', 502) {
  /** @param status - The parent's. The response has it, too, where it is one of the four. */
  constructor (status = 502, options?: { cause: unknown }) {
    super(status, options)
    this.statusCode = [403, 502, 503, 504].includes(status) ? status : 502
  }
}
/**
 * The parent proxy has to be asked for a challenge before content can be sent to it, and the
 * content was larger than what is kept meanwhile.
 */
export const ParentContent = perRequest(
  'FST_PROXY_AUTH_PARENT_CONTENT', 'the content is too large to be sent again to the parent proxy', 502
)
/**
 * Node or undici refused a call of the gateway. This is a fault of the package or of the
 * configuration, not of the target.
 */
export const RefusedCall = perRequest(
  'FST_PROXY_AUTH_REFUSED_CALL', 'the proxy could not send the request', 500
)
/**
 * A fault of the package in an event of a server, a session, a socket or a stream. That connection
 * is closed, and all others go on. The log has the cause.
 */
export const ListenerFailed = perRequest(
  'FST_PROXY_AUTH_LISTENER_FAILED', 'an event could not be handled', 500
)
/**
 * The status page is asked for by a page of another site, or, on a listener of its own on loopback,
 * by a name that is not `localhost` and no address of loopback.
 */
export const StatusRefused = perRequest(
  'FST_PROXY_AUTH_STATUS_REFUSED', 'the status page is not for this request: %s', 403
)
/** As many listen to the events of the status page as may. `Retry-After` says when to try again. */
export const StatusBusy = comeBack(
  'FST_PROXY_AUTH_STATUS_BUSY', 'too many listen to the status page', 503
)
/** The server is closing. */
export const Closing = perRequest(
  'FST_PROXY_AUTH_CLOSING', 'the proxy is closing', 503
)
