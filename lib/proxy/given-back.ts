import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchanges } from './exchanges.js'

/** Ends the wait for the next request. Kept for the life of the connection, which stays a proxy's. */
const ends = new WeakMap<object, () => void>()

/**
 * Marks a connection that goes back to the server after a 407 to CONNECT. It is a proxy's from now on: no origin-form is
 * served on it.
 *
 * Until the next request it is idle. Node takes it for a new connection, whose first request a stopping server would
 * wait for, so it is on our list to be ended.
 */
export function markGivenBack (socket: Socket, exchanges: Exchanges): void {
  const exchange = { idle: true, end: () => { socket.destroy() } }
  const end = () => {
    exchanges.delete(exchange)
    socket.removeListener('close', end)
  }
  ends.set(socket, end)
  socket.once('close', end)
  exchanges.add(exchange)
}

/** Says that a request has come on the connection. */
export function markBusy ({ socket }: IncomingMessage): void {
  ends.get(socket)?.()
}

/** True for a connection on which a CONNECT was refused before. */
export function wasGivenBack ({ socket }: IncomingMessage): boolean {
  return ends.has(socket)
}
