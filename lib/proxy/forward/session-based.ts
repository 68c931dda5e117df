import type { FastifyReply } from 'fastify'
import { valuesOf } from '../../fields/raw-list.js'
import { isOfOneUser } from '../../platform/connection.js'

const CONNECTION_SCHEMES = /(?:^|,) *(?:NTLM|Negotiate)\b/i

/**
 * Tells a client whose connection has one to the origin for itself that it has, where the origin
 * asks to authenticate the connection. Clients that know of it then answer NTLM and Negotiate
 * through a proxy. The field is about our hop.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559#section-6 RFC 4559, 6}
 */
export function tellOfSession (fields: string[], status: number, { raw, request }: FastifyReply): string[] {
  const asks = status === 401 && valuesOf(fields, 'www-authenticate').some((challenges) => CONNECTION_SCHEMES.test(challenges))
  if (!asks || !isOfOneUser(request.raw)) return fields
  // Where `Connection` is written already, node neither adds `close` nor closes.
  fields.push('Proxy-Support', 'Session-Based-Authentication', 'Connection', raw.shouldKeepAlive ? 'Proxy-Support' : 'Proxy-Support, close')
  return fields
}
