import type { FastifyRequest } from 'fastify'
import { formatForwarded } from '../../fields/forwarded.js'
import { withoutFields } from '../../fields/raw-list.js'
import { Recent } from '../../store/recent.js'

const X = 0x78
const F = 0x66
const MAPPED = /^::ffff:(?=\d+\.)/i

/**
 * Tells the upstream who asked, and how, in `X-Forwarded-For`, `-Host`,
 * `-Proto` and in `Forwarded`. What the client itself wrote there is dropped, in every spelling
 * that a CGI-like upstream takes for the same (`_` for `-`), unless Fastify's `trustProxy` trusts
 * it: then ours is appended.
 *
 * @param received - A flat raw list.
 * @returns Likewise.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7239 RFC 7239}
 */
export function addForwardedFields (received: readonly string[], request: FastifyRequest): string[] {
  const { raw, host, protocol } = request
  const fields = withoutFields(received, isForwardedField)
  const peer = raw.socket.remoteAddress?.replace(MAPPED, '')
  const { host: named = raw.headers[':authority'] as string | undefined } = raw.headers
  const member = memberOf(peer ?? 'unknown', named, 'encrypted' in raw.socket ? 'https' : 'http')
  // With `trustProxy` Fastify lists the hops in `ips`, the peer first, and those behind a peer it
  // trusts.
  const trusted = (request.ips?.length ?? 0) > 1 ? trustedFields(request) : undefined
  for (const [name, value] of trusted ?? []) if (!APPENDED.has(name)) fields.push(name, value)
  if (peer !== undefined) fields.push('x-forwarded-for', appended(trusted?.get('x-forwarded-for'), peer))
  if (host !== '' && trusted?.has('x-forwarded-host') !== true) fields.push('x-forwarded-host', host)
  if (trusted?.has('x-forwarded-proto') !== true) fields.push('x-forwarded-proto', protocol)
  fields.push('forwarded', appended(trusted?.get('forwarded'), member))
  return fields
}

/** How many members are kept, of hosts no longer than a name can be. Clients choose them. */
const MEMBERS_KEPT = 1_000
const LONGEST_KEPT = 261
const members = new Recent<string>(MEMBERS_KEPT)

function memberOf (peer: string, host: string | undefined, proto: 'http' | 'https'): string {
  const key = `${peer} ${proto} ${host ?? ''}`
  const known = members.get(key)
  if (known !== undefined) return known
  const member = formatForwarded({ for: peer, ...(host !== undefined && { host }), proto })
  return host === undefined || host.length > LONGEST_KEPT ? member : members.set(key, member)
}

const APPENDED = new Set(['x-forwarded-for', 'forwarded'])

/** What a trusted peer says of those before it, by name in lower case. */
function trustedFields ({ raw: { headers } }: FastifyRequest): Map<string, string> {
  const names = Object.keys(headers).filter((name) => isForwardedField(name) && !name.includes('_'))
  return new Map(names.map((name) => [name, String(headers[name])]))
}

function isForwardedField (name: string): boolean {
  const first = name.charCodeAt(0) | 0x20 // in lower case
  if (first !== X && first !== F) return false
  const usual = name.toLowerCase().replaceAll('_', '-')
  return usual === 'forwarded' || usual.startsWith('x-forwarded-')
}

function appended (value: string | undefined, member: string): string {
  return value === undefined ? member : `${value}, ${member}`
}
