import { MalformedCredentials } from '../errors.js'
import type { Challenge } from '../fields/challenge.js'
import type { Credentials } from '../fields/credentials.js'

/** Why a token, or the lack of one, is refused. The three of RFC 6750; extensions register more. */
export type BearerErrorCode = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

/**
 * What a verifier may say of a token it refuses. Whatever cannot be sent is left out or replaced,
 * never an error.
 */
export interface BearerError {
  readonly error: BearerErrorCode
  /**
   * For the developer of the client, in ASCII. Double quotes become single, other chars that may
   * not be sent `?`.
   */
  readonly description?: string
  /** The scope the request would have needed, space-separated or as a list. */
  readonly scope?: string | readonly string[]
  /** URI of a page that explains. Left out when it is no URI reference. */
  readonly uri?: string
}

/** No client shows more of a description than this. */
const MAX_DESCRIPTION = 200
const NO_SCOPE_TOKEN = /[^\x21\x23-\x5b\x5d-\x7e]/
const NOT_DESCRIPTION = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g
const NO_URI = /[^\x21\x23-\x5b\x5d-\x7e]/

/**
 * Reads the token out of Bearer credentials.
 *
 *     credentials = "Bearer" 1*SP b64token
 *
 * @returns `undefined` when there is nothing to read: another scheme, or the scheme alone.
 * @throws {MalformedCredentials} Parameters in place of the token.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-2.1 RFC 6750, 2.1}
 * @example
 * readToken(parseCredentials('Bearer mF_9.B5f-4.1JqM')) // 'mF_9.B5f-4.1JqM'
 */
export function readToken (credentials: Credentials): string | undefined {
  if (credentials.scheme.toLowerCase() !== 'bearer') return undefined
  if (credentials.params !== undefined) throw new MalformedCredentials('Bearer takes no parameters')
  return credentials.token68
}

/**
 * Makes a Bearer challenge: without `refusal` for a client that sent no token, with it for one
 * whose token was refused.
 *
 *     scope             = scope-token *( SP scope-token )
 *     scope-token       = 1*( %x21 / %x23-5B / %x5D-7E )
 *     error_description = %x20-21 / %x23-5B / %x5D-7E
 *
 * @param realm - Not checked here: writing the challenge does that.
 * @param scope - Announced where the refusal names none.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750#section-3 RFC 6750, 3}
 * @example
 * bearerChallenge('gw', '', { error: 'insufficient_scope', scope: 'egress' })
 * // Bearer realm="gw", scope="egress", error="insufficient_scope"
 */
export function bearerChallenge (realm: string, scope: string, refusal?: BearerError): Challenge {
  const params: Record<string, string> = { realm }
  const asked = refusal?.scope === undefined ? scope : formatScope(refusal.scope)
  if (asked !== '') params.scope = asked
  if (refusal !== undefined) {
    params.error = sendable(refusal.error)
    if (typeof refusal.description === 'string') params.error_description = sendable(refusal.description)
    if (typeof refusal.uri === 'string' && refusal.uri !== '' && !NO_URI.test(refusal.uri)) params.error_uri = refusal.uri
  }
  return { scheme: 'Bearer', params }
}

/**
 * Writes a scope; tokens that cannot be sent are left out.
 *
 * @example
 * formatScope(['egress', 'a"b', 'admin']) // 'egress admin'
 */
export function formatScope (scope: string | readonly string[]): string {
  const tokens = typeof scope === 'string' ? scope.split(' ') : scope
  return tokens.filter((token) => token !== '' && !NO_SCOPE_TOKEN.test(token)).join(' ')
}

function sendable (text: string): string {
  return text.slice(0, MAX_DESCRIPTION).replaceAll('"', "'").replace(NOT_DESCRIPTION, '?')
}
