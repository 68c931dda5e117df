import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from '../guarded.js'

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
