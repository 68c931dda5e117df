import { findDigestAlgorithm } from '../schemes/digest/algorithm.js'
import type { DigestHash } from '../schemes/digest/algorithm.js'
import { computeUserhash } from '../schemes/digest/response.js'
import { knowingAccounts } from '../store/known-accounts.js'
import { readStaticUsers } from './static-users.js'
import type { StaticAccount, StaticUser, StaticUsers } from './static-users.js'

/**
 * What the look-ups of {@link lookupStatic} find. Of an account that is a password alone, the
 * strategy makes the user object.
 */
export type FoundAccount<Account extends StaticAccount> =
  { readonly username: string, readonly password: string } &
  (Account extends string ? {} : { readonly user: StaticUser<Account> })

/**
 * What {@link lookupStatic} gives, to be spread into the options of `DigestStrategy`. `lookup`
 * serves `NtlmStrategy` too.
 */
export interface StaticLookups<Account extends StaticAccount> {
  readonly lookup: (username: string) => FoundAccount<Account> | null
  readonly lookupHash: (userhash: string, realm: string, hash: DigestHash) => FoundAccount<Account> | null
}

/**
 * Makes the look-ups of `DigestStrategy` for a handful of accounts that are known when the program
 * starts: for examples, tests, a small office. What `verifyStatic` is for Basic.
 *
 * @param users - By user name, passwords, or objects with a `password` and what else the user
 *   object is to have, such as `groups`, a list of text.
 * @returns `lookup` and `lookupHash`, to be spread into the options; those members are in a user
 *   object that is frozen.
 * @throws {BadOption} There is a name with a colon, which Digest cannot carry, a password that is
 *   no text, or groups that are no list of text.
 * @example
 * new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }) })
 * new DigestStrategy({ ...lookupStatic({ alice: { password: 'alice-secret', groups: ['ops'] } }) })
 */
export function lookupStatic<Account extends StaticAccount> (users: StaticUsers<Account>): StaticLookups<Account> {
  const byName = new Map<string, FoundAccount<Account>>()
  for (const [username, { password, user, plain }] of readStaticUsers(users)) {
    const account = plain ? { username, password } : { username, password, user: Object.freeze(user) }
    byName.set(username, account as FoundAccount<Account>)
  }
  /** By hash and realm, of which there are few; in it, by userhash. */
  const byHash = new Map<string, Map<string, FoundAccount<Account>>>()

  function hashed (realm: string, hash: DigestHash): Map<string, FoundAccount<Account>> {
    const key = `${hash} ${realm}`
    const known = byHash.get(key)
    if (known !== undefined) return known
    const algorithm = findDigestAlgorithm(hash)!
    const accounts = new Map([...byName.values()].map((account) =>
      [computeUserhash(algorithm, account.username, realm), account]))
    byHash.set(key, accounts)
    return accounts
  }

  return {
    lookup: knowingAccounts((username: string) => byName.get(username) ?? null, (name) => byName.has(name)),
    lookupHash: (userhash, realm, hash) => hashed(realm, hash).get(userhash) ?? null
  }
}
