import type { FastifyInstance } from 'fastify'
import { guarded } from '../guarded.js'
import { onEverySession } from './sessions.js'

/** The first minor version of nghttp2 that does not end the process. */
const MENDED = [1, 69]

const watched = new WeakSet<object>()

/**
 * Has the sessions of a server destroyed in a turn of their own. Node may destroy one while nghttp2
 * reads a packet: as the last stream of a session ends whose client has said GOAWAY, for one. If a
 * frame of a wrong size follows in that packet, the nghttp2 of node 20 ends the process. Once per
 * server.
 *
 * @param version - Of nghttp2. Default: the one in node.
 * @quirk node-nghttp2-asserts
 */
export function destroyLate (app: FastifyInstance, version = process.versions['nghttp2']!): void {
  if (isMended(version) || watched.has(app.server)) return
  watched.add(app.server)
  onEverySession(app, (session) => {
    const { destroy } = session
    let isAsked = false
    session.destroy = guarded((...why: unknown[]) => {
      if (isAsked) return
      isAsked = true
      setImmediate(guarded(() => { Reflect.apply(destroy, session, why) }, session))
    }, session)
  })
}

function isMended (version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > MENDED[0]! || (major === MENDED[0] && minor >= MENDED[1]!)
}
