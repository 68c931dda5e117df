import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { BadRequest } from '../../errors.js'
import { parseTarget, withoutUserinfo } from '../../fields/target.js'
import type { RequestTarget } from '../../fields/target.js'
import { guardedOr, once } from '../../platform/guarded.js'
import { streamOf } from '../../platform/message-state.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { writeHttp2Target } from './http2-target.js'
import { malformation } from './malformed.js'
import type { OwnAuthority } from './own-authority.js'

/**
 * A request to be proxied: its target, parsed once; `failure` when the request is none that a proxy
 * may serve.
 */
export type Received = {
  /**
   * The target as it was received. One that is refused has lost its userinfo, which would be logged
   * otherwise.
   */
  readonly url: string
} & ({ readonly target: RequestTarget, readonly failure: null } | { readonly target: null, readonly failure: Error })

const kReceived = Symbol('fastify-proxy-auth.received')
/** `null`: it is not to be proxied. */
type ReceivedRequest = IncomingMessage & { [kReceived]?: Received | null, originalUrl?: string }

/** Name of the router constraint that parts proxy requests from the application's own. */
export const TARGET_FORM = 'targetForm'

/**
 * What the router gets in place of a target. It selects nothing: the constraint alone tells a
 * request to be proxied from one for this path, which is the application's.
 */
const ROUTED_PATH = '/'

/**
 * What {@link receive} has found out about a request, `undefined` for one that is not to be
 * proxied.
 */
export function received (request: IncomingMessage): Received | undefined {
  return (request as ReceivedRequest)[kReceived] ?? undefined
}

/**
 * Takes in a request before the router, the application's `rewriteUrl` or a log sees it. A target
 * that is no path is checked, parsed and put aside, because routers differ about such targets
 * (find-my-way 9.10.2 refuses those of CONNECT).
 *
 * So `request.url` is a path until the router has chosen the route. From {@link showTarget} on,
 * which is before the first log line and the first hook, it is {@link Received.url}, and so is
 * Fastify's `request.url` and `request.originalUrl`. Its query is not parsed: it is the origin's.
 *
 * What else changes on the request:
 * - The `Host` of one that is refused loses userinfo.
 * - `accept-version` is hidden from the router, which would look for a versioned route. The raw
 *   fields keep it.
 *
 * @param isOwn - Tells our own authority from others, which in HTTP/2 nothing else does. Not asked
 *   for CONNECT.
 * @param upgrades - It is an upgrade that goes on as one. Default false.
 * @returns `undefined` for origin-form and `OPTIONS *`: not a request to be proxied. On a
 *   connection given back after a refused CONNECT it is a failure: the bytes were meant for a
 *   tunnel, and must not speak for the client. So is all that is pipelined behind a malformed
 *   message.
 * @quirk fastify-accept-version
 * @quirk find-my-way-targets
 */
export function receive (request: IncomingMessage, isOwn?: OwnAuthority, upgrades = false): Received | undefined {
  // Asked again, nothing changes: what has come behind it since may be malformed.
  const known = (request as ReceivedRequest)[kReceived]
  if (known !== undefined) return known ?? undefined
  let found: Received
  try {
    if (request.httpVersionMajor === 2 && 'stream' in request) writeHttp2Target(request, isOwn)
    const url = request.url!
    const own = request.method !== 'CONNECT' && (url.charCodeAt(0) === SLASH || (url === '*' && request.method === 'OPTIONS'))
    const behind = broken.has(request.socket)
    if (own && !behind && !isReused(request)) {
      ;(request as ReceivedRequest)[kReceived] = null
      return undefined
    }
    if (behind) throw new BadRequest('it is behind a malformed one')
    if (own) throw new BadRequest('origin-form on the connection of a proxy')
    const target = parseTarget(request.method!, url, upgrades)
    const failure = malformation(request)
    if (failure !== null) throw failure
    found = { url, target, failure }
  } catch (failure) {
    found = { url: withoutUserinfo(request.url!), target: null, failure: failure as Error }
    const { host } = request.headers
    if (host !== undefined) request.headers.host = withoutUserinfo(host)
    if (streamOf(request) === undefined) broken.add(request.socket)
  }
  ;(request as ReceivedRequest)[kReceived] = found
  request.url = ROUTED_PATH
  delete request.headers['accept-version']
  return found
}

const SLASH = 0x2f

// What was on a connection before says what may come on it.

/**
 * Connections on which a message was malformed: what follows may be its content (RFC 9112, 6.3).
 */
const broken = new WeakSet<object>()

/**
 * How often one connection is given back at most: no client needs more tries than that, however it
 * guesses has to connect again.
 */
const MAX_REUSES = 256

interface GivenBack {
  /** Ends the wait for the next request. */
  readonly end: () => void
  readonly times: number
}

/** Kept for the life of a connection, which stays a proxy's. */
const givenBack = new WeakMap<object, GivenBack>()

/** Whether a connection may be given back once more. */
export function mayBeReused (socket: Socket): boolean {
  return (givenBack.get(socket)?.times ?? 0) < MAX_REUSES
}

/**
 * Marks a connection that goes back to the server after a 407 to CONNECT. It is a proxy's from now
 * on: no origin-form is served on it.
 *
 * Until the next request it is idle. Node takes it for a new connection, whose first request a
 * stopping server would wait for, so it is on our list to be ended.
 *
 * @quirk node-resume-parsing
 */
export function markReused (socket: Socket, exchanges: Exchanges): void {
  const exchange = { idle: true, end: () => { socket.destroy() } }
  const end = () => {
    exchanges.delete(exchange)
    socket.removeListener('close', end)
  }
  givenBack.set(socket, { end, times: (givenBack.get(socket)?.times ?? 0) + 1 })
  once(socket, 'close', end)
  exchanges.add(exchange)
}

/** Says that a request has come on the connection. */
export function markActive ({ socket }: IncomingMessage): void {
  givenBack.get(socket)?.end()
}

/** True for a connection on which a CONNECT was refused before. */
export function isReused ({ socket }: IncomingMessage): boolean {
  return givenBack.has(socket)
}

/**
 * Has every request that the router sends to `scope` show its target again, before Fastify makes
 * its own request of it. Fastify asks for the logger of a request at just that time, so that is
 * where it is done.
 *
 * @param scope - An encapsulated instance of `app`, whose routes are for requests to be proxied and
 *   no others.
 * @quirk find-my-way-targets
 */
export function showTargets (scope: FastifyInstance, app: FastifyInstance): void {
  scope.setChildLoggerFactory(function (logger, bindings, options, request) {
    showTarget(request)
    return app.childLoggerFactory.call(this, logger, bindings, options, request)
  })
}

function showTarget (request: ReceivedRequest): void {
  const { url } = received(request)!
  request.url = url
  if (request.originalUrl !== undefined) request.originalUrl = url // Fastify has set it, for the sake of rewriteUrl
}

/**
 * The router constraint. `mustMatchWhenDerived`: a request for which it derives a value never falls
 * through to a route without it, so `GET http://host/admin` cannot become the application's own
 * `/admin` (RFC 9112, 3.3).
 *
 * @param bringIn - {@link receive}, and what it has to know.
 */
export function targetFormConstraint (bringIn: (request: IncomingMessage) => Received | undefined = receive) {
  return {
    name: TARGET_FORM,
    storage () {
      const handlers = new Map<string, unknown>()
      return {
        get: (form: string) => handlers.get(form) ?? null,
        set: (form: string, handler: unknown) => { handlers.set(form, handler) }
      }
    },
    validate () {},
    // What fails here has no route.
    deriveConstraint: guardedOr('failed', (request: IncomingMessage) => bringIn(request) === undefined ? undefined : 'proxy'),
    mustMatchWhenDerived: true
  }
}
