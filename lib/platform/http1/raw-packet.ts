import type { Server } from 'node:http'
import { prepend } from '../guarded.js'

const concealed = new WeakSet<Server>()

/**
 * Keeps packets that node cannot parse out of logs. Its error has them as `rawPacket`, Fastify logs
 * the error at level trace, and the credentials may have stood right before what could not be read.
 * Who knows the name still finds it.
 *
 * @param server - One that Fastify listens for `clientError` on. Once is enough, however often it
 *   is asked.
 * @quirk node-raw-packet
 */
export function concealRawPackets (server: Server): void {
  if (concealed.has(server)) return
  concealed.add(server)
  prepend(server, 'clientError', (error: Error & { rawPacket?: Buffer }) => {
    if (error.rawPacket !== undefined) Object.defineProperty(error, 'rawPacket', { enumerable: false })
  })
}
