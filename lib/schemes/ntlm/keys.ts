import { createHmac } from 'node:crypto'
import { md4 } from './md4.js'
import { rc4 } from './rc4.js'

/**
 * The NT hash of a password, which is all that a domain keeps of it. It is as good as the password:
 * an attacker that has it can log in.
 *
 * @example
 * ntHash('Password').toString('hex') // 'a4f49c406510bdcab6824ee7c30fd852'
 */
export function ntHash (password: string): Buffer {
  return md4(Buffer.from(password, 'utf16le'))
}

/**
 * The NT hash of an account, out of its password or of the hash itself: 16 octets, or 32 hex
 * digits.
 *
 * @returns `undefined` where it has neither: an account without a secret must not accept
 *   credentials without one.
 */
export function ntHashOf (
  { password, ntHash: hash }: { readonly password?: unknown, readonly ntHash?: unknown }
): Buffer | undefined {
  if (typeof password === 'string' && password !== '') return ntHash(password)
  const octets = typeof hash === 'string' && /^[0-9a-f]{32}$/i.test(hash) ? Buffer.from(hash, 'hex') : hash
  return octets instanceof Uint8Array && octets.length === 16 ? Buffer.from(octets) : undefined
}

/**
 * The key of a user in a domain, version 2. The name is in upper case, char by char; the domain as
 * the client wrote it.
 *
 * @see
 *   {@link https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/5e550938-91d4-459f-b67d-75d70009e3f3 MS-NLMP, 3.3.2}
 */
export function ntowfv2 (hash: Buffer, user: string, domain: string): Buffer {
  return hmac(hash, Buffer.from(upperCase(user) + domain, 'utf16le'))
}

/** The proof that heads a response: over the server's challenge and the rest of the response. */
export function ntProof (key: Buffer, serverChallenge: Buffer, rest: Buffer): Buffer {
  return hmac(key, serverChallenge, rest)
}

/** The key of both sides from now on, before an exchange of keys. */
export function sessionBaseKey (key: Buffer, proof: Buffer): Buffer {
  return hmac(key, proof)
}

/** The key that the client chose, and encrypted with the one before. */
export function exchangedKey (baseKey: Buffer, encrypted: Buffer): Buffer {
  return rc4(baseKey, encrypted)
}

/** The integrity code over the three messages. */
export function messageIntegrityCode (key: Buffer, ...messages: Buffer[]): Buffer {
  return hmac(key, ...messages)
}

/** As Windows does it: a char has one char for its upper case, or stays. */
function upperCase (text: string): string {
  let upper = ''
  for (const char of text) {
    const other = char.toUpperCase()
    upper += other.length === char.length ? other : char
  }
  return upper
}

function hmac (key: Buffer, ...parts: Buffer[]): Buffer {
  const sum = createHmac('md5', key)
  for (const part of parts) sum.update(part)
  return sum.digest()
}
