import type { FastifyRequest } from 'fastify'
import type { Events } from '../../events/events.js'
import type { Refused } from '../../passport/outcome.js'
import type { Milliseconds } from '../../types.js'

/**
 * Tells why a request was refused, in an event and in the log: one line with user, scheme, method,
 * status, reason and address, never a credential. At level `info`; at `debug` where a client has
 * yet to be asked, or is in the middle of a handshake.
 *
 * @param began - When the verdict was asked for, by `performance.now()`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4 RFC 7616, 3.4}
 */
export function logRefusal (
  { log, id, method, ip: address }: FastifyRequest, { status, scheme, reason, note }: Refused, events: Events,
  began: Milliseconds
): void {
  const isFirst = status === 407 && (reason === 'missing' || reason === 'continued')
  const refusal = { user: note?.userId ?? null, scheme, method, status, reason: note?.reason ?? reason }
  log[isFirst ? 'debug' : 'info']({ refusal: { ...refusal, address } }, 'refused')
  const event = isFirst ? 'challenged' : 'refused'
  if (!events.hears(event)) return
  const told = { id, client: address ?? null, durationMs: performance.now() - began }
  if (isFirst) events.tell('challenged', { ...told, method, reason: reason as 'missing' | 'continued' })
  else events.tell('refused', { ...told, ...refusal })
}
