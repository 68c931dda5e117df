import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createRequire } from 'node:module'
import { MissingPackage } from '../errors.js'
import { timingSafeEqualText } from '../schemes/equal-text.js'
import { md5Crypt } from './md5-crypt.js'
import type { Md5CryptMagic } from './md5-crypt.js'

/** A password as a file of accounts has it. */
export interface PasswordHash {
  /** What it costs to look at it: those of one kind cost the same. */
  readonly kind: string
  /**
   * Whether it is worth a turn: a thread of the pool is busy with it, or many turns of the event
   * loop.
   */
  readonly slow: boolean
  verify (password: string): boolean | Promise<boolean>
  /** One of the same kind that no password is right for. */
  sham (): PasswordHash
}

/**
 * The dearest hashes that are taken: one guess at a dearer one would keep a thread busy for
 * minutes, or take all memory.
 */
export interface CostLimits {
  /** Two to the power of it are the rounds of bcrypt. */
  readonly maxBcryptCost: number
  /** KiB of memory times passes over it. */
  readonly maxArgon2Work: number
}

/**
 * bcrypt of 15 takes some three seconds, Argon2 of this work about as long. RFC 9106, 4, recommends
 * 2 GiB once, or 64 MiB three times.
 */
export const COST_LIMITS: CostLimits = Object.freeze({ maxBcryptCost: 15, maxArgon2Work: 4 * 1024 * 1024 })

/** Finds a package by its name. */
export type Load = (name: string) => unknown

interface Bcrypt { verify (password: string, hash: string): Promise<boolean> }
interface Argon2 { verify (hash: string, password: string): Promise<boolean> }

const BCRYPT = /^(\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{30})([./A-Za-z0-9])$/
const ARGON2 = /^(\$argon2(?:id|i|d)\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,8}))\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{6,86})$/
const MD5_CRYPT = /^(\$apr1\$|\$1\$)([^$:]{0,8})\$([./A-Za-z0-9]{22})$/
const SHA1 = /^\{SHA\}([A-Za-z0-9+/]{27}=)$/

/**
 * Reads a password as `htpasswd` writes it: bcrypt (`$2y$`), MD5-crypt (`$apr1$`), `{SHA}`; and
 * Argon2 in its usual form.
 *
 * @param limits - What is dearer is none of these.
 * @returns `null`: none of these.
 * @throws {MissingPackage} It needs a package that is not installed. The message names it.
 * @example
 * await readPasswordHash('{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=')?.verify('secret') // true
 */
export function readPasswordHash (
  text: string, limits: CostLimits = COST_LIMITS, load: Load = createRequire(import.meta.url)
): PasswordHash | null {
  return readBcrypt(text, limits, load) ?? readArgon2(text, limits, load) ?? readMd5Crypt(text) ?? readSha1(text)
}

/** A password in the clear. */
export function clearPassword (text: string): PasswordHash {
  return {
    kind: 'clear',
    slow: false,
    verify: (password) => timingSafeEqualText(password, text),
    sham: () => clearPassword(randomBytes(16).toString('hex'))
  }
}

function readBcrypt (text: string, { maxBcryptCost }: CostLimits, load: Load): PasswordHash | null {
  const [, start, cost, middle, end] = BCRYPT.exec(text) ?? []
  if (middle === undefined || Number(cost) > maxBcryptCost) return null
  const bcrypt = peer<Bcrypt>('@node-rs/bcrypt', 'bcrypt', load)
  const of = (hash: string): PasswordHash => ({
    kind: `bcrypt ${cost}`,
    slow: true,
    verify: (password) => bcrypt.verify(password, hash),
    // The last char carries two bits of nothing, which a strict reader looks at.
    sham: () => of(`${start}${randomText(30)}${end}`)
  })
  return of(text)
}

function readArgon2 (text: string, { maxArgon2Work }: CostLimits, load: Load): PasswordHash | null {
  const [, start, memory, passes, lanes, salt, digest] = ARGON2.exec(text) ?? []
  if (start === undefined || Number(memory) * Number(passes) > maxArgon2Work) return null
  // RFC 9106, 3.1: with others nothing can be computed.
  if (Number(passes) < 1 || Number(lanes) < 1 || Number(memory) < 8 * Number(lanes)) return null
  const argon2 = peer<Argon2>('@node-rs/argon2', 'Argon2', load)
  const of = (hash: string): PasswordHash => ({
    kind: start,
    slow: true,
    verify: (password) => argon2.verify(hash, password),
    sham: () => of(`${start}$${salt}$${randomBytes(Buffer.from(digest!, 'base64').length).toString('base64').replace(/=+$/, '')}`)
  })
  return of(text)
}

function readMd5Crypt (text: string): PasswordHash | null {
  const [, magic, salt, digest] = MD5_CRYPT.exec(text) ?? []
  if (digest === undefined) return null
  const of = (expected: Buffer): PasswordHash => ({
    kind: 'md5-crypt',
    slow: true,
    verify: async (password) =>
      timingSafeEqual(Buffer.from(await md5Crypt(password, salt!, magic as Md5CryptMagic)), expected),
    sham: () => of(Buffer.from(randomText(22)))
  })
  return of(Buffer.from(digest))
}

function readSha1 (text: string): PasswordHash | null {
  const [, digest] = SHA1.exec(text) ?? []
  if (digest === undefined) return null
  const of = (expected: Buffer): PasswordHash => ({
    kind: 'sha1',
    slow: false,
    verify: (password) => timingSafeEqual(hash('sha1', password, 'buffer'), expected),
    sham: () => of(randomBytes(20))
  })
  return of(Buffer.from(digest, 'base64'))
}

/** Text in the alphabet of crypt(3). */
function randomText (length: number): string {
  return randomBytes(length).toString('base64').slice(0, length).replaceAll('+', '.')
}

function peer<Package> (name: string, what: string, load: Load): Package {
  try {
    return load(name) as Package
  } catch (cause) {
    throw new MissingPackage(`an account with ${what}`, name, { cause })
  }
}
