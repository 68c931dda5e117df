import { hash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { holdResponse } from './hashed-response.js'
import { addAuthenticationInfo, authenticationInfo } from '../role/authentication-info.js'
import type { Role } from '../role/role.js'

/**
 * What a strategy hands over, as `digest` of its info, where its word on the answer covers the
 * content.
 */
interface ProtectedExchange {
  readonly qop: string | undefined
  /** By node's name. */
  readonly nodeHash: string
  /** The parameters for content of this hash; left out, for content without a hash. */
  authenticationInfo (contentHash?: string): Readonly<Record<string, string>>
}

/**
 * Makes the answer to credentials over content (Digest, auth-int) speak for its own content too. To
 * others it does nothing.
 *
 * @param info - The second argument of the strategy's `success`.
 * @param maxAnswer - The most octets of an answer to hold for that.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.5 RFC 7616, 3.5}
 */
export function protectResponse (reply: FastifyReply, info: unknown, mode: Role, maxAnswer: number): void {
  const exchange = (info as { digest?: ProtectedExchange } | null)?.digest
  if (exchange?.qop !== 'auth-int') return
  const { nodeHash } = exchange
  const { request: { raw, method } } = reply
  // A tunnel has no content, and no `writeHead` writes its 200.
  if (method === 'CONNECT' || isExtendedConnect(raw)) addAuthenticationInfo(reply, exchange.authenticationInfo(hash(nodeHash, '', 'hex')), mode)
  holdResponse(raw, reply.raw, {
    name: mode.info,
    nodeHash,
    current: () => authenticationInfo(reply, mode),
    valueFor: (contentHash) => authenticationInfo(reply, mode, exchange.authenticationInfo(contentHash))!
  }, maxAnswer)
}
