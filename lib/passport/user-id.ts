import { parseCredentials } from '../fields/credentials.js'
import { canonicalBasic, readBasicUser } from '../strategies/basic.js'
import { readDigestUser } from '../strategies/digest/strategy.js'

/**
 * Finds the user-id in credentials: of those that a strategy has accepted, for a user object that
 * has no name in it; of those that were refused, for the log and for limits.
 *
 * @param scheme - In its registered case.
 * @returns `null` where the scheme has no user-id, or the credentials do not follow its grammar.
 * @example
 * readUserId('Basic', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==') // 'Aladdin'
 */
export function readUserId (scheme: string | null, credentials: string | undefined): string | null {
  if (credentials === undefined) return null
  try {
    return readPresented(scheme, credentials)
  } catch {
    // A foreign strategy that takes them as they are (`grammar: 'opaque'`) reads them as node does,
    // more likely than not.
    return scheme === 'Basic' ? readLeniently(credentials) : null
  }
}

/**
 * Reads who presents credentials for a foreign strategy, and whether they follow the grammar of
 * their scheme: one that overlooks more than we do would find a user in them for whom no guess is
 * counted.
 *
 * @returns `null` where there is no user-id in them.
 * @throws {MalformedField} {@link MalformedCredentials} They do not follow it.
 */
export function readPresented (scheme: string | null, credentials: string): string | null {
  if (scheme === 'Basic') return readBasicUser(credentials) ?? null
  if (scheme === 'Digest') return readDigestUser(credentials) ?? null
  parseCredentials(credentials)
  return null
}

function readLeniently (credentials: string): string | null {
  const token = /^\s*\S+\s+(\S+)/.exec(credentials)?.[1] ?? ''
  const pair = Buffer.from(token, 'base64').toString().normalize('NFC')
  const colon = pair.indexOf(':')
  return colon === -1 ? null : pair.slice(0, colon)
}

/**
 * Writes credentials in one way: the same for all texts that mean the same secret.
 *
 * @param scheme - Theirs, in lower case.
 */
export function meaningOf (credentials: string, scheme: string): string {
  return (scheme === 'basic' ? canonicalBasic(credentials) : undefined) ?? `${scheme} ${credentials.slice(scheme.length).trim()}`
}
