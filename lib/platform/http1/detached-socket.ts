import type { Socket } from 'node:net'
import { on } from '../guarded.js'

/** Sockets that have our listener already. */
const guarded = new WeakSet<Socket>()

/**
 * Without a listener, an `error` on a socket that node has handed over ends the process. Once per
 * socket.
 *
 * @quirk node-detached-socket
 */
export function catchSocketErrors (socket: Socket): void {
  if (guarded.has(socket)) return
  guarded.add(socket)
  on(socket, 'error', () => socket.destroy())
}
