import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** What node calls its own listener, of every kind of server. */
const OWN = 'connectionListener'

/**
 * Has node parse HTTP on a socket again that it has let go of, as on a new connection. Only node is
 * told: the application's listeners know this connection, and one that counts or measures
 * connections would do so again each time.
 *
 * @param server - The one that accepted the connection.
 * @quirk node-resume-parsing
 */
export function resumeParsing (server: Server, socket: Socket): void {
  const event = 'encrypted' in socket ? 'secureConnection' : 'connection'
  const own = server.listeners(event).find(({ name }) => name === OWN)
  if (own === undefined) server.emit(event, socket)
  else own.call(server, socket)
}
