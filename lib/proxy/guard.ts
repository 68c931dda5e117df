import type { Socket } from 'node:net'

/** Sockets that have our listener already. */
const guarded = new WeakSet<Socket>()

/** Without a listener, an `error` on a socket that node has handed over ends the process. Once per socket. */
export function guard (socket: Socket): void {
  if (guarded.has(socket)) return
  guarded.add(socket)
  socket.on('error', () => socket.destroy())
}
