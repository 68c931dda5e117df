import type { IncomingMessage } from 'node:http'
import { LoopDetected } from '../../errors.js'
import { endToEnd } from '../../fields/hop-by-hop.js'
import { parseMaxForwards } from '../../fields/max-forwards.js'
import { viaNames } from '../../fields/via.js'

/**
 * The fields of a request that go on: what the client sent, in its order and case, less what ends
 * at this hop. Ours come behind, so that no `Connection` option of the client can remove what we
 * add.
 *
 * @param replaced - More fields that do not go on, in lower case, as what we put in their place.
 * @returns A flat raw list: name, value, name, value.
 */
export function requestFields (request: IncomingMessage, replaced: ReadonlySet<string>): string[] {
  const fields = endToEnd(request.rawHeaders, 'request', replaced)
  if (request.httpVersionMajor === 2) joinCookies(fields)
  if (request.headers['max-forwards'] !== undefined) countDown(fields, request.method!)
  return fields
}

/**
 * Refuses a request that has been here before.
 *
 * @param pseudonym - Our name in `Via`.
 * @throws {LoopDetected}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6 RFC 9110, 7.6}
 */
export function refuseLoop ({ headers: { via } }: IncomingMessage, pseudonym: string): void {
  if (via !== undefined && viaNames([via], pseudonym)) throw new LoopDetected()
}

/**
 * `Max-Forwards` counts for TRACE and OPTIONS alone (RFC 9110, 7.6.2); 0 has been answered before.
 */
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
