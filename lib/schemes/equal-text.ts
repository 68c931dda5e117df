import { hash, timingSafeEqual } from 'node:crypto'

/**
 * Compares two secrets in a time that tells nothing about either but the order of its length.
 *
 * `timingSafeEqual` alone wants equal lengths, and an early return for others would tell the length. So both
 * are hashed, and the hashes compared.
 *
 * @example
 * timingSafeEqualText('alice-secret', 'alice-secret') // true
 */
export function timingSafeEqualText (a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
}
