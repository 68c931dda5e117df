import type { FastifyReply } from 'fastify'
import { streamOf } from '../message-state.js'

/**
 * Has the connection close behind a response. HTTP/2 has no field for that, and node warns of it. A
 * request of HTTP/1's wire may call itself anything, `HTTP/2.0` too.
 *
 * @quirk node-any-version
 */
export function closeBehind (reply: FastifyReply): void {
  if (streamOf(reply.request.raw) === undefined) reply.header('connection', 'close')
}
