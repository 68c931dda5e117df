import { timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { AV } from '../../schemes/ntlm/av-pairs.js'
import type { AvPairs } from '../../schemes/ntlm/av-pairs.js'
import { channelBindings } from '../../schemes/ntlm/channel-bindings.js'

/**
 * Compares what a client has said, and protected, of where it believes to be with where it is: so
 * that a server it logs in to cannot log in here with that. What a client does not say is not
 * compared: many say nothing, or zeros.
 *
 * @param targetNames - Our host names, in lower case. Left out, those of the certificate count, and
 *   without TLS any.
 * @returns What does not agree, `null` if all does.
 * @see MS-NLMP, 3.2.5.1.2; {@link https://www.rfc-editor.org/rfc/rfc5929#section-4 RFC 5929, 4}
 */
export function disagreement (pairs: AvPairs, socket: Socket | undefined, targetNames: readonly string[] | undefined): 'binding' | 'target' | null {
  const certificate = (socket as Partial<TLSSocket> | undefined)?.getX509Certificate?.()
  const binding = pairs.get(AV.channelBindings)
  if (certificate !== undefined && binding !== undefined && binding.some((octet) => octet !== 0)) {
    const ours = channelBindings(certificate.raw)
    if (!ours.some((each) => each.length === binding.length && timingSafeEqual(each, binding))) return 'binding'
  }
  const host = hostOf(pairs.get(AV.targetName))
  if (host === null || host === '') return null
  if (targetNames?.includes(host) === true) return null
  if (certificate === undefined) return targetNames === undefined ? null : 'target'
  const isOurs = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
  return isOurs === undefined ? 'target' : null
}

/** The host in the name of a service: `HTTP/host` or `HTTP/host:port`, or the host alone. */
function hostOf (targetName: Buffer | undefined): string | null {
  if (targetName === undefined) return null
  const service = targetName.toString('utf16le').toLowerCase()
  const named = service.slice(service.indexOf('/') + 1)
  const bracket = named.startsWith('[') ? named.indexOf(']') : -1
  if (bracket !== -1) return named.slice(1, bracket)
  const colon = named.indexOf(':')
  return colon !== -1 && isIP(named) === 0 ? named.slice(0, colon) : named
}
