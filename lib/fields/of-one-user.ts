import type { IncomingMessage } from 'node:http'

/**
 * Whether a request is on a connection that may be one user's: HTTP/1.1 (RFC 9113, 8.2.2; RFC 9112, 9.3), and no other proxy has
 * sent it, which would have several users on a connection (RFC 9110, 3.3). A proxy that does not show itself cannot be told.
 *
 * @example
 * isOfOneUser({ httpVersion: '1.1', headers: { via: '1.1 edge' } }) // false
 */
export function isOfOneUser ({ httpVersion, headers }: Pick<IncomingMessage, 'httpVersion' | 'headers'>): boolean {
  return httpVersion === '1.1' && headers.via === undefined && headers.forwarded === undefined && headers['x-forwarded-for'] === undefined
}
