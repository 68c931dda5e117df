import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { BadTarget } from '../../errors.js'
import { withoutUserinfo } from '../../fields/target.js'
import { hadUserinfo } from './malformed.js'
import type { OwnAuthority } from './own-authority.js'

/**
 * Writes the target of an HTTP/2 request where HTTP/1.1 has it, so that all that follows is the
 * same for both: a request for another server gets the absolute-form that a client of HTTP/1.1
 * would have sent, a CONNECT the authority-form. One for our own authority, in the scheme of the
 * listener, stays as it is: it is the application's.
 *
 * Without TLS the scheme may be either: a hop that ended the TLS before us may have left it as it
 * was.
 *
 * @param isOwn - Not asked for a CONNECT, whose target is never ours.
 * @throws {BadTarget} The parts of the target are none, or hold more than their part: put together
 *   they would be another target.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1 RFC 9113, 8.3.1}
 */
export function writeHttp2Target (request: IncomingMessage, isOwn?: OwnAuthority): void {
  const { method, headers, url, socket } = request
  const field = headers[':authority'] === undefined ? 'host' : ':authority'
  const authority = headers[field] as string
  if (authority.includes('@')) hideUserinfo(request, field, authority)
  if (method === 'CONNECT') {
    request.url = authority
    return
  }
  const scheme = headers[':scheme'] as string
  if (url!.charCodeAt(0) !== SLASH && (url !== '*' || method !== 'OPTIONS')) throw new BadTarget('the path is none')
  const ours = scheme === 'https' || (scheme === 'http' && !('encrypted' in socket))
  if (ours && isOwn!(authority, socket as Socket | TLSSocket)) return
  if (hadUserinfo(request)) throw new BadTarget('the authority has userinfo')
  if (!SCHEME.test(scheme) || DELIMITER.test(authority)) throw new BadTarget('the scheme or the authority is none')
  request.url = `${scheme}://${authority}${url === '*' ? '' : url}`
}

const SLASH = 0x2f
const SCHEME = /^[a-z][a-z\d+.-]*$/i
/** Ends an authority, for one reader or another. */
const DELIMITER = /[/?#\\]/

/** The target still has it, and is refused for that. */
function hideUserinfo ({ headers, rawHeaders }: IncomingMessage, field: string, authority: string): void {
  headers[field] = withoutUserinfo(authority)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === field) rawHeaders[i + 1] = headers[field]
  }
}
