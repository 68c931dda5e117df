import { isIPv4 } from 'node:net'
import { readAuthority } from '../fields/target.js'

/**
 * Whether a host, in lower case and without brackets, is this machine and no other, whatever a name
 * server says: `localhost` and what is below it, 127.0.0.0/8 and `::1`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6761#section-6.3 RFC 6761, 6.3}
 */
export function isLoopback (host: string): boolean {
  return host === '::1' || host === 'localhost' || host.endsWith('.localhost') || (isIPv4(host) && host.startsWith('127.'))
}

/**
 * Whether `Host` names loopback. A page of another site may have a name of its own lead to an
 * address of this machine, and then it may read what is there: its browser says that name here.
 */
export function namesLoopback (field: string | undefined): boolean {
  const authority = readAuthority(field ?? '')
  return typeof authority !== 'string' && isLoopback(authority.host)
}
