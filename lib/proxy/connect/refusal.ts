import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { isRecord } from '../../platform/http1/spell-fields.js'

/**
 * The head of an answer to a CONNECT that opens no tunnel. A hook of the application that answers
 * with success has refused all the same: the client would take what follows for its target. Nothing
 * said to a CONNECT is for a cache (RFC 9110, 9.3.6).
 *
 * @param rest - What `writeHead` was given behind the status. The fields that were set one by one
 *   are taken off the response.
 */
export function refusalHead (
  response: ServerResponse, status: number, rest: readonly unknown[]
): { refusal: number, fields: OutgoingHttpHeaders } {
  const fields: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(Object.assign(response.getHeaders(), ...rest.filter(isRecord)))) {
    fields[name.toLowerCase()] = value as OutgoingHttpHeader
  }
  fields['cache-control'] = 'no-store'
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  return { refusal: status < 300 ? 403 : status, fields }
}
