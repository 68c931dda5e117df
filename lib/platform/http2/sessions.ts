import type { Server } from 'node:http'
import type { Http2Session, Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { guarded, on, once, prepend } from '../guarded.js'
import { sessionSocket } from '../session-socket.js'
import type { Milliseconds } from '../../types.js'
import { onEveryServer } from '../fastify.js'

/** How long a client that is asked for a sign of life may send nothing. */
const ALIVE_TIMEOUT: Milliseconds = 5_000

/**
 * Tells every HTTP/2 client that the server stops (GOAWAY, RFC 9113, 6.8), before anything is
 * waited for: what is under way goes on, nothing new comes, and a session without anything ends.
 * Else `app.close()` would wait for a client that stays.
 *
 * @quirk node-http2-close-waits
 */
export function goAway (app: FastifyInstance): void {
  const sessions = openSessions(app)
  app.addHook('preClose', async () => { for (const session of sessions.keys()) session.close() })
}

const watched = new WeakSet<object>()

/**
 * Ends sessions that are broken. After an error of the connection node 20 says GOAWAY, then reads
 * and writes nothing any more and emits no event, so such a session would stay as long as its
 * streams, which may have no limit. Where a session has been idle (`http2SessionTimeout`) its
 * client is asked for a sign of life, and the connection ends if none comes. One that is over, but
 * for its connection, ends at once. Once per server.
 *
 * @param timeout - How long it may take to come.
 * @quirk node-http2-broken-session
 */
export function endBroken (app: FastifyInstance, timeout = ALIVE_TIMEOUT): void {
  if (watched.has(app.server)) return
  watched.add(app.server)
  onEverySession(app, (session) => {
    const socket = sessionSocket(session)
    // Before Fastify's listener, which closes the session: one without streams is over then.
    prepend(session, 'timeout', () => {
      if (isForgotten(session)) session.destroy()
      else endUnlessAlive(session, socket, timeout)
    }, socket)
  })
}

interface State { readonly streams: ReadonlyMap<number, Http2Stream> }

/**
 * Whether a session is closed, and so is each stream of it. Node ends the session with its last
 * stream, but a stream that its client resets as the response goes out stays, closed, for ever:
 * once the session is closed, node tells nothing of what it writes.
 *
 * @quirk node-http2-closed-stays
 */
function isForgotten (session: Http2Session): boolean {
  return session.closed && streamsOf(session).every(({ closed }) => closed)
}

/** The streams of a session, which node shows to no one. */
export function streamsOf (session: Http2Session): Http2Stream[] {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state')
  return [...(session as unknown as Record<symbol, State>)[key!]!.streams.values()]
}

/**
 * The HTTP/2 sessions that a stopping server would wait for though nothing comes of them any more:
 * those whose client has left, as above, and those that are over but for a client that does not
 * close.
 *
 * @quirk node-http2-broken-session
 * @quirk node-http2-session-lingers
 */
export class LeftSessions {
  private readonly sockets: ReadonlyMap<Http2Session, Socket>

  constructor (app: FastifyInstance, private readonly timeout = ALIVE_TIMEOUT) {
    this.sockets = openSessions(app)
  }

  /**
   * Asks each client for a sign of life, and ends the connections of those from which none comes.
   */
  endBroken (): void {
    for (const [session, socket] of this.sockets) if (!session.destroyed) endUnlessAlive(session, socket, this.timeout)
  }

  endOver (): void {
    for (const [session, socket] of this.sockets) if (session.destroyed) socket.destroy()
  }
}

/**
 * Asks for the acknowledgement of SETTINGS without a setting (RFC 9113, 6.5.3), as node sends no
 * PING once a session has been told to close. Any octet is a sign of life: a slow network may keep
 * the acknowledgement back behind what is under way, and of a broken session node 20 reads nothing.
 */
function endUnlessAlive (session: Http2Session, socket: Socket, timeout: Milliseconds): void {
  const read = socket.bytesRead
  session.settings({})
  setTimeout(guarded(() => {
    if (socket.bytesRead === read) giveUp(socket)
  }), timeout).unref()
}

const givenUp = new WeakSet<Socket>()

/** Ends a connection of which nothing comes any more, nor can anything be written to it. */
export function giveUp (socket: Socket): void {
  givenUp.add(socket)
  socket.destroy()
}

/** Whether the connection is ended for that. */
export function isGivenUp (socket: Socket): boolean {
  return givenUp.has(socket)
}

/** The sessions of HTTP/2 that are open, from now on, each with its socket. */
export function openSessions (app: FastifyInstance): ReadonlyMap<Http2Session, Socket> {
  const sockets = new Map<Http2Session, Socket>()
  onEverySession(app, (session) => {
    sockets.set(session, sessionSocket(session))
    once(session, 'close', () => sockets.delete(session))
  })
  return sockets
}

/** Calls `follow` with each session of HTTP/2 that a server of the application gets. */
export function onEverySession (app: FastifyInstance, follow: (session: Http2Session) => void): void {
  onEveryServer(app, (server) => { on(server as Server, 'session', follow) })
}
