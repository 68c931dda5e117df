import type { Refused } from '../../passport/outcome.js'
import { readUserId } from '../../passport/user-id.js'

/** How many names are remembered. */
const MAX_USERS = 10_000

/**
 * The names by which the strategies have accepted a user. Only these may the log have of a refusal:
 * people type passwords into the place for their name (RFC 7616, 3.4).
 */
export class KnownUsers extends Set<string> {
  /** The oldest goes first: a set keeps its order. */
  override add (userId: string): this {
    if (this.size >= MAX_USERS && !this.has(userId)) this.delete(this.values().next().value!)
    return super.add(userId)
  }

  /** Adds to a refusal whom it is about, where that may be written down. */
  addTo (refused: Refused, credentials: string | undefined): Refused {
    if (credentials === undefined) return refused
    // Also where the note has a name: the time must not tell whether there is such a user.
    const userId = readUserId(refused.scheme, credentials)
    if (userId === null || !this.has(userId) || refused.note?.userId != null) return refused
    const note = refused.note ?? { reason: refused.reason, guess: refused.reason === 'rejected' }
    return { ...refused, note: { ...note, userId } }
  }
}
