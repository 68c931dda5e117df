import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Milliseconds } from '../../types.js'
import { guarded } from '../guarded.js'
import { giveUp, openSessions } from './sessions.js'

/** How often the system is asked: one call for each session. */
const INTERVAL: Milliseconds = 1_000

const watched = new WeakSet<object>()

/**
 * Ends sessions whose connection is gone, where node tells nothing of that: one that is reset while
 * node writes to it. Their streams would keep connections to upstreams until the session has been
 * idle (`http2SessionTimeout`, 72 seconds), and a reverse route has 128 of those. The system knows
 * that there is no other end. Once per server.
 *
 * @quirk node-http2-broken-session
 */
export function endLost (app: FastifyInstance, interval = INTERVAL): void {
  if (watched.has(app.server)) return
  watched.add(app.server)
  const sessions = openSessions(app)
  const timer = setInterval(guarded(() => {
    for (const socket of sessions.values()) if (isLost(socket)) giveUp(socket)
  }), interval).unref()
  app.addHook('onClose', async () => clearInterval(timer))
}

interface Handle { getpeername? (into: object): number }

/**
 * Whether the system knows no other end. A socket in the file system has none with a name, and is
 * not asked.
 */
export function isLost (socket: Socket): boolean {
  const handle = (socket as Socket & { _handle?: Handle | null })._handle
  const failed = handle?.getpeername?.({})
  return failed !== undefined && failed < 0
}
