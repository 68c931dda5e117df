/**
 * Negotiate (RFC 4559): Kerberos.
 *
 * @module
 */
export { NegotiateStrategy } from '../../../lib/index.js'
export type {
  KerberosPrincipal, MapPrincipal, NegotiateInfo, NegotiateOptions, NegotiateRefusal, NegotiateRefusalReason, SecurityContext
} from '../../../lib/index.js'
