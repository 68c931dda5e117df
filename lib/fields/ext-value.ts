import { MalformedField, NotRepresentable } from '../errors.js'

const FIELD = 'ext-value'
const NO_ATTR_CHAR = /[^A-Za-z0-9!#$&+\-.^_`|~%]/
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/
const LANGUAGE = /^[A-Za-z0-9-]*$/
const UNSENDABLE = /[\p{Cc}\p{Surrogate}]/u // controls, and halves of a pair, which UTF-8 has no octets for
const LEFT_BY_ENCODE = /[*'()]/g // encodeURIComponent lets them through, attr-char does not

/**
 * Reads an ext-value, as in Digest's `username*`.
 *
 *     ext-value   = charset "'" [ language ] "'" value-chars
 *     value-chars = *( pct-encoded / attr-char )
 *
 * @param text - The parameter's value.
 * @returns The decoded text. What it may be used for (no colon in a user-id) is the scheme's to
 *   say.
 * @throws {MalformedField} The text does not follow the grammar, the charset is not UTF-8, the
 *   octets are not valid UTF-8, or the decoded text has a control char.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8187#section-3.2 RFC 8187, 3.2}
 * @example
 * parseExtValue("UTF-8''J%C3%A4") // 'Jä'
 */
export function parseExtValue (text: string): string {
  const first = text.indexOf("'")
  const second = first === -1 ? -1 : text.indexOf("'", first + 1)
  if (second === -1) throw new MalformedField(FIELD, text.length)
  if (text.slice(0, first).toLowerCase() !== 'utf-8') throw new MalformedField(FIELD, 0)
  if (!LANGUAGE.test(text.slice(first + 1, second))) throw new MalformedField(FIELD, first + 1)
  const chars = text.slice(second + 1)
  const flaw = [chars.search(NO_ATTR_CHAR), chars.search(BAD_ESCAPE)].find((at) => at !== -1)
  if (flaw !== undefined) throw new MalformedField(FIELD, second + 1 + flaw)
  let value
  try {
    value = decodeURIComponent(chars)
  } catch {
    throw new MalformedField(FIELD, text.length)
  }
  if (UNSENDABLE.test(value)) throw new MalformedField(FIELD, second + 1)
  return value
}

/**
 * Writes `text` as an ext-value in UTF-8, without a language.
 *
 * @throws {NotRepresentable} `text` has a control char or half a surrogate pair.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8187#section-3.2 RFC 8187, 3.2}
 * @example
 * formatExtValue('Jä') // "UTF-8''J%C3%A4"
 */
export function formatExtValue (text: string): string {
  const at = text.search(UNSENDABLE)
  if (at !== -1) throw new NotRepresentable(at)
  const hex = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  return `UTF-8''${encodeURIComponent(text).replace(LEFT_BY_ENCODE, hex)}`
}
