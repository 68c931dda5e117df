import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { ConnectTimeout } from '../../errors.js'
import { guarded, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/**
 * Speaks TLS over a connection, for HTTP/1.1. Where that fails the connection is destroyed, and
 * where the connection is destroyed it fails.
 *
 * @param host - Whose certificate it has to be. An address is verified against the certificate as
 *   well; as a server name it must not be sent (RFC 6066, 3).
 * @param timeout - How long the handshake may take.
 * @param tls - Further options of node's.
 * @throws {ConnectTimeout} It took too long.
 */
export function secured (
  socket: Socket, host: string, timeout: Milliseconds, tls?: ConnectionOptions
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const servername = isIP(host) === 0 ? host : undefined
    const secure = connect({ ...tls, socket, host, servername, ALPNProtocols: ['http/1.1'] })
    const timer = setTimeout(guarded(() => secure.destroy(new ConnectTimeout())), timeout)
    const fail = (error: Error) => { clearTimeout(timer); socket.destroy(); reject(error) }
    once(secure, 'error', fail)
    // Without an error, where the connection below it was destroyed.
    once(secure, 'close', () => fail(Object.assign(new Error('closed within the TLS handshake'), { code: 'ECONNRESET' })))
    once(secure, 'secureConnect', () => { clearTimeout(timer); resolve(secure) })
  })
}
