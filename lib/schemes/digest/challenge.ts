import type { Challenge } from '../../fields/challenge.js'
import type { DigestAlgorithm } from './algorithm.js'
import type { Qop } from './response.js'

/** What a server asks its clients with, the nonce apart. Credentials are compared with it. */
export interface DigestOffer {
  readonly realm: string
  /** One challenge each, in this order. */
  readonly algorithms: readonly DigestAlgorithm[]
  /** `auth` first: clients that look at one only look at that. */
  readonly qop: readonly Qop[]
  /** Empty: none is sent, and none expected. */
  readonly opaque: string
  /** Whether names and passwords are asked for in UTF-8. */
  readonly charset: boolean
  /** Whether users can be found by the hash of their name. */
  readonly userhash: boolean
  /** Whether an answer without qop is taken. The challenge does not say so. */
  readonly rfc2069: boolean
}

/** Why credentials do not go with the offer, by the parameter that shows it. */
export type OfferMismatch = 'algorithm' | 'realm' | 'opaque' | 'qop' | 'userhash'

/**
 * Makes the challenge for one algorithm. There is no `domain`, which means nothing to clients of a
 * proxy.
 *
 *     challenge = "Digest" 1*SP #auth-param
 *
 * @param nonce - Bound to the realm and this algorithm.
 * @param stale - The credentials were right and only their nonce was not, so the user need not be
 *   asked for a password again.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.3 RFC 7616, 3.3}
 * @example
 * formatChallenge(digestChallenge(offer, algorithm, nonce, false))
 * // Digest realm="lab", qop="auth", algorithm=SHA-256, nonce="…", opaque="…", charset=UTF-8
 */
export function digestChallenge (
  offer: DigestOffer, algorithm: DigestAlgorithm, nonce: string, stale: boolean
): Challenge {
  const { realm, qop, opaque, charset, userhash } = offer
  return {
    scheme: 'Digest',
    params: {
      realm,
      qop: qop.join(','),
      algorithm: algorithm.name,
      nonce,
      ...(opaque !== '' && { opaque }),
      ...(stale && { stale: 'true' }),
      ...(charset && { charset: 'UTF-8' }),
      ...(userhash && { userhash: 'true' })
    }
  }
}
