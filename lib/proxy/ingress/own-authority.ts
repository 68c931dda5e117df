import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { BadOption } from '../../errors.js'
import { readAuthority } from '../../fields/target.js'
import { readAddress } from '../../policy/address/address.js'
import { isOwnListener } from '../../policy/address/own-listeners.js'

/** Whether a request for `authority` on this connection is for this server itself. */
export type OwnAuthority = (authority: string, connection: Socket | TLSSocket) => boolean

/**
 * Tells our own authority from another server's. In HTTP/1.1 the form of a target says which it is,
 * in HTTP/2 nothing but the authority does. Ours are:
 *
 * - the name that the client asked for in TLS (SNI), and the address that it has connected to (on
 *   loopback `localhost` too), each with the port of the listener or none: a front may have another
 *   port than we have;
 * - those of the option.
 *
 * @param authorities - `host` for any port, or `host:port`.
 * @throws {BadOption} One of them is no authority.
 */
export function createOwnAuthority (authorities: readonly string[]): OwnAuthority {
  const listed = authorities.map((text, index) => {
    const authority = typeof text === 'string' ? readAuthority(text) : 'no text'
    if (typeof authority === 'string') throw new BadOption(`forward.authorities[${index}]`, 'host or host:port', typeof text)
    return authority
  })
  return (text, connection) => {
    const authority = readAuthority(text)
    if (typeof authority === 'string') return false
    const { host, port } = authority
    if (listed.some((own) => own.host === host && (own.port === undefined || own.port === port))) return true
    const { localAddress, localPort = 0 } = connection
    if (port !== undefined && port !== localPort) return false
    if ((connection as TLSSocket).servername === host) return true
    const address = readAddress(host === 'localhost' ? '127.0.0.1' : host)
    return address !== null && localAddress !== undefined &&
      isOwnListener(address, localPort, [{ address: onOneLoopback(host, localAddress), port: localPort }])
  }
}

/** `localhost` is either family's. */
function onOneLoopback (host: string, localAddress: string): string {
  return host === 'localhost' && localAddress === '::1' ? '127.0.0.1' : localAddress
}
