import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { withoutUserinfo } from '../fields/target.js'
import type { OwnAuthority } from './own-authority.js'

/**
 * Writes the target of an HTTP/2 request where HTTP/1.1 has it, so that all that follows is the same for both: a request for
 * another server gets the absolute-form that a client of HTTP/1.1 would have sent, a CONNECT the authority-form. One for
 * our own authority, in the scheme of the listener, stays as it is: it is the application's.
 *
 * Without TLS the scheme may be either: whoever ended the TLS before us may have left it as it was.
 *
 * @param isOwn - Not asked for a CONNECT, whose target is never ours.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1 RFC 9113, 8.3.1}
 */
export function writeHttp2Target (request: IncomingMessage, isOwn?: OwnAuthority): void {
  const { method, headers, url, socket } = request
  const field = headers[':authority'] === undefined ? 'host' : ':authority'
  const authority = headers[field] as string
  if (method === 'CONNECT') {
    request.url = authority
  } else {
    if (url!.charCodeAt(0) !== SLASH && url !== '*') return // written before
    const scheme = headers[':scheme'] as string
    const ours = scheme === 'https' || (scheme === 'http' && !('encrypted' in socket))
    if (ours && isOwn!(authority, socket as Socket | TLSSocket)) return
    request.url = `${scheme}://${authority}${url === '*' ? '' : url}`
  }
  if (authority.includes('@')) hideUserinfo(request, field, authority)
}

const SLASH = 0x2f

/** The target still has it, and is refused for that. */
function hideUserinfo ({ headers, rawHeaders }: IncomingMessage, field: string, authority: string): void {
  headers[field] = withoutUserinfo(authority)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === field) rawHeaders[i + 1] = headers[field]
  }
}
