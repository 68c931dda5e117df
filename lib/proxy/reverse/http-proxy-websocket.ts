import type { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft } from '../../errors.js'
import { isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { asError } from '../../platform/as-error.js'
import { guarded, on, once, prepend } from '../../platform/guarded.js'
import type { Meter } from '../../policy/limits/meter.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import type { Permit } from '../../policy/permission/permit.js'
import type { Milliseconds } from '../../types.js'
import { addGateFields } from '../message/response-head.js'
import { failureOf, reasonOf } from '../exchange/ended.js'
import type { EndedBy, Proxied } from '../exchange/exchange.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { addForwardedFields } from './forwarded-fields.js'
import { listOf, recordOf } from '../../fields/raw-list.js'
import { formatVia } from '../../fields/via.js'
import { tellIdentity } from '../message/identity-field.js'
import { ExchangeRecord, endingBy } from '../exchange/record.js'
import { lasting } from './upstream-request.js'
import type { RequestHeadRules } from './upstream-request.js'
import { SILENCE } from './choose-client.js'
import { MeteredWebSocket, belongTo, meteredWebSocket } from './metered-websocket.js'
import type { Pausable } from './metered-websocket.js'
import type { HttpProxyRoute } from './route.js'

/** A WebSocket, as the package `ws` has it. */
type WebSocketSide = EventEmitter & Pausable & { readonly readyState: number, terminate (): void }
type OnTarget = (context: unknown, source: WebSocketSide, target: WebSocketSide) => void
interface Hooks { readonly onConnect?: OnTarget, readonly onReconnect?: OnTarget }

/**
 * RFC 6455's words for a WebSocket that is being opened, and for one that is open, as `readyState`
 * has them.
 */
const CONNECTING = 0
const OPEN = 1

/** Options of the package `ws`, as far as they are used here. */
interface ClientOptions {
  readonly rewriteRequestHeaders?: (headers: FieldRecord, request: FastifyRequest) => FieldRecord
  /** Sends the request of the handshake. */
  readonly finishRequest?: (request: ClientRequest, target: WebSocketSide) => void
}

/**
 * What the upstream of a WebSocket is told of the request, where the options say nothing
 * themselves.
 */
const ON_BEHALF = ['cookie', 'authorization'] as const

/** The addresses that connections of clients are passed on to, by @fastify/http-proxy. */
const reached = new WeakMap<Socket, string | undefined>()

/** `reply.wsProxy` of @fastify/http-proxy. */
interface WithServer { readonly wsProxy: { readonly wss: EventEmitter } }

/**
 * Has a WebSocket of @fastify/http-proxy permitted. Which path its upstream gets is not known here,
 * so a rule about paths holds it where it denies, and does not where it allows.
 *
 * @param target - For the log.
 * @param done - Called once, with what refuses it or with the permit.
 */
export function permitWebSocket (
  request: FastifyRequest, target: string, prefix: string, permissions: Permissions, { usage }: Exchanges,
  done: (failure: Error | null, permit?: Permit) => void
): void {
  const began = performance.now()
  let permit: Permit | undefined
  const fail = (cause: unknown) => {
    const failure = asError(cause)
    // One that is permitted has its record when it stands.
    const record = new ExchangeRecord(request, { form: 'websocket', target, began }, usage)
    record.permit = permit
    record.close({ ...endingBy(failure), bytesIn: 0, bytesOut: 0 })
    done(failure)
  }
  let asked: Eventual<void>
  try {
    permit = permissions.permit(request, { form: 'websocket', method: 'GET', route: prefix })
    asked = permit.ask()
  } catch (failure) {
    return fail(failure)
  }
  if (!isThenable(asked)) return done(null, permit)
  const { socket } = request.raw
  asked.then(guarded(() => done(null, permit), socket), guarded(fail, socket))
}

/**
 * Does for a WebSocket of @fastify/http-proxy what the gateway does for each exchange: its 101 has
 * the gate's fields, limits hold it, it is ended with the server or its user, and it has its line
 * in the log.
 *
 * @param target - For the log.
 * @param logsPaths - Whether the log has the path.
 * @param done - Called once, with a failure where a limit is reached, the client has left already,
 *   or its user has been revoked.
 */
export function followWebSocket (
  request: FastifyRequest, reply: FastifyReply, target: string, exchanges: Exchanges,
  { permit, logsPaths = false }: { readonly permit?: Permit | undefined, readonly logsPaths?: boolean | undefined },
  done: (failure: Error | null) => void
): void {
  const { raw } = request
  const { socket } = raw
  const path = logsPaths ? request.raw.url : undefined
  const record = new ExchangeRecord(request, { form: 'websocket', target, path }, exchanges.usage)
  record.permit = permit
  const why = exchanges.endsAtOnce(request.proxyAuth)
  if (socket.destroyed || why !== undefined) {
    const failure = socket.destroyed ? new ClientLeft('response') : failureOf(why!)
    record.close({ ...endingBy(failure), bytesIn: 0, bytesOut: 0 })
    return done(failure)
  }
  const refuse = (cause: unknown) => {
    if (exchange.place === undefined) return
    const failure = asError(cause)
    socket.removeListener('close', leave)
    exchanges.delete(exchange)
    record.close({ ...endingBy(failure), bytesIn: 0, bytesOut: 0 })
    done(failure)
  }
  const leave = () => refuse(new ClientLeft('response'))
  const exchange: Proxied = { record, end: (why: EndedBy) => refuse(failureOf(why)) }
  exchanges.add(exchange, request.proxyAuth)
  once(socket, 'close', leave)
  const open = (meter: Meter | undefined) => {
    if (exchange.place === undefined) return
    socket.removeListener('close', leave)
    opened(request, reply, exchange, exchanges, meter)
    done(null)
  }
  try {
    const admitted = exchanges.admit(exchange)
    if (!isThenable(admitted)) return open(admitted)
    admitted.then(guarded(open, socket), guarded(refuse, socket))
  } catch (failure) {
    refuse(failure)
  }
}

/** Follows one that is let in, to its end. */
function opened (
  request: FastifyRequest, reply: FastifyReply, exchange: Proxied, exchanges: Exchanges, meter: Meter | undefined
): void {
  const { raw } = request
  const { socket } = raw
  const { record } = exchange
  const { wss } = (reply as unknown as WithServer).wsProxy
  const before = { read: socket.bytesRead, written: socket.bytesWritten }
  let reason: string | undefined
  const octets = () => ({ bytesIn: socket.bytesRead - before.read, bytesOut: socket.bytesWritten - before.written })
  let isSpent = false
  const end = (why: EndedBy) => {
    reason = reasonOf(why)
    isSpent = typeof why === 'object'
    socket.destroy()
  }
  exchange.octets = octets
  exchange.end = end
  record.open()
  const metered = meter && new MeteredWebSocket(meter, socket)
  const addFields = (lines: string[], upgraded: IncomingMessage) => {
    if (upgraded !== raw) return
    const fields: string[] = []
    addGateFields(reply, fields)
    for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
    wss.removeListener('headers', addFields)
  }
  on(wss, 'headers', addFields, socket)
  once(socket, 'close', () => {
    wss.removeListener('headers', addFields)
    if (exchanges.closing) reason ??= 'closing' // @fastify/http-proxy closes its WebSockets as soon as the server closes
    if (metered === undefined) return over()
    // What has gone through counts, though it had no leave yet.
    exchange.end = over
    metered.end(over)
    if (isSpent) over() // a limit that has ended it gives no more leave
  })
  const over = (why?: EndedBy) => {
    if (exchange.place === undefined) return
    exchanges.delete(exchange)
    if (why !== undefined) reason ??= reasonOf(why)
    const status = reply.raw.headersSent ? reply.raw.statusCode : 101
    record.address = reached.get(socket)
    record.close({ status, ...octets(), reason })
  }
}

/**
 * The options for WebSockets of @fastify/http-proxy: the upstream gets what an upstream of requests
 * gets. By itself that passes on the cookies and nothing else. What becomes of the connection to
 * the upstream when it refuses, stays silent or is no longer waited for is seen to here as well:
 * @fastify/http-proxy ends an open WebSocket and nothing before that.
 *
 * @quirk http-proxy-cookies-only
 * @quirk http-proxy-open-target
 */
export function webSocketOptions (route: HttpProxyRoute, rules: RequestHeadRules): object {
  if (route.websocket !== true) return {}
  const { wsClientOptions, wsHooks, wsReconnect } = route
  const {
    rewriteRequestHeaders: rewrite = onBehalf, finishRequest = endRequest
  } = (wsClientOptions ?? {}) as ClientOptions
  const hooks = (wsHooks ?? {}) as Hooks
  const follow = (source: WebSocketSide, target: WebSocketSide) => {
    const metered = meteredWebSocket(source) ?? meteredWebSocket(target)
    metered?.follow(source, target)
  }
  // Of the request whose handshake is sent next, in the same turn. Undefined: it is tried again,
  // which nothing tells of.
  let client: Socket | undefined
  return {
    ...(wsReconnect !== undefined && { wsReconnect: { ...wsReconnect } }), // it gets defaults written in
    wsHooks: {
      ...wsHooks,
      onConnect (context: unknown, source: WebSocketSide, target: WebSocketSide) {
        // @fastify/http-proxy forgets to close the connection to the upstream when the client
        // leaves before it stands.
        if (source.readyState !== OPEN) return target.terminate()
        follow(source, target)
        hooks.onConnect?.(context, source, target)
      },
      // Without one it takes the other.
      ...(hooks.onReconnect !== undefined && {
        onReconnect (context: unknown, source: WebSocketSide, target: WebSocketSide) {
          follow(source, target)
          hooks.onReconnect!(context, source, target)
        }
      })
    },
    wsClientOptions: {
      handshakeTimeout: (route.undici as { headersTimeout?: Milliseconds } | undefined)?.headersTimeout ?? SILENCE,
      ...wsClientOptions,
      finishRequest (handshake: ClientRequest, target: WebSocketSide) {
        once(handshake, 'response', () => handshake.destroy())
        if (client !== undefined) {
          belongTo(client, target)
          followHandshake(handshake, client, target)
        }
        client = undefined
        finishRequest(handshake, target)
      },
      rewriteRequestHeaders (headers: FieldRecord, request: FastifyRequest) {
        client = request.raw.socket
        meteredWebSocket(client)?.begin()
        const { headers: { via }, httpVersion } = request.raw
        const added = rules.forwarded ? recordOf(addForwardedFields([], request)) : {}
        const rewritten = lasting(rewrite({ ...headers, ...added }, request))
        const fields = tellIdentity(listOf(rewritten), request, rules.identity)
        if (via !== undefined) fields.push('via', via)
        fields.push('via', formatVia(httpVersion, rules.pseudonym))
        return recordOf(fields)
      }
    }
  }
}

function followHandshake (handshake: ClientRequest, client: Socket, target: WebSocketSide): void {
  once(client, 'close', () => { if (target.readyState === CONNECTING) target.terminate() })
  prepend(handshake, 'upgrade', (_response: IncomingMessage, { remoteAddress }: Socket) => { reached.set(client, remoteAddress) }, client)
}

function endRequest (handshake: ClientRequest): void {
  handshake.end()
}

function onBehalf (headers: FieldRecord, request: FastifyRequest): FieldRecord {
  const head = { ...headers }
  for (const name of ON_BEHALF) if (request.headers[name] !== undefined) head[name] = request.headers[name]
  return head
}
