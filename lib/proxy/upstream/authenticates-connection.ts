/**
 * Whether a request authenticates the connection it is sent on, at the origin: by NTLM or Negotiate. Such a connection serves no
 * other request, since what comes on it would be somebody else's (RFC 9110, 3.3).
 *
 * @param fields - The request's, as a flat raw list.
 */
export function authenticatesConnection (fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length === 13 && fields[i]!.toLowerCase() === 'authorization') return /^(?:NTLM|Negotiate)\b/i.test(fields[i + 1]!)
  }
  return false
}
