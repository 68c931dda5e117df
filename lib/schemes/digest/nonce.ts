import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** What a nonce is bound to: it is worth nothing in another scope. */
export interface NonceScope {
  readonly realm: string
  readonly algorithm: string
  /** The store that remembers its counts. */
  readonly storeId: string
  /** In milliseconds. */
  readonly lifetime: number
  /** Whether it may be used once only. */
  readonly oneTime: boolean
}

/** A nonce that we have issued, told by its MAC, whatever its age. */
export interface OwnNonce {
  /** Tells it from every other. */
  readonly id: string
  /** In milliseconds since the epoch. */
  readonly issuedAt: number
}

/** What becomes of a nonce that a client presents. */
export type NonceVerdict =
  /** `age` is in milliseconds. */
  | { readonly kind: 'valid', readonly id: string, readonly age: number }
  /**
   * `foreign`: not ours, or of another realm, algorithm or store, or changed. `future`: by a clock
   * far ahead of ours.
   */
  | { readonly kind: 'expired' | 'foreign' | 'future' }

/** How far the clocks of two servers that share a key may be apart, in milliseconds. */
const MAX_SKEW = 30_000

// No part ends inside a group of three octets, so each is text by itself, and there is one way to
// write it.
const TIME_OCTETS = 6
const RANDOM_OCTETS = 12
const MAC_OCTETS = 18
const GRAMMAR = /^[\w-]{48}$/

/** How many octets of randomness a nonce takes. */
export const NONCE_RANDOM_OCTETS = RANDOM_OCTETS

/**
 * Makes a nonce. Nothing is kept of it: time, randomness and a MAC over them and the scope are all
 * in it.
 *
 *     nonce = 48( ALPHA / DIGIT / "-" / "_" )   ; base64url of time, random, MAC
 *
 * @param now - In milliseconds since the epoch.
 * @param random - {@link NONCE_RANDOM_OCTETS} unpredictable octets.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.3 RFC 7616, 3.3}
 * @example
 * issueNonce(key, scope, Date.now(), randomBytes(NONCE_RANDOM_OCTETS))
 */
export function issueNonce (key: KeyObject, scope: NonceScope, now: number, random: Uint8Array): string {
  const octets = Buffer.alloc(TIME_OCTETS + RANDOM_OCTETS)
  octets.writeUIntBE(Math.floor(now), 0, TIME_OCTETS)
  octets.set(random.subarray(0, RANDOM_OCTETS), TIME_OCTETS)
  const id = octets.toString('base64url')
  return id + macOf(key, id, scope).toString('base64url')
}

/**
 * Reads a nonce that we have issued for this scope. What comes of it never changes.
 *
 * @param keys - Any of them may have signed it.
 * @returns `null`: it is not ours, or of another scope, or changed.
 * @example
 * judgeNonce(readNonce(nonce, keys, scope), scope.lifetime, Date.now()).kind // 'valid'
 */
export function readNonce (nonce: string, keys: readonly KeyObject[], scope: NonceScope): OwnNonce | null {
  if (!GRAMMAR.test(nonce)) return null
  const octets = Buffer.from(nonce, 'base64url')
  // Text of its own: a slice of the field would keep the whole field in the store.
  const id = octets.toString('base64url', 0, TIME_OCTETS + RANDOM_OCTETS)
  const mac = octets.subarray(TIME_OCTETS + RANDOM_OCTETS)
  if (!keys.some((key) => timingSafeEqual(macOf(key, id, scope), mac))) return null
  return { id, issuedAt: octets.readUIntBE(0, TIME_OCTETS) }
}

/**
 * Judges a nonce by its age.
 *
 * @param own - As {@link readNonce} gives it.
 * @param lifetime - In milliseconds.
 * @param now - In milliseconds since the epoch.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.3 RFC 7616, 3.3}
 */
export function judgeNonce (own: OwnNonce | null, lifetime: number, now: number): NonceVerdict {
  if (own === null) return { kind: 'foreign' }
  const age = Math.floor(now) - own.issuedAt
  if (age < -MAX_SKEW) return { kind: 'future' }
  return age < lifetime ? { kind: 'valid', id: own.id, age: Math.max(age, 0) } : { kind: 'expired' }
}

function macOf (key: KeyObject, id: string, { realm, algorithm, storeId, lifetime, oneTime }: NonceScope): Buffer {
  // No part can have a line end in it, so no two scopes are one text.
  const text = `${id}\n${realm}\n${algorithm}\n${storeId}\n${lifetime}\n${oneTime}`
  return createHmac('sha256', key).update(text, 'utf8').digest().subarray(0, MAC_OCTETS)
}
