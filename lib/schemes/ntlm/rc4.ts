/**
 * RC4, with which NTLM wraps its session key, and which node's OpenSSL no longer has. Broken for
 * any other use. Encrypts as it decrypts.
 *
 * @param key - 1 to 256 octets.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6229 RFC 6229}, its test vectors
 * @example
 * rc4(Buffer.from('Key'), Buffer.from('Plaintext')).toString('hex') // 'bbf316e8d940af0ad3'
 */
export function rc4 (key: Uint8Array, data: Uint8Array): Buffer {
  const box = Uint8Array.from({ length: 256 }, (_, i) => i)
  const swap = (i: number, j: number) => { [box[i], box[j]] = [box[j]!, box[i]!] }
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + box[i]! + key[i % key.length]!) & 255
    swap(i, j)
  }
  let i = 0
  let j = 0
  return Buffer.from(data.map((octet) => {
    i = (i + 1) & 255
    j = (j + box[i]!) & 255
    swap(i, j)
    return octet ^ box[(box[i]! + box[j]!) & 255]!
  }))
}
