import type { LookupFunction, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { Client, buildConnector } from 'undici'
import type { Dispatcher } from 'undici'
import { UpstreamProtocol } from '../../errors.js'
import { dependable } from '../../policy/target/lookup.js'
import { hasLostPeer } from '../../platform/abort.js'
import { guarded, on, prepend } from '../../platform/guarded.js'

/** What is to know the address that a request was sent to. */
export interface Trail { address: string | undefined }

/** A request, as the connection that takes it sees it. */
export interface Passenger { connection: Connection | undefined }

/** In the options of a dispatch, whose they are. */
export const kPassenger = Symbol('fastify-proxy-auth.passenger')
type Boarding = Dispatcher.DispatchOptions & { readonly [kPassenger]?: Passenger }

/** undici's options of a client that is told how to connect. */
export type ConnectionSettings = Client.Options & { readonly connect: buildConnector.connector }

/**
 * undici's client of one connection at a time, as pools have them, which knows the address that its
 * connection leads to: that of a pool is no other's business, so undici does not tell.
 */
export class Connection extends Client {
  /** `undefined` before there was a connection, and for a socket in the file system. */
  address: string | undefined

  constructor (origin: string | URL, options: ConnectionSettings) {
    const { connect } = options
    super(origin, {
      ...options,
      connect: (target, callback) => connect(target, (...opened) => {
        this.address = opened[1]?.remoteAddress
        callback(...opened)
      })
    })
  }

  override dispatch (options: Boarding, handler: Dispatcher.DispatchHandler): boolean {
    const { [kPassenger]: passenger } = options
    if (passenger !== undefined) passenger.connection = this
    return super.dispatch(options, handler)
  }
}

/** A pool's `factory`. Its options have a connector, whatever those of the pool have. */
export function connectionIn (origin: string | URL, options: object): Connection {
  return new Connection(origin, options as ConnectionSettings)
}

/**
 * Has undici tell of a reset what it is. It takes one for the end of an answer that ends with its
 * connection, and the client takes it for all of it; but it is incomplete (RFC 9112, 8).
 *
 * @param connect - Opens the connections.
 * @quirk undici-reset-reads-as-end
 */
export function reportResets (connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, guarded((...opened: Parameters<buildConnector.Callback>) => {
      const socket = opened[1] as Socket | null | undefined // undici leaves it out where there is none
      if (socket) {
        if (socket.readableLength > 0 && !speaksFirst(socket)) return refuse(socket, callback)
        rename(socket)
        surviveEnd(socket)
        if (!speaksFirst(socket)) holdEnd(socket)
      }
      callback(...opened)
    }))
  }
}

/**
 * Refuses a connection on which something has come before a request was sent. undici would close it
 * and open another, for ever, and the request would wait.
 *
 * @quirk undici-reconnects-for-ever
 */
function refuse (socket: Socket, callback: buildConnector.Callback): void {
  on(socket, 'error', () => {})
  socket.destroy()
  callback(new UpstreamProtocol(), null)
}

/** Servers of HTTP/2 begin with their settings. */
function speaksFirst (socket: Socket & { alpnProtocol?: unknown }): boolean {
  return socket.alpnProtocol === 'h2'
}

/**
 * By another of undici's own codes for a connection that is lost, with the octets that had come, as
 * undici tells them with its own errors. Ours is the first listener.
 */
function rename (socket: Socket): void {
  prepend(socket, 'error', (error: NodeJS.ErrnoException & { socket?: object }) => {
    if (error.code === 'ECONNRESET') error.code = 'UND_ERR_SOCKET'
    error.socket ??= { bytesRead: socket.bytesRead }
  })
}

/**
 * Loses a connection whose end is none, or one that undici does not stand:
 *
 * - Node tells of an end where a reset came together with octets.
 * - undici throws where the connection ends behind content without a length and the response has to
 *   wait once more, when it has just been told to go on. That would end the process.
 *
 * @quirk node-reset-reads-as-end
 * @quirk undici-throws-on-end
 */
function surviveEnd (socket: Socket): void {
  const { emit } = socket
  socket.emit = function (this: Socket, ...event: unknown[]): boolean {
    if (event[0] !== 'end') return Reflect.apply(emit, this, event)
    if (hasLostPeer(socket)) return lose(socket, 'read ECONNRESET')
    try {
      return Reflect.apply(emit, this, event)
    } catch (cause) {
      return lose(socket, 'the connection ended while the content waited', cause)
    }
  } as typeof emit
}

function lose (socket: Socket, message: string, cause?: unknown): true {
  socket.destroy(Object.assign(new Error(message, { cause }), { code: 'UND_ERR_SOCKET' }))
  return true
}

/**
 * Keeps the end of a connection back until all before it has been read to its end, and that has
 * been taken. undici does not read while a response has to wait for its client. An end that comes
 * then is the loss of the connection to it, though of the response nothing may be missing but the
 * word that it is over; and behind content without a length it throws, in an event.
 *
 * It reads until nothing is left when the response goes on. That is how this is told.
 *
 * @quirk undici-ends-waiting
 * @quirk undici-throws-on-end
 */
export function holdEnd (socket: Socket): void {
  const { push, read } = socket
  /** Something was read, and not yet that nothing follows. */
  let isBehind = false
  let isHeld = false
  const isWaiting = () => socket.readableFlowing !== true && (isBehind || socket.readableLength > 0)
  const end = () => {
    isHeld = false
    push.call(socket, null)
    read.call(socket, 0) // as node does: else nothing would tell of it
  }
  socket.push = (chunk, encoding) => {
    if (chunk !== null || !isWaiting()) return push.call(socket, chunk, encoding)
    isHeld = true
    return false
  }
  socket.read = (size) => {
    const chunk = read.call(socket, size) as ReturnType<Readable['read']>
    if (size !== undefined) return chunk
    isBehind = chunk !== null
    if (isHeld && !isBehind) end()
    return chunk
  }
}

/** What of undici's options is about connections. */
interface ConnectionOptions {
  readonly connect?: object | buildConnector.connector
  readonly tls?: object
  readonly connectTimeout?: number
  readonly autoSelectFamily?: boolean
  readonly [option: string]: unknown
}

/**
 * The connector that undici makes of such options or bring along, its resets told, its resolver
 * kept to one answer.
 */
export function createConnector ({
  connect, tls, connectTimeout, maxCachedSessions, allowH2, socketPath, autoSelectFamily, autoSelectFamilyAttemptTimeout
}: ConnectionOptions): buildConnector.connector {
  if (typeof connect === 'function') return reportResets(connect as buildConnector.connector)
  const families = typeof autoSelectFamily === 'boolean' ? { autoSelectFamily, autoSelectFamilyAttemptTimeout } : {}
  const settings = {
    ...tls, maxCachedSessions, allowH2, socketPath, timeout: connectTimeout, ...families, ...connect
  } as buildConnector.BuildOptions & { lookup?: LookupFunction }
  if (typeof settings.lookup === 'function') settings.lookup = dependable(settings.lookup)
  return reportResets(buildConnector(settings))
}
