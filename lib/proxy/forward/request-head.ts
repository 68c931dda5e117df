import type { IncomingMessage } from 'node:http'
import { LoopDetected } from '../../errors.js'
import { endToEnd } from '../../fields/hop-by-hop.js'
import { parseMaxForwards } from '../../fields/max-forwards.js'
import { formatVia, viaNames } from '../../fields/via.js'
import type { IdentityField } from '../message/identity-field.js'

const REPLACED = new Set(['host'])

/**
 * The fields of the forwarded request: what the client sent, in its order and case, less what ends at this hop,
 * and then ours. In that order, so that no `Connection` option of the client can remove what we add.
 *
 * @param authority - The target's, sent as Host whatever Host said (RFC 9112, 3.2.2).
 * @param pseudonym - Our name in `Via`.
 * @param identities - The fields by which we tell upstreams of our own who a user is. No target takes them from a client.
 * @returns A flat raw list: name, value, name, value.
 * @throws {LoopDetected} The request has been here before (RFC 9110, 7.6).
 */
export function requestFields (
  request: IncomingMessage, authority: string, pseudonym: string, identities: readonly IdentityField[] = []
): string[] {
  const { via, 'max-forwards': maxForwards } = request.headers
  if (via !== undefined && viaNames([via], pseudonym)) throw new LoopDetected()
  let fields = endToEnd(request.rawHeaders, 'request', REPLACED)
  for (const identity of identities) fields = fields.filter((_, i) => !identity.isSpelling(fields[i - i % 2]!))
  if (request.httpVersionMajor === 2) joinCookies(fields)
  if (maxForwards !== undefined) countDown(fields, request.method!)
  fields.push('Host', authority, 'Via', formatVia(request.httpVersion, pseudonym))
  return fields
}

/** `Max-Forwards` counts for TRACE and OPTIONS alone (RFC 9110, 7.6.2); 0 has been answered before. */
function countDown (fields: string[], method: string): void {
  if (method !== 'TRACE' && method !== 'OPTIONS') return
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() !== 'max-forwards') continue
    const left = parseMaxForwards(fields[i + 1])
    if (left !== undefined) fields[i + 1] = String(left - 1)
  }
}

/** HTTP/2 may split `Cookie` into several lines, HTTP/1.1 has one (RFC 9113, 8.2.3). */
function joinCookies (fields: string[]): void {
  let first = -1
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.toLowerCase() !== 'cookie') continue
    if (first === -1) {
      first = i + 1
    } else {
      fields[first] += `; ${fields[i + 1]}`
      fields.splice(i, 2)
      i -= 2
    }
  }
}
