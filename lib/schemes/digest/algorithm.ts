import { hash } from 'node:crypto'

/**
 * A hash function, by the name Digest has for it. An HA1 is made with one, whether or not the
 * algorithm is `-sess`.
 */
export type DigestHash = 'MD5' | 'SHA-256' | 'SHA-512-256'

/** An algorithm of Digest, in its registered case. */
export type DigestAlgorithmName = DigestHash | `${DigestHash}-sess`

/** What Digest needs to know of an algorithm. */
export interface DigestAlgorithm {
  readonly name: DigestAlgorithmName
  readonly hash: DigestHash
  /** True for `-sess`: nonce and cnonce go into the key. */
  readonly session: boolean
  /** What `node:crypto` calls the hash. */
  readonly nodeHash: string
  /** How many hex digits a hash has. */
  readonly hexLength: 32 | 64
  /** Hashes octets, or text of one char per octet, into lower-case hex. */
  readonly digest: (octets: string | Uint8Array) => string
}

// SHA-512-256 is SHA-512/256 of FIPS 180-4, with initial values of its own, and no truncated
// SHA-512 (erratum 4897).
const HASHES: ReadonlyArray<readonly [DigestHash, string, 32 | 64]> = [
  ['SHA-512-256', 'sha512-256', 64], ['SHA-256', 'sha256', 64], ['MD5', 'md5', 32]
]

const NON_ASCII = /[^\0-\x7f]/

const ALGORITHMS = HASHES.flatMap(([name, nodeHash, hexLength]) => {
  // node hashes text as UTF-8, which is the same for ASCII, as nearly all of it is, and spares the
  // copy.
  const digest = (octets: string | Uint8Array): string =>
    hash(nodeHash, typeof octets === 'string' && NON_ASCII.test(octets) ? Buffer.from(octets, 'latin1') : octets, 'hex')
  return [
    Object.freeze({ name: `${name}-sess` as const, hash: name, session: true, nodeHash, hexLength, digest }),
    Object.freeze({ name, hash: name, session: false, nodeHash, hexLength, digest })
  ]
})

/** All algorithms, the strongest first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = Object.freeze(ALGORITHMS)

const BY_NAME = new Map(DIGEST_ALGORITHMS.map((algorithm) => [algorithm.name.toLowerCase(), algorithm]))

/**
 * Finds an algorithm by the parameter `algorithm`.
 *
 *     algorithm = "algorithm" "=" ( "MD5" / "MD5-sess" / "SHA-256" / "SHA-256-sess" /
 *                                   "SHA-512-256" / "SHA-512-256-sess" / token )
 *
 * @param name - In any case. `undefined`, the parameter left out, is MD5.
 * @returns `undefined` when it is none of these.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.3 RFC 7616, 3.3}
 * @example
 * findDigestAlgorithm('sha-256')?.hexLength // 64
 */
export function findDigestAlgorithm (name: string | undefined): DigestAlgorithm | undefined {
  return BY_NAME.get(name?.toLowerCase() ?? 'md5')
}
