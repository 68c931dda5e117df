import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { on, once } from '../guarded.js'
import { onClientEnd } from './client-end.js'
import { lingeringClose } from './lingering-close.js'

// What waits for other responses on its connection.

/** A response with what node writes of its head. */
export type TrackedResponse = ServerResponse & { readonly _header?: string | null }

/** A connection of node's HTTP server, with the response that is being written to it. */
export type PipelinedConnection = Socket & { readonly _httpMessage?: TrackedResponse | null }

/**
 * Begins with a request that has left node's parser when every response before it is out (RFC 9112,
 * 9.3.2).
 *
 * What has to be waited for is read off the socket: node holds there the response that is being
 * written, and puts the next in its place. So it makes no difference who writes them; node writes
 * 400, 417 and 503 by itself, and tells no listener.
 *
 * A client that ends before that has left, as it has for node behind any request: its connection
 * closes, and with it goes what the other requests on it wait for.
 *
 * @param begin - Not called if the connection has closed by then, or is to be closed (RFC 9112,
 *   9.6).
 * @quirk node-upgrade-out-of-turn
 */
export function afterPreviousResponse (socket: PipelinedConnection, begin: () => void): void {
  const { _httpMessage: first } = socket
  const start = (last?: TrackedResponse) => {
    if (!socket.writable || (last !== undefined && saysClose(last))) lingeringClose(socket)
    else begin()
  }
  if (!first) return start()
  const unwatch = onClientEnd(socket, () => socket.destroySoon())
  on(socket, 'drain', passDrain)
  const wait = (response: TrackedResponse): void => {
    once(response, 'close', () => {
      if (socket.destroyed) return
      if (socket._httpMessage) return wait(socket._httpMessage)
      unwatch()
      socket.removeListener('drain', passDrain)
      start(response)
    }, socket)
  }
  wait(first)
}

/**
 * Tells the response that is being written to go on, which node does no more for a socket without a
 * parser.
 *
 * @quirk node-detached-socket
 */
function passDrain (this: PipelinedConnection): void {
  this._httpMessage?.emit('drain')
}

/**
 * Node does not close behind each response that says so: not behind the last that
 * `maxRequestsPerSocket` allows.
 *
 * @quirk node-max-requests-stays-open
 */
export function saysClose ({ _header: head }: TrackedResponse): boolean {
  return /\r\nconnection: *close\r\n/i.test(head ?? '')
}

/**
 * Destroys a pipelined answer when the connection closes before its turn. It has no connection
 * until then, and node does not tell it.
 *
 * @param leave - What is to happen then. It may happen before this returns.
 * @quirk node-queued-response-close
 */
export function onQueuedClose ({ socket }: IncomingMessage, response: ServerResponse, leave: () => void): void {
  const gone = () => {
    response.destroy()
    leave()
  }
  if (socket.destroyed) return gone()
  socket.setMaxListeners(0) // a client may pipeline more requests than node thinks right
  once(socket, 'close', gone)
  once(response, 'socket', () => socket.removeListener('close', gone))
}
