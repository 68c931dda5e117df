import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { closeInStages } from './close-in-stages.js'

/** A response with what node writes of its head. */
type Response = ServerResponse & { readonly _header?: string | null }

/** A connection of node's HTTP server, with the response that is being written to it. */
type Connection = Socket & { readonly _httpMessage?: Response | null }

/**
 * Begins with a request that has left node's parser when every response before it is out (RFC 9112, 9.3.2).
 *
 * What has to be waited for is read off the socket: node holds there the response that is being written, and puts the next in
 * its place. So it makes no difference who writes them; node writes 400, 417 and 503 by itself, and tells no listener.
 *
 * @param begin - Not called if the connection has closed by then, or is to be closed (RFC 9112, 9.6).
 */
export function inTurn (socket: Connection, begin: () => void): void {
  const next = (last?: Response) => {
    if (socket.destroyed) return
    const response = socket._httpMessage
    if (response) {
      const drained = () => { response.emit('drain') } // node tells it no more, having handed over the socket
      socket.on('drain', drained)
      response.once('close', () => {
        socket.removeListener('drain', drained)
        next(response)
      })
    } else if (!socket.writable || (last !== undefined && saysClose(last))) closeInStages(socket)
    else begin()
  }
  next()
}

/** Node does not close behind each response that says so: not behind the last that `maxRequestsPerSocket` allows. */
function saysClose ({ _header: head }: Response): boolean {
  return /\r\nconnection: *close\r\n/i.test(head ?? '')
}
