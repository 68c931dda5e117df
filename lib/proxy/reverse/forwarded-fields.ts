import type { FastifyRequest } from 'fastify'
import { formatForwarded } from '../../fields/forwarded.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'

const FIRST = /^[xf]/i
const MAPPED = /^::ffff:(?=\d+\.)/i

/**
 * Tells the upstream who asked, and how, in `X-Forwarded-For`, `-Host`, `-Proto` and in `Forwarded`. What the client
 * itself wrote there is dropped, in every spelling that a CGI-like upstream takes for the same (`_` for `-`), unless
 * Fastify's `trustProxy` trusts it: then ours is appended.
 *
 * @param head - By lower-case name. Changed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7239 RFC 7239}
 */
export function addForwardedFields (head: FieldRecord, request: FastifyRequest): void {
  const { raw, host, protocol } = request
  for (const name of Object.keys(head)) if (isForwardedField(name)) delete head[name]
  // With `trustProxy` Fastify lists the hops in `ips`, the peer first, and those behind a peer it trusts.
  const trusted = (request.ips?.length ?? 0) > 1
  for (const name of trusted ? Object.keys(raw.headers) : []) {
    if (isForwardedField(name) && !name.includes('_')) head[name] = raw.headers[name]
  }
  const peer = raw.socket.remoteAddress?.replace(MAPPED, '')
  const { host: received = raw.headers[':authority'] as string | undefined } = raw.headers
  const proto = 'encrypted' in raw.socket ? 'https' : 'http'
  if (peer !== undefined) append(head, 'x-forwarded-for', peer)
  if (host !== '') head['x-forwarded-host'] ??= host
  head['x-forwarded-proto'] ??= protocol
  append(head, 'forwarded', formatForwarded({ for: peer ?? 'unknown', ...(received !== undefined && { host: received }), proto }))
}

function isForwardedField (name: string): boolean {
  if (!FIRST.test(name)) return false
  const usual = name.toLowerCase().replaceAll('_', '-')
  return usual === 'forwarded' || usual.startsWith('x-forwarded-')
}

function append (head: FieldRecord, name: string, member: string): void {
  const value = head[name]
  head[name] = value === undefined ? member : `${String(value)}, ${member}`
}
