import { canonicalBasic, readBasicUser } from '../strategies/basic.js'
import { readDigestUser } from '../strategies/digest.js'

/**
 * Finds the user-id in credentials: of those that a strategy has accepted, for a user object that has no name in it; of
 * those that were refused, for the log and for limits.
 *
 * @param info - What the strategy passed to `success`. Ours put it there as `userId`.
 * @param scheme - In its registered case.
 * @returns `null` where the scheme has no user-id, or the credentials do not follow its grammar.
 * @example
 * readUserId({}, 'Basic', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==') // 'Aladdin'
 */
export function readUserId (info: unknown, scheme: string | null, credentials: string | undefined): string | null {
  const told = (info as { userId?: unknown }).userId
  if (typeof told === 'string') return told
  if (credentials === undefined) return null
  try {
    if (scheme === 'Basic') return readBasicUser(credentials) ?? null
    if (scheme === 'Digest') return readDigestUser(credentials) ?? null
  } catch {
    // A foreign strategy has accepted what we cannot read.
  }
  return null
}

/**
 * Writes credentials in one way: the same for all texts that mean the same secret.
 *
 * @param scheme - Theirs, in lower case.
 */
export function meaningOf (credentials: string, scheme: string): string {
  return (scheme === 'basic' ? canonicalBasic(credentials) : undefined) ?? `${scheme} ${credentials.slice(scheme.length).trim()}`
}
