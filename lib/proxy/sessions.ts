import type { Server } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { onEveryServer } from './listeners.js'

/**
 * Tells every HTTP/2 client that the server stops (GOAWAY, RFC 9113, 6.8), before anything is waited for: what is under way
 * goes on, nothing new comes, and a session without anything ends. Else `app.close()` would wait for a client that stays.
 */
export function goAway (app: FastifyInstance): void {
  const sessions = new Set<Http2Session>()
  onEveryServer(app, server => {
    (server as Server).on('session', (session: Http2Session) => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
    })
  })
  app.addHook('preClose', async () => { for (const session of sessions) session.close() })
}
