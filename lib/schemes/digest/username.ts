import { isUtf8 } from 'node:buffer'
import { MalformedCredentials } from '../../errors.js'

/** A user name out of a field, and the encoding the client has most likely hashed it in. */
export interface DecodedUsername {
  /** In Unicode form C. */
  readonly username: string
  readonly encoding: 'utf8' | 'latin1'
}

/** The most chars a name may have, counted after decoding, which makes text longer. */
const MAX_LENGTH = 1024
const NON_ASCII = /[^\0-\x7f]/
// eslint-disable-next-line no-control-regex -- controls are what it looks for
const FORBIDDEN = /[\0-\x1f\x7f:]/
const ESCAPED_OCTET = /%([89a-f][0-9a-f])/gi

/**
 * Reads the name out of the parameter `username`. Clients put raw UTF-8 there, which a field value
 * shows as one char per octet.
 *
 * @param latin1Fallback - Takes octets that are no UTF-8 for ISO-8859-1, as old clients send it.
 * @throws {MalformedCredentials} It is not UTF-8, or {@link checkUsername} refuses it.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-4 RFC 7616, 4}
 * @example
 * decodeUsername('J\u00c3\u00a4s\u00c3\u00b8n', false) // { username: 'Jäsøn', encoding: 'utf8' }
 */
export function decodeUsername (octets: string, latin1Fallback: boolean): DecodedUsername {
  if (!NON_ASCII.test(octets)) return { username: checkUsername(octets), encoding: 'utf8' }
  const buffer = Buffer.from(octets, 'latin1')
  if (isUtf8(buffer)) return { username: checkUsername(buffer.toString('utf8')), encoding: 'utf8' }
  if (!latin1Fallback) throw new MalformedCredentials('the user name is not UTF-8')
  return { username: checkUsername(octets), encoding: 'latin1' }
}

/**
 * Insists that a decoded name can be one.
 *
 * @returns It, in Unicode form C.
 * @throws {MalformedCredentials} It is too long, has a control char, or a colon: with one,
 *   `a:realm:b` could be two users.
 */
export function checkUsername (text: string): string {
  if (text.length > MAX_LENGTH) throw new MalformedCredentials('the user name is too long')
  if (FORBIDDEN.test(text)) throw new MalformedCredentials('a colon or a control character in the user name')
  return text.normalize('NFC')
}

/**
 * Reads a name the way newer curl writes it: octets beyond ASCII percent-encoded, everything else
 * as it is, `%` included. The same text may be a name by itself, so this is for a name that is
 * unknown as it stands.
 *
 * @returns `null` when it has none of that, or decodes to nothing that could be a name.
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986#section-2.1 RFC 3986, 2.1}
 * @example
 * decodeEscapedUsername('J%C3%A4s%C3%B8n') // 'Jäsøn'
 */
export function decodeEscapedUsername (username: string): string | null {
  if (!username.includes('%') || NON_ASCII.test(username)) return null
  const octets = username.replace(ESCAPED_OCTET, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  if (octets === username) return null
  const buffer = Buffer.from(octets, 'latin1')
  return isUtf8(buffer) ? buffer.toString('utf8').normalize('NFC') : null
}
