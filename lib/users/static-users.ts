import { BadOption } from '../errors.js'
import { isObject } from '../check-option.js'

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
