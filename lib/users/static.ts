import { randomBytes } from 'node:crypto'
import { BadOption } from '../errors.js'
import { isObject } from '../check-option.js'
import type { UserPass } from '../schemes/basic.js'
import { findDigestAlgorithm } from '../schemes/digest/algorithm.js'
import type { DigestHash } from '../schemes/digest/algorithm.js'
import { computeUserhash } from '../schemes/digest/response.js'
import { hashOfText, timingSafeEqualHash } from '../schemes/equal-text.js'
import { knowingAccounts } from '../store/known-accounts.js'

// Accounts that are known when the program starts: how they are read, and what finds them for
// Basic, Digest and NTLM.

/**
 * An account that is known when the program starts: its password, or that and what else its user
 * object is to have, such as the `groups` that rules decide by.
 */
export type StaticAccount = string | { readonly password: string, readonly groups?: readonly string[] }

/** Accounts by user name. */
export type StaticUsers<Account extends StaticAccount> =
  ReadonlyMap<string, Account> | Readonly<Record<string, Account>>

/** The user object of an account: its name, and its members but the password. */
export type StaticUser<Account extends StaticAccount> =
  Account extends string ? { readonly username: string } : { readonly username: string } & Omit<Account, 'password' | 'username'>

/** An account, read. */
export interface KnownAccount<Account extends StaticAccount> {
  readonly password: string
  readonly user: StaticUser<Account>
  /** Whether it is a password and nothing else. */
  readonly plain: boolean
}

/**
 * Reads accounts that are known when the program starts. What changes in the list later changes
 * nothing.
 *
 * @returns By user name. Names, groups and passwords are in Unicode form C, as schemes and rules
 *   read them, so that two ways to type a letter are one.
 * @throws {BadOption} There is a name with a colon, which neither Basic nor Digest can carry, a
 *   password that is no text, or groups that are no list of text.
 */
export function readStaticUsers<Account extends StaticAccount> (
  users: StaticUsers<Account>
): Map<string, KnownAccount<Account>> {
  const known = new Map<string, KnownAccount<Account>>()
  for (const [name, account] of users instanceof Map ? users as ReadonlyMap<string, Account> : Object.entries(users)) {
    const plain = !isObject(account)
    const { password, ...attributes } = (plain ? { password: account } : account) as Exclude<StaticAccount, string>
    if (name.includes(':')) throw new BadOption('users', 'names without a colon', 'a name with one')
    if (typeof password !== 'string') throw new BadOption('users', 'passwords of text, or objects with one', typeof password)
    const username = name.normalize('NFC')
    const user = { ...attributes, ...readGroups(attributes), username } as StaticUser<Account>
    known.set(username, { password: password.normalize('NFC'), user, plain })
  }
  return known
}

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

interface Grouped {
  readonly groups?: readonly string[]
}

/** Frozen: what a request does with the list must not give a group to others. */
function readGroups ({ groups }: Grouped): Grouped {
  if (groups === undefined) return {}
  const isList = Array.isArray(groups) && groups.every((group) => typeof group === 'string')
  if (!isList) throw new BadOption('users', 'accounts whose groups are a list of text', typeof groups)
  return { groups: Object.freeze(groups.map((group: string) => group.normalize('NFC'))) }
}
