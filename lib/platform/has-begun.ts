import type { FastifyReply } from 'fastify'

/**
 * Whether a response has gone out, or begins to. A reply of Fastify's that sends a stream is not
 * `sent` before its end.
 *
 * @quirk fastify-sent-late
 */
export function hasBegun ({ sent, raw }: FastifyReply): boolean {
  return sent || raw.headersSent
}
