import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { once } from '../../platform/guarded.js'
import type { Exchanges } from '../exchange/exchanges.js'

/**
 * How often one connection is given back at most: no client needs more tries than that, however it
 * guesses has to connect again.
 */
const MAX_REUSES = 256

interface GivenBack {
  /** Ends the wait for the next request. */
  readonly end: () => void
  readonly times: number
}

/** Kept for the life of a connection, which stays a proxy's. */
const givenBack = new WeakMap<object, GivenBack>()

/** Whether a connection may be given back once more. */
export function mayBeReused (socket: Socket): boolean {
  return (givenBack.get(socket)?.times ?? 0) < MAX_REUSES
}

/**
 * Marks a connection that goes back to the server after a 407 to CONNECT. It is a proxy's from now
 * on: no origin-form is served on it.
 *
 * Until the next request it is idle. Node takes it for a new connection, whose first request a
 * stopping server would wait for, so it is on our list to be ended.
 *
 * @quirk node-resume-parsing
 */
export function markReused (socket: Socket, exchanges: Exchanges): void {
  const exchange = { idle: true, end: () => { socket.destroy() } }
  const end = () => {
    exchanges.delete(exchange)
    socket.removeListener('close', end)
  }
  givenBack.set(socket, { end, times: (givenBack.get(socket)?.times ?? 0) + 1 })
  once(socket, 'close', end)
  exchanges.add(exchange)
}

/** Says that a request has come on the connection. */
export function markActive ({ socket }: IncomingMessage): void {
  givenBack.get(socket)?.end()
}

/** True for a connection on which a CONNECT was refused before. */
export function isReused ({ socket }: IncomingMessage): boolean {
  return givenBack.has(socket)
}
