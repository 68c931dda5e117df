import { constants } from 'node:http2'
import type { FastifyInstance } from 'fastify'
import { guarded } from '../guarded.js'
import { sessionSocket } from '../session-socket.js'
import { isGivenUp, onEverySession, streamsOf } from './sessions.js'

/** The first major version of node that tells of every write. */
const MENDED = 22

const watched = new WeakSet<object>()

/**
 * Destroys a session before its socket, where the connection is broken. Node 20 writes once more
 * for a session whose connection breaks in the middle of a write, and never tells of the end of
 * that. The streams that wait for it would stay for ever, and with them the session that is kept
 * behind them (`keepHandles`). A session that is destroyed first writes nothing more. Once per
 * server, and before `destroyLate`: nothing is being read of such a connection, and a turn later it
 * could not be written to.
 *
 * @param version - Of node. Default: the one that runs.
 * @quirk node-http2-write-untold
 */
export function destroySessionFirst (app: FastifyInstance, version = process.versions.node): void {
  if (Number.parseInt(version) >= MENDED || watched.has(app.server)) return
  watched.add(app.server)
  onEverySession(app, (session) => {
    const socket = sessionSocket(session)
    const { destroy } = socket
    const { destroy: destroyNow } = session
    const end = guarded(() => {
      // So does node itself: a connection that has broken is no regular end of a stream.
      for (const stream of streamsOf(session)) stream.close(constants.NGHTTP2_CANCEL)
      Reflect.apply(destroyNow, session, [])
    })
    socket.destroy = (...why) => {
      const isBroken = (why[0] as NodeJS.ErrnoException | undefined)?.syscall === 'read' || isGivenUp(socket)
      if (isBroken && !session.destroyed && !socket.destroyed) end()
      return Reflect.apply(destroy, socket, why)
    }
  })
}
