import { randomBytes } from 'node:crypto'
import type { UserPass } from '../schemes/basic.js'
import { hashOfText, timingSafeEqualHash } from '../schemes/equal-text.js'
import { knowingAccounts } from '../store/known-accounts.js'
import { readStaticUsers } from './static-users.js'
import type { StaticAccount, StaticUser, StaticUsers } from './static-users.js'

/**
 * Makes a verifier for a handful of accounts that are known when the program starts: for examples,
 * tests, a small office. Passwords stay in memory under a fast hash; a user store of any size wants
 * salted, slow ones.
 *
 * A user that does not exist costs what a wrong password costs, and passwords are compared in
 * constant time.
 *
 * @param users - By user name, passwords, or objects with a `password` and what else the user
 *   object is to have, such as `groups`, a list of text.
 * @returns For `verify` of {@link BasicStrategy}; accepts with `{ username }` and those members.
 * @throws {BadOption} There is a name with a colon, which Basic cannot carry, a password that is no
 *   text, or groups that are no list of text.
 * @example
 * new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret', bob: 'bob-secret' }) })
 * new BasicStrategy({
 *   verify: verifyStatic({ alice: { password: 'alice-secret', groups: ['ops'] } })
 * })
 */
export function verifyStatic<Account extends StaticAccount> (
  users: StaticUsers<Account>
): (pair: UserPass) => StaticUser<Account> | null {
  // Hashed once: of equal length, so that comparing tells nothing, not even how long a password is.
  const known = new Map([...readStaticUsers(users)].map(([name, { password, user }]) =>
    [name, { hash: hashOfText(password), user }]))
  const nobodys = randomBytes(32)
  return knowingAccounts(({ username, password }: UserPass) => {
    const account = known.get(username)
    const equal = timingSafeEqualHash(password, account?.hash ?? nobodys)
    return equal && account !== undefined ? { ...account.user } : null // a copy: what a request does with it is its own
  }, (name) => known.has(name))
}
