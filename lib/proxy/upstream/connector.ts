import type { LookupFunction, Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { buildConnector } from 'undici'
import { UpstreamProtocol } from '../../errors.js'
import { dependable } from '../../policy/target/lookup.js'
import { hasLostPeer } from '../../platform/abort.js'
import { guarded, on, prepend } from '../../platform/guarded.js'

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
