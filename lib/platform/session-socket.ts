import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/**
 * The socket of a session. What node shows in its place cannot be destroyed without the session.
 *
 * @quirk node-http2-session-socket
 */
export function sessionSocket (session: Http2Session): Socket {
  return session.socket.valueOf() as Socket
}
