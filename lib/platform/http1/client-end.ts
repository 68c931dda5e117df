import type { Readable } from 'node:stream'
import type { Socket } from 'node:net'
import { on } from '../guarded.js'

/**
 * A socket with what node knows of its end while octets before it are unread. `readableEnded` comes
 * after those.
 */
type ClientEnding = Socket & { readonly _readableState: Readable & { readonly ended: boolean } }

/**
 * Watches a connection that has left node's parser for the end of what its client sends, be it
 * behind octets that are left unread. With the parser goes node's listener, and a client that
 * leaves is not noticed until something is written to it.
 *
 * @param ended - Called once, at once where the end has come already.
 * @returns Ends the watch. It has to be called before anything else reads.
 * @quirk node-detached-socket
 */
export function onClientEnd (socket: Socket, ended: () => void): () => void {
  const look = () => {
    if (!(socket as ClientEnding)._readableState.ended) return
    stop()
    ended()
  }
  const stop = () => { socket.removeListener('readable', look) }
  on(socket, 'readable', look)
  look()
  return stop
}
