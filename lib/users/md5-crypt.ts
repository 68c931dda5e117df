import { hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** The variants differ in their name alone: `$apr1$` of Apache, `$1$` of crypt(3). */
export type Md5CryptMagic = '$apr1$' | '$1$'

const ROUNDS = 1000
/** How many rounds go before others get their turn: some tenths of a millisecond. */
const AT_ONCE = 100
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Which octets of the digest are written together, the first one on top. */
const GROUPS = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]] as const

/**
 * MD5-crypt: a thousand rounds of MD5, of 1994. Slow then. It lets other work go on in between.
 *
 * @param salt - Its first 8 octets count.
 * @returns What stands behind the salt: 22 chars.
 * @see
 *   {@link https://httpd.apache.org/docs/2.4/misc/password_encryptions.html Apache: password formats}
 * @example
 * await md5Crypt('myPassword', 'r31.....', '$apr1$') // 'HqJZimcKQFAMYayBlzkrA/'
 */
export async function md5Crypt (password: string, salt: string, magic: Md5CryptMagic): Promise<string> {
  const secret = Buffer.from(password)
  const grain = Buffer.from(salt).subarray(0, 8)
  const inner = md5([secret, grain, secret])
  const start: Buffer[] = [secret, Buffer.from(magic), grain]
  for (let left = secret.length; left > 0; left -= 16) start.push(inner.subarray(0, Math.min(left, 16)))
  // A slip of the first author, which is the algorithm now.
  for (let bits = secret.length; bits > 0; bits >>= 1) start.push(bits & 1 ? Buffer.alloc(1) : secret.subarray(0, 1))
  let digest = md5(start)
  for (let round = 0; round < ROUNDS; round++) {
    const odd = round % 2 === 1
    const parts = [odd ? secret : digest]
    if (round % 3 !== 0) parts.push(grain)
    if (round % 7 !== 0) parts.push(secret)
    parts.push(odd ? digest : secret)
    digest = md5(parts)
    if (round % AT_ONCE === AT_ONCE - 1) await setImmediate()
  }
  return encode(digest)
}

function md5 (parts: Buffer[]): Buffer {
  return hash('md5', Buffer.concat(parts), 'buffer')
}

/** Six bits a char, the lowest first. */
function encode (digest: Buffer): string {
  let text = ''
  for (const group of GROUPS) {
    let value = 0
    for (const at of group) value = value << 8 | digest[at]!
    for (let chars = group.length === 3 ? 4 : 2; chars > 0; chars--, value >>= 6) text += ALPHABET[value & 63]
  }
  return text
}
