import { hash, timingSafeEqual } from 'node:crypto'

/**
 * Compares two secrets in a time that tells nothing about either but the order of its length.
 *
 * `timingSafeEqual` alone wants equal lengths, and an early return for others would tell the
 * length. So both are hashed, and the hashes compared.
 *
 * @example
 * timingSafeEqualText('alice-secret', 'alice-secret') // true
 */
export function timingSafeEqualText (a: string, b: string): boolean {
  return timingSafeEqualHash(a, hashOfText(b))
}

/** The hash of a secret, for {@link timingSafeEqualHash}. */
export function hashOfText (text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** Compares a secret with what {@link hashOfText} has made of another, in the same way. */
export function timingSafeEqualHash (text: string, expected: Buffer): boolean {
  presented.write(hash('sha256', text, 'binary'), 'latin1')
  return timingSafeEqual(presented, expected)
}

// One for all, since what is written is compared at once: a buffer made of each hash costs twice as
// much as hashing.
const presented = Buffer.alloc(32)
