import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { HOP_BY_HOP_REQUEST, endToEndFields } from '../../fields/hop-by-hop.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { parseMaxForwards } from '../../fields/max-forwards.js'
import { formatVia } from '../../fields/via.js'
import { addForwardedFields } from './forwarded-fields.js'
import { tellIdentity } from '../message/identity-field.js'
import type { ReverseRules } from './exchange.js'

/** `rewriteRequestHeaders` of the options. */
export type RewriteRequest = (request: FastifyRequest, headers: FieldRecord) => FieldRecord

/** What of the rules of a route concerns the head. */
export type RequestHeadRules = Pick<ReverseRules, 'pseudonym' | 'forwarded' | 'consumed' | 'identity'>

/** What @fastify/reply-from has set itself. */
const GIVEN = ['host', 'content-length', 'content-type'] as const

/**
 * The head of a request for the upstream: what ends at this hop removed, ours added, then the options' word, then the
 * credentials removed again, since rewriting is often copying everything. The client's `Connection` takes effect
 * first, so it cannot remove what we add (CVE-2026-33805).
 *
 * @param given - As @fastify/reply-from prepared it. It has obeyed `Connection` even where that names end-to-end
 *   fields, so all but its own is taken from the request itself.
 * @param rewrite - The options' function, if there is one.
 */
export function requestHead (request: FastifyRequest, given: FieldRecord, rewrite: RewriteRequest | undefined, rules: RequestHeadRules): FieldRecord {
  const { raw } = request
  const { pseudonym, forwarded, consumed, identity } = rules
  let head = endToEndFields(raw.headers, 'request', consumed)
  for (const name of GIVEN) if (given[name] !== undefined) head[name] = given[name]
  // The options may have taken the content away.
  if (given['content-type'] === undefined && Number(given['content-length']) === 0) delete head['content-type']
  if (forwarded) addForwardedFields(head, request)
  tellIdentity(head, request, identity)
  countDown(head, raw.method!)
  if (rewrite !== undefined) {
    head = lasting(rewrite(request, { ...head }), consumed)
    tellIdentity(head, request, identity)
  }
  return withVia(head, raw, pseudonym)
}

/** Appends our member of `Via` to what the client sent (RFC 9110, 7.6.3). */
export function withVia (head: FieldRecord, { headers: { via }, httpVersion }: IncomingMessage, pseudonym: string): FieldRecord {
  const member = formatVia(httpVersion, pseudonym)
  head['via'] = via === undefined ? member : `${via}, ${member}`
  return head
}

/** What may go on of a head that was rewritten: `te` too, if the options say so (gRPC wants it). Names in lower case. */
export function lasting (head: FieldRecord, consumed: ReadonlySet<string>): FieldRecord {
  const kept: FieldRecord = Object.create(null)
  for (const name of Object.keys(head)) {
    const usual = name.toLowerCase()
    if (usual === 'te' || !(HOP_BY_HOP_REQUEST.has(usual) || consumed.has(usual) || usual === 'via')) kept[usual] = head[name]
  }
  return kept
}

/** `Max-Forwards` counts for TRACE and OPTIONS alone (RFC 9110, 7.6.2); 0 has been answered before. */
function countDown (head: FieldRecord, method: string): void {
  if (method !== 'TRACE' && method !== 'OPTIONS') return
  const left = parseMaxForwards(head['max-forwards'] as string | undefined)
  if (left !== undefined) head['max-forwards'] = String(left - 1)
}
