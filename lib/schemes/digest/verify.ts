import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { AuthParams } from '../../fields/auth-param.js'
import type { DigestAlgorithm } from './algorithm.js'
import type { DigestOffer, OfferMismatch } from './challenge.js'
import type { DigestParameters } from './parameters.js'
import { computeHa1, computeKey, computeResponse } from './response.js'
import type { DigestInput, Qop } from './response.js'

/** Parameters whose algorithm is one of those offered. */
export type OfferedParameters = DigestParameters & { readonly algorithm: DigestAlgorithm }

/**
 * What a server knows of a user: H(A1) in hex, made with the hash of the algorithm, or the password
 * itself.
 */
export type DigestSecret =
  | { readonly ha1: string, readonly password?: undefined }
  | { readonly password: string, readonly ha1?: undefined }

/** The request that the credentials came with. */
export interface SignedMessage {
  readonly method: string
  /**
   * The hash of its content in lower-case hex, for `auth-int`; of no content, the hash of nothing.
   */
  readonly contentHash?: string | undefined
}

/** What can be said to a client whose response was right. */
export interface DigestExchange {
  /** What the request was protected with; `undefined` in the form of RFC 2069. */
  readonly qop: Qop | undefined
  /** What `node:crypto` calls the hash of the algorithm. */
  readonly nodeHash: string
  /**
   * The complete set of parameters for the response, `nextnonce` apart: `qop`, `rspauth`, `cnonce`,
   * `nc`.
   *
   * @param contentHash - The hash of the response's content, in lower-case hex, where the request
   *   had `auth-int`. Left out, the response says `qop=auth`, which leaves its content out.
   */
  authenticationInfo (contentHash?: string): AuthParams
}

/** Stands for the password of users that do not exist. */
const NOBODYS = randomBytes(12).toString('hex')

/**
 * Compares credentials with what was offered, before anything is computed or looked up.
 *
 * @returns What does not go with the offer; the parameters themselves when all of it does.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4 RFC 7616, 3.4}
 */
export function compareWithOffer (params: DigestParameters, offer: DigestOffer): OfferedParameters | OfferMismatch {
  const { algorithm, realm, opaque, qop, userhash } = params
  if (algorithm === undefined || !offer.algorithms.includes(algorithm)) return 'algorithm'
  if (realm !== offer.realm) return 'realm'
  if (opaque !== offer.opaque) return 'opaque'
  if (qop === undefined ? !offer.rfc2069 : !offer.qop.includes(qop.toLowerCase() as Qop)) return 'qop'
  if (userhash && !offer.userhash) return 'userhash'
  return params as OfferedParameters // a copy of all of it would be a good part of the cost of a request
}

/**
 * Verifies the response, in a time that says nothing about it. It takes the same hashes whether the
 * user is known by password, by HA1, or not at all.
 *
 * @param username - Plain: `params` may have its hash.
 * @param secret - `null`: there is no user of that name.
 * @returns `null` when it is wrong.
 * @throws {TypeError} The secret is neither a password nor an HA1 of this algorithm.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.6 RFC 7616, 3.6}
 * @example
 * verifyResponse(params, 'Mufasa', { password: 'Circle of Life' }, { method: 'GET' }) !== null
 */
export function verifyResponse (
  params: OfferedParameters, username: string, secret: DigestSecret | null, message: SignedMessage
): DigestExchange | null {
  const { algorithm, realm, nonce, cnonce, nc, qop, uri, response, encoding } = params
  const computed = computeHa1(algorithm, username, realm, secret?.password ?? NOBODYS, encoding)
  const ha1 = checkHa1(secret === null || secret.password !== undefined ? computed : secret.ha1, algorithm)
  const key = computeKey(algorithm, ha1, nonce, cnonce)
  const { method, contentHash } = message
  const input = { method, contentHash, uri, nonce, nc, cnonce, qop }
  const expected = computeResponse(algorithm, key, input)
  const equal = timingSafeEqual(Buffer.from(response, 'hex'), Buffer.from(expected, 'hex'))
  return equal && secret !== null ? new VerifiedExchange(algorithm, key, input) : null
}

/**
 * A class: as a literal V8 takes it for long-lived after a while, and collecting it costs as much
 * as verifying does. Its key is as good as the password, so no log shows it.
 */
class VerifiedExchange implements DigestExchange {
  readonly #algorithm: DigestAlgorithm
  readonly #key: string
  readonly #input: DigestInput

  constructor (algorithm: DigestAlgorithm, key: string, input: DigestInput) {
    this.#algorithm = algorithm
    this.#key = key
    this.#input = input
  }

  get qop (): Qop | undefined { return this.#input.qop?.toLowerCase() as Qop | undefined }

  get nodeHash (): string { return this.#algorithm.nodeHash }

  authenticationInfo (contentHash?: string): AuthParams {
    const { uri, nonce, nc, cnonce } = this.#input
    const qop = this.qop === 'auth-int' && contentHash === undefined ? 'auth' : this.#input.qop
    const rspauth = computeResponse(this.#algorithm, this.#key, { method: '', contentHash, uri, nonce, nc, cnonce, qop })
    return qop === undefined ? { rspauth } : { qop, rspauth, cnonce: cnonce!, nc: nc! }
  }
}

function checkHa1 (ha1: unknown, algorithm: DigestAlgorithm): string {
  if (typeof ha1 === 'string' && ha1.length === algorithm.hexLength && /^[0-9a-f]+$/i.test(ha1)) return ha1.toLowerCase()
  throw new TypeError(`neither a password nor an HA1 of ${algorithm.hash}`)
}
