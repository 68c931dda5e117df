import { randomBytes } from 'node:crypto'
import { BadOption } from '../errors.js'
import type { UserPass } from '../schemes/basic.js'
import { hashOfText, timingSafeEqualHash } from '../schemes/equal-text.js'

/**
 * Makes a verifier for a handful of accounts that are known when the program starts: for examples, tests, a small
 * office. Passwords stay in memory under a fast hash; a user store of any size wants salted, slow ones.
 *
 * A user that does not exist costs what a wrong password costs, and passwords are compared in constant time.
 *
 * @param users - Passwords by user name.
 * @returns For `verify` of {@link BasicStrategy}; accepts with `{ username }`.
 * @throws {BadOption} There is a name with a colon, which Basic cannot carry, or a password that is no text.
 * @example
 * new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret', bob: 'bob-secret' }) })
 */
export function verifyStatic (
  users: ReadonlyMap<string, string> | Readonly<Record<string, string>>
): (pair: UserPass) => { readonly username: string } | null {
  // Hashed once: of equal length, so that comparing tells nothing, not even how long a password is.
  const passwords = new Map<string, Buffer>()
  for (const [username, password] of users instanceof Map ? users : Object.entries(users)) {
    if (username.includes(':')) throw new BadOption('users', 'names without a colon', 'a name with one')
    if (typeof password !== 'string') throw new BadOption('users', 'passwords of text', typeof password)
    // As the scheme reads them, so that two ways to type a letter are one.
    passwords.set(username.normalize('NFC'), hashOfText(password.normalize('NFC')))
  }
  const nobodys = randomBytes(32)
  return ({ username, password }) => {
    const expected = passwords.get(username)
    const equal = timingSafeEqualHash(password, expected ?? nobodys)
    return equal && expected !== undefined ? { username } : null
  }
}
