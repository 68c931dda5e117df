import type { DigestAlgorithm } from './algorithm.js'

/** The protection of a message: `auth` covers method and uri, `auth-int` its content as well. */
export type Qop = 'auth' | 'auth-int'

/** What a response is computed over, beside the key. Text has one char per octet. */
export interface DigestInput {
  /** As in the request line; empty for `rspauth`, which speaks for the answer. */
  readonly method: string
  /** The parameter `uri` as it was sent, not the request-target. */
  readonly uri: string
  readonly nonce: string
  /** As sent. `undefined` is the form of RFC 2069, which knows neither `nc` nor `cnonce`. */
  readonly qop?: string | undefined
  readonly nc?: string | undefined
  readonly cnonce?: string | undefined
  /** For `auth-int`: the hash of the content in lower-case hex. Left out, there is no content. */
  readonly contentHash?: string | undefined
}

/**
 * Computes H(A1) without what `-sess` adds: the one thing of a user that a server has to store, and
 * worth as much as the password in this realm.
 *
 *     A1 = unq(username) ":" unq(realm) ":" passwd
 *
 * @param username - Plain, also where the client has sent its hash. In Unicode form C, like the
 *   password, unless the client is known to do otherwise.
 * @param encoding - Of name and password. Anything but UTF-8 is a guess at what an old client does.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4.2 RFC 7616, 3.4.2}
 * @example
 * computeHa1(findDigestAlgorithm('MD5')!, 'Mufasa', 'http-auth@example.org', 'Circle of Life')
 * // '3d78807defe7de2157e2b0b6573a855f'
 */
export function computeHa1 (
  algorithm: DigestAlgorithm, username: string, realm: string, password: string, encoding: 'utf8' | 'latin1' = 'utf8'
): string {
  return algorithm.digest(Buffer.from(`${username}:${realm}:${password}`, encoding))
}

/**
 * Computes what a client sends in place of its name when the challenge says `userhash=true`.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4.4 RFC 7616, 3.4.4}
 * @example
 * computeUserhash(findDigestAlgorithm('SHA-256')!, 'Mufasa', 'lab')
 */
export function computeUserhash (algorithm: DigestAlgorithm, username: string, realm: string): string {
  return algorithm.digest(Buffer.from(`${username}:${realm}`, 'utf8'))
}

/**
 * Computes the key of an exchange: H(A1), which for `-sess` holds nonce and cnonce too.
 *
 * @param ha1 - Without them, in lower-case hex.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4.2 RFC 7616, 3.4.2}
 */
export function computeKey (
  algorithm: DigestAlgorithm, ha1: string, nonce: string, cnonce: string | undefined
): string {
  return algorithm.session ? algorithm.digest(`${ha1}:${nonce}:${cnonce ?? ''}`) : ha1
}

/**
 * Computes `response`, or `rspauth`.
 *
 *     response = H( H(A1) ":" unq(nonce) ":" nc ":" unq(cnonce) ":" unq(qop) ":" H(A2) )
 *     A2       = Method ":" uri [ ":" H(content) ]
 *
 * @param key - As {@link computeKey} gives it.
 * @returns Lower-case hex.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4.1 RFC 7616, 3.4.1}
 * @example
 * computeResponse(algorithm, key, { method: '', uri, nonce, qop: 'auth', nc, cnonce }) // rspauth
 */
export function computeResponse (algorithm: DigestAlgorithm, key: string, input: DigestInput): string {
  const { method, uri, nonce, qop, nc, cnonce, contentHash } = input
  const { digest } = algorithm
  const isOverContent = qop?.toLowerCase() === 'auth-int'
  const ha2 = digest(isOverContent ? `${method}:${uri}:${contentHash ?? digest('')}` : `${method}:${uri}`)
  return qop === undefined
    ? digest(`${key}:${nonce}:${ha2}`)
    : digest(`${key}:${nonce}:${nc ?? ''}:${cnonce ?? ''}:${qop}:${ha2}`)
}
