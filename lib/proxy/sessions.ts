import type { Server } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { guarded } from '../platform/guarded.js'
import type { Milliseconds } from '../types.js'
import { onEveryServer } from './listeners.js'

/** How long a frame may wait on its way out of a session on which nothing else happens. */
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

/**
 * Ends sessions that are broken: after an error of the connection node 20 says GOAWAY, then reads and writes nothing any more, and
 * tells nobody, so that tunnels would stay until they are idle, and without `connect.idleTimeout` for ever. When a session is idle
 * (`http2SessionTimeout`), a ping that does not go out gives it away.
 */
export function endBroken (app: FastifyInstance, patience = PATIENCE): void {
  onEverySession(app, session => {
    // Before Fastify closes it: behind that, nothing would wait.
    session.prependListener('timeout', guarded(app.log, () => {
      if (session.destroyed) return
      session.ping(() => {})
      setTimeout(() => {
        if (!session.destroyed && session.state.outboundQueueSize! > 0) session.destroy()
      }, patience).unref()
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
      this.sockets.set(session, session.socket.valueOf() as Socket) // what node shows of it cannot be destroyed alone
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
