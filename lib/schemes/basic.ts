import { isUtf8 } from 'node:buffer'
import { MalformedCredentials } from '../errors.js'
import type { Credentials } from '../fields/credentials.js'

/**
 * What Basic credentials say. Both in Unicode form C, so that two ways to type `é` are one name.
 */
export interface UserPass {
  /** The user-id. May be empty, never has a colon. */
  readonly username: string
  /** May be empty. Not yet compared with anything. */
  readonly password: string
}

/** How {@link readUserPass} reads what is not UTF-8. */
export interface UserPassOptions {
  /**
   * Takes octets that are no UTF-8 for ISO-8859-1, as old clients send it. Default false: they are
   * malformed.
   */
  readonly latin1Fallback?: boolean
}

const COLON = 0x3a
const EQUALS = 0x3d

/** Bit set of the standard base64 alphabet, by octet. */
const ALPHABET = new Uint8Array(128)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') ALPHABET[char.charCodeAt(0)] = 1

/**
 * Reads user-id and password out of Basic credentials.
 *
 *     credentials = "Basic" 1*SP token68   ; standard base64 of user-pass
 *     user-pass   = user-id ":" password
 *     user-id     = *<any except colon and control>
 *     password    = *<any except control>
 *
 * The padding may be left out. Everything else that Node's decoder would pass over in silence is
 * refused.
 *
 * @returns `undefined` when there is nothing to read: another scheme, or the scheme alone.
 * @throws {MalformedCredentials} No base64, no text, no colon, or a control in it.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7617#section-2 RFC 7617, 2}
 * @example
 * readUserPass(parseCredentials('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='))
 * // { username: 'Aladdin', password: 'open sesame' }
 */
export function readUserPass (credentials: Credentials, options?: UserPassOptions): UserPass | undefined {
  if (credentials.scheme.toLowerCase() !== 'basic') return undefined
  const { token68, params } = credentials
  if (token68 === undefined) {
    if (params === undefined) return undefined
    throw new MalformedCredentials('Basic takes no parameters')
  }
  if (!isBase64(token68)) throw new MalformedCredentials('not base64')
  const octets = Buffer.from(token68, 'base64')
  const utf8 = isUtf8(octets)
  if (!utf8 && options?.latin1Fallback !== true) throw new MalformedCredentials('not UTF-8')
  const text = octets.toString(utf8 ? 'utf8' : 'latin1').normalize('NFC')
  const colon = firstColon(text)
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

// The colon, having seen that no control stands before or behind it.
function firstColon (text: string): number {
  let colon = -1
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code === 0x7f) throw new MalformedCredentials('a control character')
    if (code === COLON && colon === -1) colon = at
  }
  if (colon === -1) throw new MalformedCredentials('no colon')
  return colon
}

// Standard alphabet, and padding either left out or right. Node decodes anything else too, skipping
// what it does not know.
function isBase64 (text: string): boolean {
  let end = text.length
  while (text.charCodeAt(end - 1) === EQUALS) end--
  if (end < text.length ? text.length % 4 !== 0 || text.length - end > 2 : end % 4 === 1) return false
  for (let at = 0; at < end; at++) {
    if (ALPHABET[text.charCodeAt(at)] !== 1) return false
  }
  return true
}
