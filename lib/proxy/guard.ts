import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Sockets that have our listener already. */
const guarded = new WeakSet<Socket>()

/** Without a listener, an `error` on a socket that node has handed over ends the process. Once per socket. */
export function guard (socket: Socket): void {
  if (guarded.has(socket)) return
  guarded.add(socket)
  socket.on('error', () => socket.destroy())
}

type UpgradeListener = (request: object, socket: Socket, head: Buffer) => void

/**
 * Puts a guard before the listeners that a server has for `upgrade`: @fastify/http-proxy has none on the socket while the
 * gate decides, and throws where an answer to an earlier request still has it. No listener is added, since that package goes by
 * how many there are.
 */
export function guardUpgrades (server: Server): void {
  for (const listener of server.listeners('upgrade') as UpgradeListener[]) {
    server.removeListener('upgrade', listener)
    server.on('upgrade', (request, socket, head) => {
      guard(socket as Socket)
      try {
        listener.call(server, request, socket as Socket, head)
      } catch {
        socket.destroy()
      }
    })
  }
}
