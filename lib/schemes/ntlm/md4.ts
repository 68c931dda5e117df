/** What a round adds, the order in which it takes the words of a block, and its shifts. */
const ROUNDS = [
  {
    mix: (x: number, y: number, z: number) => (x & y) | (~x & z),
    add: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19]
  },
  {
    mix: (x: number, y: number, z: number) => (x & y) | (x & z) | (y & z),
    add: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13]
  },
  {
    mix: (x: number, y: number, z: number) => x ^ y ^ z,
    add: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15]
  }
] as const

const BLOCK = 64

/**
 * The MD4 hash, of which NTLM makes its keys, and which node's OpenSSL no longer has. Broken for
 * any other use.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc1320 RFC 1320}
 * @example
 * md4(Buffer.from('abc')).toString('hex') // 'a448017aaf21d8525fc10ae87aa6729d'
 */
export function md4 (message: Uint8Array): Buffer {
  const state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476])
  const padded = pad(message)
  for (let at = 0; at < padded.length; at += BLOCK) {
    let [a, b, c, d] = state as unknown as [number, number, number, number]
    for (const { mix, add, order, shifts } of ROUNDS) {
      for (let i = 0; i < 16; i++) {
        const sum = (a + mix(b, c, d) + padded.readInt32LE(at + 4 * order[i]!) + add) | 0
        const shift = shifts[i % 4]!
        a = d
        d = c
        c = b
        b = (sum << shift) | (sum >>> (32 - shift))
      }
    }
    for (const [i, word] of [a, b, c, d].entries()) state[i] = state[i]! + word
  }
  const digest = Buffer.alloc(16)
  state.forEach((word, i) => digest.writeInt32LE(word, 4 * i))
  return digest
}

/** A one bit, zeros, and the length in bits, up to whole blocks. */
function pad (message: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / BLOCK) * BLOCK)
  padded.set(message)
  padded[message.length] = 0x80
  padded.writeBigUInt64LE(BigInt(message.length) * 8n, padded.length - 8)
  return padded
}
