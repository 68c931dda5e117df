const PRINTABLE = /^[\x20-\x7e]*$/
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/

/**
 * The reason phrase of an answer as its octets, one char each, which is what node writes. undici
 * decodes it as UTF-8: node would refuse the result, or cut its chars to octets, and U+010D U+010A
 * would end a line.
 *
 *     reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
 *
 * @param decoded - As undici gives it. Empty where the phrase is.
 * @returns `undefined` where the octets are lost or cannot be sent: node's own phrase is as good.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-4 RFC 9112, 4}
 * @example
 * reasonPhrase('Ça va') // 'Ã\x87a va'
 * @quirk undici-reason-phrase
 */
export function reasonPhrase (decoded: string | undefined): string | undefined {
  if (decoded === undefined || PRINTABLE.test(decoded)) return decoded
  const octets = Buffer.from(decoded).toString('latin1')
  return decoded.includes('\ufffd') || UNSENDABLE.test(octets) ? undefined : octets
}
