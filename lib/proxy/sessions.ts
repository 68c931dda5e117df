import type { Server } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { guarded } from '../platform/guarded.js'
import { sessionSocket } from '../platform/session-socket.js'
import type { Milliseconds } from '../types.js'
import { onEveryServer } from './listeners.js'

/** How long a client may take to answer a ping. */
const PATIENCE: Milliseconds = 5_000

/**
 * Tells every HTTP/2 client that the server stops (GOAWAY, RFC 9113, 6.8), before anything is waited for: what is under way
 * goes on, nothing new comes, and a session without anything ends. Else `app.close()` would wait for a client that stays.
 */
export function goAway (app: FastifyInstance): void {
  const sessions = new Set<Http2Session>()
  onEverySession(app, session => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  app.addHook('preClose', async () => { for (const session of sessions) session.close() })
}

const watched = new WeakSet<object>()

/**
 * Ends sessions that are broken. After an error of the connection node 20 says GOAWAY, then reads and writes nothing any more
 * and emits no event, so such a session would stay as long as its streams, which may have no limit. Where a session has been idle
 * (`http2SessionTimeout`) its client is pinged, and the connection ends if no reply comes. Once per server.
 *
 * @param patience - How long the reply may take.
 */
export function endBroken (app: FastifyInstance, patience = PATIENCE): void {
  if (watched.has(app.server)) return
  watched.add(app.server)
  onEverySession(app, session => {
    const socket = sessionSocket(session)
    // Before Fastify's listener, which closes the session: it takes no ping then.
    session.prependListener('timeout', guarded(app.log, () => {
      if (session.destroyed) return socket.destroy()
      if (session.closed) return // it takes no ping any more, and its streams go on
      let replied = false
      session.ping(failure => { replied = failure === null })
      setTimeout(() => { if (!replied) socket.destroy() }, patience).unref()
    }))
  })
}

/**
 * The HTTP/2 sessions that a stopping server would wait for though nothing comes of them any more: those that are broken, as above,
 * and those that are over but for a client that does not close.
 */
export class LeftSessions {
  private readonly sockets = new Map<Http2Session, Socket>()
  private readonly alive = new WeakSet<Http2Session>()

  constructor (app: FastifyInstance) {
    onEverySession(app, session => {
      this.sockets.set(session, sessionSocket(session))
      session.once('close', () => this.sockets.delete(session))
    })
  }

  /** Asks each client for a sign of life, which {@link end} goes by some time later. */
  ping (): void {
    for (const session of this.sockets.keys()) {
      if (!session.destroyed) session.ping(failure => { if (failure === null) this.alive.add(session) })
    }
  }

  end (): void {
    for (const [session, socket] of this.sockets) {
      if (session.destroyed || !this.alive.has(session)) socket.destroy()
    }
  }
}

function onEverySession (app: FastifyInstance, follow: (session: Http2Session) => void): void {
  onEveryServer(app, server => { (server as Server).on('session', guarded(app.log, follow)) })
}
