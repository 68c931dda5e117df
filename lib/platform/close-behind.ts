import type { FastifyReply } from 'fastify'

/** Has the connection close behind a response. HTTP/2 has no field for that, and node warns of it. */
export function closeBehind (reply: FastifyReply): void {
  if (reply.request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
}
