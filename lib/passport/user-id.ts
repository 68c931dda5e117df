import { parseCredentials } from '../fields/credentials.js'
import { readBasicUser } from '../strategies/basic.js'

/**
 * Finds the user-id in credentials that a strategy has accepted, for a user object that has no name in it.
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
    if (scheme === 'Digest') return parseCredentials(credentials).params?.username ?? null
  } catch {
    // A foreign strategy has accepted what we cannot read.
  }
  return null
}
