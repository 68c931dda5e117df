import type { FastifyRequest } from 'fastify'
import type { Refused } from '../../passport/outcome.js'

/**
 * Writes why a request was refused: one line with user, scheme, method, status, reason and address,
 * never a credential. At level `info`; at `debug` where a client has yet to be asked, or is in the
 * middle of a handshake.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4 RFC 7616, 3.4}
 */
export function logRefusal (
  { log, method, ip: address }: FastifyRequest, { status, scheme, reason, note }: Refused
): void {
  const level = status === 407 && (reason === 'missing' || reason === 'continued') ? 'debug' : 'info'
  log[level]({ refusal: { user: note?.userId ?? null, scheme, method, status, reason: note?.reason ?? reason, address } }, 'refused')
}
