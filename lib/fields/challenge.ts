import { MalformedField, NotRepresentable } from '../errors.js'
import { formatAuthParams, readAuthParam } from './auth-param.js'
import type { AuthParams, ParseOptions } from './auth-param.js'
import {
  COMMA, EQUALS, MAX_MEMBERS, MAX_PARAMS,
  endOfMember, endOfToken, endOfToken68, isToken, isToken68, joinLines, readSchemeHead, skipEmptyMembers, skipOws
} from './grammar.js'

/** One challenge: a scheme with a token68, with parameters, or with neither. */
export interface Challenge {
  /** Compared without regard to case. Parsed, it has the case it came in. */
  readonly scheme: string
  /** Never beside `params`. */
  readonly token68?: string
  readonly params?: AuthParams
}

const FIELD = 'challenge'
const REGISTERED = new Map(
  ['Basic', 'Bearer', 'Digest', 'Negotiate', 'NTLM', 'AWS4-HMAC-SHA256'].map((scheme) => [scheme.toLowerCase(), scheme])
)
// RFC 7616, 3.3: these must not be quoted. Everything else of every scheme is, because `realm` must
// be and no client is known that minds the quotes.
const DIGEST_TOKENS = new Set(['stale', 'algorithm', 'charset', 'userhash'])
const NON_ASCII = /[^\0-\x7f]/
const UNPORTABLE = /[^\x20-\x7e]|[,"\\]/

/**
 * Reads the value of `Proxy-Authenticate` or `WWW-Authenticate`, which may list several challenges.
 *
 *     Proxy-Authenticate = #challenge
 *     challenge          = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
 *
 * A comma ends a parameter or a challenge: `token BWS "="` behind it is the next parameter, any
 * other token the next scheme.
 *
 * @param lines - One line, or all lines of the field in their order. One char per octet.
 * @param options - `lenient` also takes HTAB behind a scheme, and a comma between a scheme and its
 *   parameters.
 * @returns At least one challenge.
 * @throws {MalformedField} The text does not follow the grammar, holds no challenge or more than
 *   128, a parameter twice in one challenge, or more than 64 parameters in one.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 RFC 9110, 11.6.1}
 * @example
 * parseChallenges('Negotiate, Basic realm="x"')
 * // [{ scheme: 'Negotiate' }, { scheme: 'Basic', params: { realm: 'x' } }]
 */
export function parseChallenges (lines: string | readonly string[], options?: ParseOptions): Challenge[] {
  const text = joinLines(lines)
  const lenient = options?.lenient === true
  const challenges: Draft[] = []
  let current: Draft | undefined // as long as it may have parameters
  let count = 0
  let at = skipEmptyMembers(text, 0, FIELD)
  while (at < text.length) {
    let isParam = current !== undefined && text.charCodeAt(skipOws(text, endOfToken(text, at))) === EQUALS
    if (!isParam) {
      if (challenges.length === MAX_MEMBERS) throw new MalformedField(FIELD, at)
      const { scheme, token68, takesParams, end } = readSchemeHead(text, at, FIELD, lenient)
      const draft: Draft = token68 === undefined ? { scheme } : { scheme, token68 }
      challenges.push(draft)
      current = takesParams || (lenient && token68 === undefined) ? draft : undefined
      count = 0
      at = end
      isParam = takesParams && !endsMember(text, at)
    }
    if (isParam && current !== undefined) {
      if (++count > MAX_PARAMS) throw new MalformedField(FIELD, at)
      current.params ??= Object.create(null) as Record<string, string>
      at = readAuthParam(text, at, current.params, FIELD)
    }
    at = skipEmptyMembers(text, endOfMember(text, at, FIELD), FIELD)
  }
  if (challenges.length === 0) throw new MalformedField(FIELD, at)
  return challenges
}

/**
 * Takes challenges as they are, or parses the lines of their field.
 *
 * @throws {MalformedField} The lines do not follow the grammar of challenges.
 */
export function toChallenges (challenges: string | readonly string[] | readonly Challenge[]): readonly Challenge[] {
  return isParsed(challenges) ? challenges : parseChallenges(challenges)
}

function isParsed (challenges: string | readonly string[] | readonly Challenge[]): challenges is readonly Challenge[] {
  return typeof challenges === 'object' && typeof challenges[0] !== 'string'
}

/**
 * Writes one challenge: one SP behind the scheme, comma and SP between parameters, a known scheme
 * in its registered case. All values are quoted except those that must not be: Digest's `stale`,
 * `algorithm`, `charset` and `userhash`, and parameters whose name ends in `*` (RFC 8187).
 *
 * @param challenge - Parameters are written in their order.
 * @throws {NotRepresentable} The scheme is no token, there is a token68 beside parameters or one
 *   that is none, a parameter's name is no token or occurs twice, a value has a char that cannot be
 *   sent, or the realm has one that is not ASCII, since nothing tells a client its encoding.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.3 RFC 9110, 11.3}
 * @example
 * formatChallenge({ scheme: 'basic', params: { realm: 'x', charset: 'UTF-8' } })
 * // 'Basic realm="x", charset="UTF-8"'
 */
export function formatChallenge (challenge: Challenge): string {
  const { token68, params = {} } = challenge
  if (!isToken(challenge.scheme)) throw new NotRepresentable(endOfToken(challenge.scheme, 0))
  const key = challenge.scheme.toLowerCase()
  const scheme = REGISTERED.get(key) ?? challenge.scheme
  for (const [name, value] of Object.entries(params)) {
    const at = name.toLowerCase() === 'realm' ? value.search(NON_ASCII) : -1
    if (at !== -1) throw new NotRepresentable(at)
  }
  const list = formatAuthParams(params, (name) =>
    name.endsWith('*') || (key === 'digest' && DIGEST_TOKENS.has(name)) ? 'token' : 'quoted')
  if (token68 === undefined) return list === '' ? scheme : `${scheme} ${list}`
  if (list !== '') throw new NotRepresentable(scheme.length)
  if (!isToken68(token68)) throw new NotRepresentable(endOfToken68(token68, 0))
  return `${scheme} ${token68}`
}

/**
 * Tells whether clients show and compare a realm as it is meant. Some split at any comma, some cut
 * at `\"`, and nothing tells them an encoding. The empty realm is portable too.
 *
 * @returns False when `realm` has a comma, a double quote, a backslash, or a char that is not
 *   printable ASCII.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.5 RFC 9110, 11.5}
 * @example
 * isPortableRealm('Floor 2, "east"') // false
 */
export function isPortableRealm (realm: string): boolean {
  return !UNPORTABLE.test(realm)
}

interface Draft { scheme: string, token68?: string, params?: Record<string, string> }

function endsMember (text: string, at: number): boolean {
  const next = skipOws(text, at)
  return next === text.length || text.charCodeAt(next) === COMMA
}
