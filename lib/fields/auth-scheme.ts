import { MalformedField } from '../errors.js'
import { COMMA, SP, endOfToken, endOfToken68, skipOws } from './grammar.js'

/** What challenges and credentials begin with. */
export interface SchemeHead {
  readonly scheme: string
  readonly token68: string | undefined
  /** Whether parameters may follow: there was space behind the scheme, and no token68. */
  readonly takesParams: boolean
  /** Where reading goes on. */
  readonly end: number
}

/**
 * Reads a scheme and, where there is one, its token68.
 *
 *     auth-scheme [ 1*SP ( token68 / #auth-param ) ]
 *
 * token68 is tried before parameters, and is one only if a comma or the end follows: `foo=` is a
 * token68, `foo=bar` a parameter.
 *
 * @param field - Named in the error.
 * @param lenient - Takes HTAB where the grammar wants SP.
 * @throws {MalformedField} There is no token at `at`.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.3 RFC 9110, 11.3}
 * @example
 * readSchemeHead('Basic dTpw', 0, 'credentials')
 * // { scheme: 'Basic', token68: 'dTpw', takesParams: false, end: 10 }
 */
export function readSchemeHead (text: string, at: number, field: string, lenient = false): SchemeHead {
  const endOfScheme = endOfToken(text, at)
  if (endOfScheme === at) throw new MalformedField(field, at)
  const scheme = text.slice(at, endOfScheme)
  const start = lenient ? skipOws(text, endOfScheme) : skipSp(text, endOfScheme)
  if (start === endOfScheme) return { scheme, token68: undefined, takesParams: false, end: endOfScheme }

  const end = endOfToken68(text, start)
  const next = skipOws(text, end)
  if (end > start && (next === text.length || text.charCodeAt(next) === COMMA)) {
    return { scheme, token68: text.slice(start, end), takesParams: false, end }
  }
  return { scheme, token68: undefined, takesParams: true, end: start }
}

function skipSp (text: string, at: number): number {
  while (text.charCodeAt(at) === SP) at++
  return at
}
