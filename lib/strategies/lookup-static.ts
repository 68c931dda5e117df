import { findDigestAlgorithm } from '../schemes/digest/algorithm.js'
import type { DigestHash } from '../schemes/digest/algorithm.js'
import { computeUserhash } from '../schemes/digest/response.js'

/** An account that is known when the program starts. */
export interface StaticAccount {
  readonly username: string
  readonly password: string
}

/**
 * Makes the look-ups of `DigestStrategy` for a handful of accounts that are known when the program starts: for examples,
 * tests, a small office. What `verifyStatic` is for Basic.
 *
 * @param users - Passwords by user name.
 * @returns `lookup` and `lookupHash`, to be spread into the options.
 * @example
 * new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }) })
 */
export function lookupStatic (users: Readonly<Record<string, string>>) {
  const byName = new Map<string, StaticAccount>()
  for (const [username, password] of Object.entries(users)) {
    const name = username.normalize('NFC')
    byName.set(name, { username: name, password })
  }
  /** By hash and realm, of which there are few; in it, by userhash. */
  const byHash = new Map<string, Map<string, StaticAccount>>()

  function hashed (realm: string, hash: DigestHash): Map<string, StaticAccount> {
    const key = `${hash} ${realm}`
    const known = byHash.get(key)
    if (known !== undefined) return known
    const algorithm = findDigestAlgorithm(hash)!
    const accounts = new Map([...byName.values()].map(account => [computeUserhash(algorithm, account.username, realm), account]))
    byHash.set(key, accounts)
    return accounts
  }

  return {
    lookup: (username: string): StaticAccount | null => byName.get(username) ?? null,
    lookupHash: (userhash: string, realm: string, hash: DigestHash): StaticAccount | null => hashed(realm, hash).get(userhash) ?? null
  }
}
