import type { LookupFunction, Socket } from 'node:net'
import { buildConnector } from 'undici'
import { dependable } from '../policy/lookup.js'
import { guarded, prepend } from '../platform/guarded.js'

/**
 * Has undici tell of a reset what it is. It takes one for the end of an answer that ends with its connection, and whoever gets that
 * answer for all of it; but it is incomplete (RFC 9112, 8).
 *
 * @param connect - Opens the connections.
 */
export function toldReset (connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, guarded((...opened: Parameters<buildConnector.Callback>) => {
      const socket = opened[1] as Socket | null | undefined // undici leaves it out where there is none
      if (socket) rename(socket)
      callback(...opened)
    }))
  }
}

/**
 * By another of undici's own codes for a connection that is lost, with the octets that had come, as undici tells them with its own
 * errors. Ours is the first listener.
 */
function rename (socket: Socket): void {
  prepend(socket, 'error', (error: NodeJS.ErrnoException & { socket?: object }) => {
    if (error.code === 'ECONNRESET') error.code = 'UND_ERR_SOCKET'
    error.socket ??= { bytesRead: socket.bytesRead }
  })
}

/** What of undici's options is about connections. */
interface ConnectionOptions {
  readonly connect?: object | buildConnector.connector
  readonly tls?: object
  readonly connectTimeout?: number
  readonly autoSelectFamily?: boolean
  readonly [option: string]: unknown
}

/** The connector that undici makes of such options or bring along, its resets told, its resolver kept to one answer. */
export function toldConnector ({ connect, tls, connectTimeout, maxCachedSessions, allowH2, socketPath, autoSelectFamily, autoSelectFamilyAttemptTimeout }: ConnectionOptions): buildConnector.connector {
  if (typeof connect === 'function') return toldReset(connect as buildConnector.connector)
  const families = typeof autoSelectFamily === 'boolean' ? { autoSelectFamily, autoSelectFamilyAttemptTimeout } : {}
  const settings = { ...tls, maxCachedSessions, allowH2, socketPath, timeout: connectTimeout, ...families, ...connect } as buildConnector.BuildOptions & { lookup?: LookupFunction }
  if (typeof settings.lookup === 'function') settings.lookup = dependable(settings.lookup)
  return toldReset(buildConnector(settings))
}
