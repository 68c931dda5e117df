/**
 * What a token of a client looks like from outside:
 *
 * - `initial`: the first of a context, for SPNEGO or for Kerberos itself
 * - `reply`: a later one, of SPNEGO
 * - `ntlm`: a message of NTLM, bare
 * - `wrapped ntlm`: one within SPNEGO
 */
export type TokenKind = 'initial' | 'reply' | 'ntlm' | 'wrapped ntlm'

const NTLM = Buffer.from('NTLMSSP\0')
/**
 * Object identifiers as DER writes them: SPNEGO, Kerberos, and Kerberos as Windows once spelt it.
 */
const MECHANISMS = ['06062b0601050502', '06092a864886f712010202', '06092a864882f712010202'].map((hex) => Buffer.from(hex, 'hex'))
const APPLICATION_0 = 0x60
const CONTEXT_1 = 0xa1
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
/** The most chars of a token. Kerberos tokens with many groups have some ten thousand. */
const MAX_LENGTH = 131_072

/**
 * Reads the token of credentials.
 *
 *     credentials = "Negotiate" 1*SP gssapi-data   ; in base64
 *
 * @param value - The field value, of this scheme.
 * @returns `undefined` when there is none, or it is not base64, or longer than 131072 chars.
 * @see {@link https://www.rfc-editor.org/rfc/rfc4559#section-4.2 RFC 4559, 4.2}
 * @example
 * readToken('Negotiate YII=') // 'YII='
 */
export function readToken (value: string): string | undefined {
  const text = value.trim()
  const token = text.slice(text.indexOf(' ') + 1).trim()
  if (token.length === 0 || token.length > MAX_LENGTH || token.length % 4 !== 0 || !BASE64.test(token)) return undefined
  return token
}

/**
 * Tells what a token is, before any library has a look at it.
 *
 *     initial = %x60 length mechanism *OCTET   ; RFC 2743, 3.1
 *     reply   = %xA1 length *OCTET             ; RFC 4178, 4.2
 *
 * @returns `undefined` when it is nothing of that: its length does not hold, or its mechanism is
 *   another.
 * @see {@link https://www.rfc-editor.org/rfc/rfc4178#section-4.2 RFC 4178, 4.2}
 * @example
 * kindOf(Buffer.from('NTLMSSP\0…')) // 'ntlm'
 */
export function kindOf (token: Buffer): TokenKind | undefined {
  if (token.subarray(0, NTLM.length).equals(NTLM)) return 'ntlm'
  const start = startOfContent(token)
  if (start === undefined) return undefined
  const isNext = (mechanism: Buffer) => token.subarray(start, start + mechanism.length).equals(mechanism)
  const kind = token[0] === APPLICATION_0 && MECHANISMS.some(isNext)
    ? 'initial'
    : token[0] === CONTEXT_1 ? 'reply' : undefined
  // Whatever the structure around it says: a library that knows NTLM as well would find it.
  return kind !== undefined && token.includes(NTLM) ? 'wrapped ntlm' : kind
}

/** Behind tag and length, if the length is that of all that follows. */
function startOfContent (der: Buffer): number | undefined {
  const first = der[1]
  if (first === undefined) return undefined
  if (first < 0x80) return der.length === 2 + first ? 2 : undefined
  const count = first - 0x80
  if (count < 1 || count > 4 || der.length < 2 + count) return undefined
  return der.readUIntBE(2, count) === der.length - 2 - count ? 2 + count : undefined
}
