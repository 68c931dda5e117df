/**
 * Whether a request is a CONNECT for a protocol: for a resource, and no tunnel to its authority.
 *
 * @param headers - As node's HTTP/2 gives them, pseudo-fields included. HTTP/1.1 has no field of
 *   that name.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8441#section-4 RFC 8441, 4}
 * @example
 * isExtendedConnect({ headers: { ':protocol': 'websocket' } }) // true
 */
export function isExtendedConnect ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): boolean {
  return headers[':protocol'] !== undefined
}
