import { valuesOf } from '../../fields/raw-list.js'

/**
 * Whether a request authenticates the connection it is sent on, at the origin: by NTLM or
 * Negotiate. Such a connection serves no other request, since what comes on it would be another
 * user's (RFC 9110, 3.3).
 *
 * @param fields - The request's, as a flat raw list.
 */
export function authenticatesConnection (fields: readonly string[]): boolean {
  return valuesOf(fields, 'authorization').some((value) => /^(?:NTLM|Negotiate)\b/i.test(value))
}
