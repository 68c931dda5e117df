import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Side } from '../exchange/join.js'

/**
 * What CONNECT has that no other request has: the client's side of the tunnel to be, and the bytes
 * behind the head.
 */
export interface Connect {
  /** The bare socket, or the stream of HTTP/2. Its `close` tells that the client has gone. */
  readonly client: Duplex
  readonly head: Buffer
  /**
   * Writes the 200 and hands the client's side over: the response writes nothing more.
   *
   * @param fields - A flat raw list.
   */
  open (fields: readonly string[]): Side
  /**
   * What is to be called when the tunnel has ended, for the application's `onResponse` hooks and
   * its log line. `undefined` where nothing waits for that, or learns it otherwise, so that an idle
   * tunnel need not keep its request.
   */
  readonly whenEnded: (() => void) | undefined
}

const kConnect = Symbol('fastify-proxy-auth.connect')
type ConnectRequest = IncomingMessage & { [kConnect]?: Connect }

export function markConnect (request: IncomingMessage, connect: Connect): void {
  Object.defineProperty(request, kConnect, { value: connect })
}

/** The CONNECT that `request` is, `undefined` when it is none. */
export function connectOf (request: IncomingMessage): Connect | undefined {
  return (request as ConnectRequest)[kConnect]
}
