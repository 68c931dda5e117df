import type { FastifyReply } from 'fastify'
import { isOfOneUser } from '../../platform/connection.js'

const CONNECTION_SCHEMES = /(?:^|,) *(?:NTLM|Negotiate)\b/i

/**
 * Tells a client whose connection has one to the origin for itself that it has, where the origin asks to authenticate the connection.
 * Clients that know of it then answer NTLM and Negotiate through a proxy. The field is about our hop.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559#section-6 RFC 4559, 6}
 */
export function tellOfSession (fields: string[], status: number, { raw, request }: FastifyReply): string[] {
  if (status !== 401 || !asksForConnection(fields) || !isOfOneUser(request.raw)) return fields
  // Where `Connection` is written already, node neither adds `close` nor closes.
  fields.push('Proxy-Support', 'Session-Based-Authentication', 'Connection', raw.shouldKeepAlive ? 'Proxy-Support' : 'Proxy-Support, close')
  return fields
}

function asksForConnection (fields: readonly string[]): boolean {
  return fields.some((name, i) => i % 2 === 0 && name.length === 16 && name.toLowerCase() === 'www-authenticate' && CONNECTION_SCHEMES.test(fields[i + 1]!))
}
