import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** What of a request says whose connection it is on. */
type OnConnection = Pick<IncomingMessage, 'httpVersion' | 'headers'> & { readonly method?: string | undefined }

/**
 * Whether a request is on a connection that may be one user's: HTTP/1.1 (RFC 9113, 8.2.2; RFC 9112,
 * 9.3), or a CONNECT of HTTP/1.0 that asks to keep it; and no other proxy has sent it, which would
 * have several users on a connection (RFC 9110, 3.3). A proxy that does not show itself cannot be
 * told.
 *
 * @example
 * isOfOneUser({ httpVersion: '1.1', headers: { via: '1.1 edge' } }) // false
 */
export function isOfOneUser (request: OnConnection): boolean {
  const { httpVersion, headers } = request
  return (httpVersion === '1.1' || asksToKeep(request)) &&
    headers.via === undefined && headers.forwarded === undefined && headers['x-forwarded-for'] === undefined
}

/**
 * Whether it is a CONNECT of HTTP/1.0 whose client wants its connection kept for the legs of a
 * handshake, as OpenVPN does and `curl --proxy1.0`.
 */
export function asksToKeep ({ httpVersion, method, headers }: OnConnection): boolean {
  return httpVersion === '1.0' && method === 'CONNECT' && /^\s*keep-alive\s*$/i.test(String(headers['proxy-connection']))
}

/** Whether what comes on a connection can be read on the way: it has no TLS, and is no loopback. */
export function isInTheClear (socket: Socket): boolean {
  const { remoteAddress } = socket
  if ('encrypted' in socket || remoteAddress === undefined) return false // or a socket in the file system
  return remoteAddress !== '::1' && !/^(?:::ffff:)?127\./.test(remoteAddress)
}
