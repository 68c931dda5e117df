import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatFields, withoutFields } from '../../fields/raw-list.js'
import { parseMaxForwards } from '../../fields/max-forwards.js'

/**
 * Fields that a TRACE does not show: the reader of the response may be another than their sender
 * (RFC 9110, 9.3.8).
 */
const SENSITIVE = new Set(['proxy-authorization', 'authorization', 'cookie'])

/** True when `Max-Forwards` makes us the last recipient of a TRACE or OPTIONS (RFC 9110, 7.6.2). */
export function isLastRecipient ({ method, headers }: FastifyRequest): boolean {
  return (method === 'TRACE' || method === 'OPTIONS') && parseMaxForwards(headers['max-forwards'] as string | undefined) === 0
}

/** Answers such a request: OPTIONS with nothing, TRACE with what came. */
export function respondAsLast (request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'OPTIONS') {
    reply.send('')
    return
  }
  const { rawHeaders, httpVersion } = request.raw
  const fields = withoutFields(rawHeaders, (name) => SENSITIVE.has(name.toLowerCase()))
  const message = `TRACE ${request.originalUrl} HTTP/${httpVersion}\r\n${formatFields(fields)}\r\n`
  reply.type('message/http').send(Buffer.from(message, 'latin1'))
}
