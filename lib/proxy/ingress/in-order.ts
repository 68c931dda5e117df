import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { guarded, intercept, once, prependOnce } from '../../platform/guarded.js'
import { Askers } from './askers.js'
import type { MayBeProxied } from './askers.js'
import { saysClose } from '../../platform/http1/pipelining.js'
import type { PipelinedConnection } from '../../platform/http1/pipelining.js'

/** The responses that have not gone out on a connection, seen from the last. */
interface Queue {
  last: ServerResponse
  /** Whether all of them may be worked on at the same time. */
  parallel: boolean
  /** How many requests wait for their turn. */
  waiting: number
}

/** Who is asked about the requests of a server. */
const askers = new Askers()
const queues = new WeakMap<Socket, Queue>()
/** Responses whose requests have to wait for those before them. */
const held = new WeakMap<ServerResponse, Queue>()

/**
 * How many requests may wait on one connection. With more it is closed: what waits is kept in
 * memory.
 */
const MAX_WAITING = 256

/** RFC 9110, 9.2.1. */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** What node is parsing on a connection, if anything. */
type ParsedConnection = PipelinedConnection & {
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
}

/**
 * Has requests that come in one go on a connection of HTTP/1.x served one after the other, unless
 * all of them are safe (RFC 9112, 9.3.2), and none behind a response that closes (9.6). Node
 * announces each as soon as it is parsed, and so it would reach its origin before the one that the
 * client sent first.
 *
 * And has one response to each: none that node or Fastify adds because the rest of the message
 * cannot be read, neither when there is one already, nor in place of one that is to come before the
 * connection closes.
 *
 * What is not to be proxied is the application's, and comes as from node.
 *
 * @param mayBeProxied - Whether a proxy route may take the request.
 * @quirk node-requests-at-once
 */
export function serveInOrder (server: Server, mayBeProxied: MayBeProxied): void {
  const ask = askers.add(server, mayBeProxied)
  if (ask === undefined) return
  listen()
  const proxied = (request: IncomingMessage) => {
    try {
      return ask(request)
    } catch {
      return false // which those listeners tell who need to know it
    }
  }
  const { emit } = server
  intercept(server, ['request', 'checkContinue'], (event: string, request: IncomingMessage, response: ServerResponse) => {
    const queue = held.get(response)
    if (queue === undefined || !proxied(request)) return false
    hold(response, queue, () => Reflect.apply(emit, server, [event, request, response]))
    return true
  })
  intercept(server, ['clientError'], (_event: string, error: Error, socket: ParsedConnection) => answersAlready(error, socket, proxied))
}

let listening = false

/** Node announces here every response it makes, those included that it writes by itself. */
function listen (): void {
  if (listening) return
  listening = true
  subscribe('http.server.request.start', guarded((message: unknown) => { follow(message as Parameters<typeof follow>[0]) }))
}

function follow ({ request, response, socket, server }: {
  request: IncomingMessage, response: ServerResponse, socket: PipelinedConnection, server: Server
}): void {
  const { _httpMessage: first } = socket
  if (!first || !askers.has(server)) return
  const known = queues.get(socket)
  const queue = known !== undefined && isQueued(known.last)
    ? known
    : { last: first, parallel: SAFE.has(first.req.method), waiting: 0 }
  const before = queue.last
  queue.parallel &&= SAFE.has(request.method) && before.shouldKeepAlive && !saysClose(before)
  queue.last = response
  queues.set(socket, queue)
  if (!queue.parallel) held.set(response, queue)
}

/** Has not had its turn. One that is out has no socket any more either. */
function isQueued ({ socket, writableFinished }: ServerResponse): boolean {
  return socket === null && !writableFinished
}

/**
 * Node gives a response its socket when it is its turn, be it behind one that has closed for what
 * came later.
 */
function hold (response: ServerResponse, queue: Queue, begin: () => void): void {
  held.delete(response)
  if (++queue.waiting > MAX_WAITING) {
    response.req.socket.destroy()
    return
  }
  once(response, 'socket', (socket: Socket) => {
    queue.waiting -= 1
    if (socket.writable) begin()
  })
}

/**
 * Whether what cannot be read any more needs no response of its own: of a message that has had one,
 * also from node or the application, or has begun to have one; or because it is behind a message
 * whose response is yet to come, or coming. That one is the last then: in the midst of its content
 * another would look like some of it.
 *
 * @quirk node-error-in-response
 */
function answersAlready ({ code = '' }: Error & { code?: string }, socket: ParsedConnection, proxied: MayBeProxied): boolean {
  const { _httpMessage: response, parser } = socket
  const incoming = parser?.incoming
  const isCut = incoming?.complete === false
  if (response && (!isCut || response.req !== incoming)) {
    if (!/^(?:HPE|ERR_HTTP)_/.test(code) || !proxied(response.req)) return false
    if (code === 'HPE_INVALID_EOF_STATE') destroySoon(socket) // the client has left
    else if (code !== 'HPE_CLOSED_CONNECTION') closeBehind(response, socket)
    return true
  }
  if (!isCut) return false
  const isAnswered = !response || response.writableEnded // the socket lets go of one that is through
  if (!isAnswered && (!response.headersSent || !proxied(incoming))) return false
  destroySoon(socket)
  return true
}

const ending = new WeakSet<Socket>()

/** Once: node fails anew for each packet that follows, and each call would leave a listener. */
function destroySoon (socket: Socket): void {
  if (ending.has(socket)) return
  ending.add(socket)
  socket.destroySoon()
}

const last = new WeakSet<ServerResponse>()

/** Before node gives the connection to the next response. */
function closeBehind (response: ServerResponse, socket: Socket): void {
  if (last.has(response)) return
  last.add(response)
  if (!response.headersSent) response.shouldKeepAlive = false
  prependOnce(response, 'finish', () => destroySoon(socket), socket)
}
