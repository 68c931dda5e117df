import { MalformedField, NotRepresentable } from '../errors.js'
import { BACKSLASH, DQUOTE, HTAB } from './grammar.js'

const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/ // neither qdtext nor quoted-pair can carry these
const ESCAPED = /["\\]/g

/**
 * Writes `text` as a quoted-string.
 *
 *     quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
 *     qdtext        = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text
 *     quoted-pair   = "\" ( HTAB / SP / VCHAR / obs-text )
 *
 * Escapes `"` and `\` and nothing else: a sender should not quote-pair what needs none.
 *
 * @param text - One char per octet (U+0000 to U+00FF). Encode wider text first.
 * @returns The quoted-string, both double quotes included.
 * @throws {NotRepresentable} `text` holds CR, LF, NUL, any other control but HTAB, or a char above
 *   U+00FF. Letting one through would let a realm write header lines.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4 RFC 9110, 5.6.4}
 * @example
 * quote('say "hi"') // '"say \\"hi\\""'
 */
export function quote (text: string): string {
  const at = text.search(UNSENDABLE)
  if (at !== -1) throw new NotRepresentable(at)
  return `"${text.replace(ESCAPED, '\\$&')}"`
}

/**
 * Reads the quoted-string that starts at `at`. A quoted-pair counts as the octet behind the
 * backslash.
 *
 * @param field - Named in the error.
 * @returns The text without quotes and escapes, and the index behind the closing double quote.
 * @throws {MalformedField} There is no double quote at `at`, none that closes, or a char between
 *   them that no field value may carry.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4 RFC 9110, 5.6.4}
 * @example
 * readQuoted('realm="a\\"b"', 6) // { value: 'a"b', end: 12 }
 */
export function readQuoted (text: string, at: number, field = 'quoted-string'): { value: string, end: number } {
  if (text.charCodeAt(at) !== DQUOTE) throw new MalformedField(field, at)
  let value = ''
  let start = ++at // of the run of chars not yet in `value`
  for (; ; at++) {
    let code = text.charCodeAt(at)
    if (code === DQUOTE) return { value: value + text.slice(start, at), end: at + 1 }
    if (code === BACKSLASH) {
      value += text.slice(start, at)
      start = ++at
      code = text.charCodeAt(at)
    }
    if (!isQuotable(code)) throw new MalformedField(field, at)
  }
}

// NaN, which charCodeAt gives past the end, is not quotable either.
function isQuotable (code: number): boolean {
  return (code >= 0x20 && code <= 0xff && code !== 0x7f) || code === HTAB
}
