import { MalformedField, NotRepresentable } from '../errors.js'
import { formatAuthParams, readAuthParams } from './auth-param.js'
import type { AuthParams, ParseOptions } from './auth-param.js'
import {
  COMMA, DQUOTE, EQUALS, endOfToken, endOfToken68, isToken, isToken68, isVisible, readSchemeHead, skipOws
} from './grammar.js'

const FIELD = 'credentials'
const HIDDEN = '[credentials]'
// RFC 7616, 3.4: these must not be quoted. `username*` is among the names that end in `*`.
const DIGEST_TOKENS = new Set(['algorithm', 'qop', 'nc', 'userhash'])

/**
 * What {@link formatCredentials} writes: a scheme with a token68, with parameters, or with neither.
 */
export interface CredentialsParts {
  readonly scheme: string
  /** Never beside `params`. */
  readonly token68?: string | undefined
  readonly params?: AuthParams | undefined
}

/**
 * The value of `Proxy-Authorization` or `Authorization`, taken apart. It shows nothing of itself
 * when it is logged, inspected, serialised or made a string, not even the scheme: a client that
 * forgot the scheme has sent its secret in that place.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.4 RFC 9110, 11.4}
 * @example
 * JSON.stringify(new Credentials({ scheme: 'Basic', token68: 'dTpw' })) // '"[credentials]"'
 */
export class Credentials implements CredentialsParts {
  // #private on purpose: console.dir, Object.entries, spread and structuredClone cannot reach it.
  readonly #parts: CredentialsParts

  constructor (parts: CredentialsParts) {
    this.#parts = parts
  }

  /** In the case it came in. Compare it without regard to case. */
  get scheme (): string { return this.#parts.scheme }
  /** Not decoded. Undefined where there are parameters or nothing. */
  get token68 (): string | undefined { return this.#parts.token68 }
  /** Names in lower case, no prototype. Undefined where there are none. */
  get params (): AuthParams | undefined { return this.#parts.params }

  toString (): string { return HIDDEN }
  toJSON (): string { return HIDDEN }
  [Symbol.for('nodejs.util.inspect.custom')] (): string { return HIDDEN }
}

/**
 * Reads the scheme and nothing else, to find out who may look at the rest.
 *
 * @param value - The field value.
 * @returns The token the value starts with, in the case it came in; undefined when there is none.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.1 RFC 9110, 11.1}
 * @example
 * readScheme('Basic dTpw') // 'Basic'
 */
export function readScheme (value: string): string | undefined {
  const start = skipOws(value, 0)
  const end = endOfToken(value, start)
  return end === start ? undefined : value.slice(start, end)
}

/**
 * Reads the value of `Proxy-Authorization` or `Authorization`.
 *
 *     Proxy-Authorization = credentials
 *     credentials         = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
 *
 * @param value - The value of the one field line. One char per octet.
 * @param options - `lenient` also takes HTAB behind the scheme, any visible char in what should be
 *   a token68 (`secret-token:…`), and unquoted values up to a comma
 *   (`SignedHeaders=host;x-amz-date`).
 * @throws {MalformedField} The text does not follow the grammar, is a list of credentials, or has a
 *   parameter twice or more than 64.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.4 RFC 9110, 11.4}
 * @example
 * parseCredentials('Digest username="u", qop=auth').params // { username: 'u', qop: 'auth' }
 */
export function parseCredentials (value: string, options?: ParseOptions): Credentials {
  const lenient = options?.lenient === true
  const { scheme, token68, takesParams, end } = readSchemeHead(value, skipOws(value, 0), FIELD, lenient)
  if (takesParams && lenient) {
    const endOfWord = endOfOpaque(value, end)
    if (endOfWord > end && skipOws(value, endOfWord) === value.length) {
      return new Credentials({ scheme, token68: value.slice(end, endOfWord) })
    }
  }
  if (takesParams && skipOws(value, end) < value.length) {
    return new Credentials({ scheme, params: readAuthParams(value, end, FIELD, lenient) })
  }
  const rest = skipOws(value, end)
  if (rest < value.length) throw new MalformedField(FIELD, rest)
  return new Credentials(token68 === undefined ? { scheme } : { scheme, token68 })
}

/**
 * Writes credentials: all values quoted except those that must not be (Digest's `algorithm`, `qop`,
 * `nc` and `userhash`, and parameters whose name ends in `*`).
 *
 * @param credentials - Parameters are written in their order.
 * @throws {NotRepresentable} The scheme is no token, there is a token68 beside parameters or one
 *   that is none, a parameter's name is no token or occurs twice, or a value has a char that cannot
 *   be sent.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.4 RFC 9110, 11.4}
 * @example
 * formatCredentials({ scheme: 'Basic', token68: 'dTpw' }) // 'Basic dTpw'
 */
export function formatCredentials (credentials: CredentialsParts): string {
  const { scheme, token68, params = {} } = credentials
  if (!isToken(scheme)) throw new NotRepresentable(endOfToken(scheme, 0))
  const isDigest = scheme.toLowerCase() === 'digest'
  const list = formatAuthParams(params, (name) =>
    name.endsWith('*') || (isDigest && DIGEST_TOKENS.has(name)) ? 'token' : 'quoted')
  if (token68 === undefined) return list === '' ? scheme : `${scheme} ${list}`
  if (list !== '') throw new NotRepresentable(scheme.length)
  if (!isToken68(token68)) throw new NotRepresentable(endOfToken68(token68, 0))
  return `${scheme} ${token68}`
}

// The lenient token68: visible ASCII without comma and double quote, "=" at the end only, so that a
// single parameter is not taken for one.
function endOfOpaque (text: string, at: number): number {
  const start = at
  while (isOpaque(text.charCodeAt(at))) at++
  if (at > start) while (text.charCodeAt(at) === EQUALS) at++
  return at
}

function isOpaque (code: number): boolean {
  return isVisible(code) && code !== COMMA && code !== DQUOTE && code !== EQUALS
}
