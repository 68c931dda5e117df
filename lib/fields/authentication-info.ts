import { NotRepresentable } from '../errors.js'
import { formatAuthParams, readAuthParams } from './auth-param.js'
import type { AuthParams, Spelling } from './auth-param.js'
import { joinLines } from './grammar.js'

const FIELD = 'authentication-info'
// RFC 7616, 3.5 says which are quoted and which must not be.
const SPELLINGS = new Map<string, Spelling>([
  ['nextnonce', 'quoted'], ['rspauth', 'quoted'], ['cnonce', 'quoted'], ['qop', 'token'], ['nc', 'token']
])
const NONCE_COUNT = /^[0-9a-f]{8}$/i

/**
 * Reads the value of `Proxy-Authentication-Info` or `Authentication-Info`.
 *
 *     Proxy-Authentication-Info = #auth-param
 *
 * @param lines - One line, or all lines of the field in their order. One char per octet.
 * @returns The parameters: names in lower case, no prototype. None when the text is empty.
 * @throws {MalformedField} The text does not follow the grammar, or has a parameter twice or more
 *   than 64.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.7.3 RFC 9110, 11.7.3}
 * @example
 * parseAuthenticationInfo('nextnonce="abc", qop=auth') // { nextnonce: 'abc', qop: 'auth' }
 */
export function parseAuthenticationInfo (lines: string | readonly string[]): AuthParams {
  return readAuthParams(joinLines(lines), 0, FIELD)
}

/**
 * Writes the value of `Proxy-Authentication-Info`: `nextnonce`, `rspauth` and `cnonce` quoted,
 * `qop` and `nc` not, others only where they are no token.
 *
 * @param params - Written in their order.
 * @returns The value; empty text when there are no parameters, and then the field should not be
 *   sent.
 * @throws {NotRepresentable} `nc` is not 8 hex digits, `qop` is no token, a name is no token or
 *   occurs twice, or a value has a char that cannot be sent.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.5 RFC 7616, 3.5}
 * @example
 * formatAuthenticationInfo({ rspauth: '6629', qop: 'auth', nc: '00000001' })
 * // 'rspauth="6629", qop=auth, nc=00000001'
 */
export function formatAuthenticationInfo (params: AuthParams): string {
  for (const [name, value] of Object.entries(params)) {
    if (name.toLowerCase() === 'nc' && !NONCE_COUNT.test(value)) throw new NotRepresentable(0)
  }
  return formatAuthParams(params, (name) => SPELLINGS.get(name) ?? 'either')
}
