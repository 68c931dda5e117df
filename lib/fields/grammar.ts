import { MalformedField } from '../errors.js'

// What several fields share: the classes of char, the words made of them, lists, the start of
// challenges and credentials. A function named `skip…` or `end…` takes an index and returns the
// next one that matters, so reading a field never looks back.

const TCHAR = 1
const TOKEN68 = 2
const ALPHA_DIGIT = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Bits per ASCII char. */
const CLASSES = new Uint8Array(128)
for (const char of ALPHA_DIGIT) CLASSES[char.charCodeAt(0)] = TCHAR | TOKEN68
for (const char of "!#$%&'*+-.^_`|~") CLASSES[char.charCodeAt(0)]! |= TCHAR
for (const char of '-._~+/') CLASSES[char.charCodeAt(0)]! |= TOKEN68

export const HTAB = 0x09
export const SP = 0x20
export const DQUOTE = 0x22
export const COMMA = 0x2c
export const EQUALS = 0x3d
export const BACKSLASH = 0x5c

/**
 * The most members a list may have, and the most empty ones in a row, before the field counts as
 * malformed.
 */
export const MAX_MEMBERS = 128
/**
 * The most parameters one challenge, credentials or authentication-info may have. Digest, the
 * longest, has 12.
 */
export const MAX_PARAMS = 64

/**
 * Tells whether a char code may be part of a token.
 *
 *     tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." /
 *             "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 RFC 9110, 5.6.2}
 * @example
 * isTchar('*'.charCodeAt(0)) // true
 */
export function isTchar (code: number): boolean {
  return isIn(TCHAR, code)
}

/**
 * Tells whether a char code is visible ASCII.
 *
 *     VCHAR = %x21-7E
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5234#appendix-B.1 RFC 5234, B.1}
 * @example
 * isVisible(' '.charCodeAt(0)) // false
 */
export function isVisible (code: number): boolean {
  return code > 0x20 && code < 0x7f
}

/**
 * Finds the end of the token (`1*tchar`) that starts at `at`.
 *
 * @returns The index behind it; `at` itself when there is no token.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 RFC 9110, 5.6.2}
 * @example
 * endOfToken('Basic realm', 0) // 5
 */
export function endOfToken (text: string, at: number): number {
  while (isTchar(text.charCodeAt(at))) at++
  return at
}

/**
 * Finds the end of the token68 that starts at `at`.
 *
 *     token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 *
 * @returns The index behind it; `at` itself when there is none.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.2 RFC 9110, 11.2}
 * @example
 * endOfToken68('dTpw== ', 0) // 6
 */
export function endOfToken68 (text: string, at: number): number {
  const start = at
  while (isIn(TOKEN68, text.charCodeAt(at))) at++
  if (at > start) while (text.charCodeAt(at) === EQUALS) at++
  return at
}

/**
 * Tells whether the whole of `text` is a token.
 *
 * @example
 * isToken('SHA-256') // true
 */
export function isToken (text: string): boolean {
  return text.length > 0 && endOfToken(text, 0) === text.length
}

/**
 * Tells whether the whole of `text` is a token68.
 *
 * @example
 * isToken68('dTpw==') // true
 */
export function isToken68 (text: string): boolean {
  return text.length > 0 && endOfToken68(text, 0) === text.length
}

/**
 * Skips optional whitespace, which is also what "bad" whitespace around `=` looks like.
 *
 *     OWS = *( SP / HTAB )
 *     BWS = OWS
 *
 * @returns The index of the first char that is neither SP nor HTAB.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3 RFC 9110, 5.6.3}
 * @example
 * skipOws(' \t,', 0) // 2
 */
export function skipOws (text: string, at: number): number {
  while (text.charCodeAt(at) === SP || text.charCodeAt(at) === HTAB) at++
  return at
}

/**
 * Skips to the next list member that is not empty.
 *
 *     #element => [ element ] *( OWS "," OWS [ element ] )
 *
 * @param field - Named in the error.
 * @returns The index where the member starts, or the length of `text` when none is left.
 * @throws {MalformedField} More than {@link MAX_MEMBERS} commas in a row.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2 RFC 9110, 5.6.1.2}
 * @example
 * skipEmptyMembers(', ,a', 0, 'Via') // 3
 */
export function skipEmptyMembers (text: string, at: number, field: string): number {
  let commas = 0
  for (at = skipOws(text, at); text.charCodeAt(at) === COMMA; at = skipOws(text, at + 1)) {
    if (++commas > MAX_MEMBERS) throw new MalformedField(field, at)
  }
  return at
}

/**
 * Insists that a list member ends here: OWS, then a comma or the end of the text.
 *
 * @param field - Named in the error.
 * @returns The index of the comma, or the length of `text`.
 * @throws {MalformedField} Something else follows.
 * @example
 * endOfMember('a  , b', 1, 'Via') // 3
 */
export function endOfMember (text: string, at: number, field: string): number {
  at = skipOws(text, at)
  if (at < text.length && text.charCodeAt(at) !== COMMA) throw new MalformedField(field, at)
  return at
}

/**
 * Puts the lines of one list field together, as RFC 9110, 5.3 lets every recipient do.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.3 RFC 9110, 5.3}
 * @example
 * joinLines(['Negotiate', 'NTLM']) // 'Negotiate, NTLM'
 */
export function joinLines (lines: string | readonly string[]): string {
  return typeof lines === 'string' ? lines : lines.join(', ')
}

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

// The NaN that charCodeAt gives past the end is in no class, and is no index that an engine likes.
function isIn (classes: number, code: number): boolean {
  return code < CLASSES.length && (CLASSES[code]! & classes) !== 0
}
