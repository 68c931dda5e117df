import { isThenable } from '../../eventual.js'
import type { AttemptInput, Chain } from '../../passport/chain.js'
import type { Outcome } from '../../passport/outcome.js'
import { readUserId } from '../../passport/user-id.js'

/** How many names are remembered. */
const MAX_USERS = 10_000

/**
 * Adds to a refusal whom it is about, for the log, where that may be written down: people type
 * passwords into the place for their name (RFC 7616, 3.4), so only names by which these strategies
 * have accepted a user.
 *
 * @param known - The names so far; several chains may share them.
 */
export function withKnownUsers (chain: Chain, known: Set<string>): Chain {
  const told = (input: AttemptInput, outcome: Outcome): Outcome => {
    if (outcome.kind === 'granted' && outcome.userId !== null) remember(known, outcome.userId)
    if (outcome.kind !== 'refused' || input.credentials === undefined) return outcome
    // Also where the note has a name: the time must not tell whether there is such a user.
    const userId = readUserId({}, outcome.scheme, input.credentials)
    if (userId === null || !known.has(userId) || outcome.note?.userId != null) return outcome
    const note = outcome.note ?? { reason: outcome.reason, guess: outcome.reason === 'rejected' }
    return { ...outcome, note: { ...note, userId } }
  }
  return Object.freeze({
    ...chain,
    authenticate (input: AttemptInput) {
      const outcome = chain.authenticate(input)
      return isThenable(outcome) ? outcome.then((later) => told(input, later)) : told(input, outcome)
    }
  })
}

/** The oldest goes first: a set keeps its order. */
function remember (known: Set<string>, userId: string): void {
  if (known.has(userId)) return
  if (known.size >= MAX_USERS) known.delete(known.values().next().value!)
  known.add(userId)
}
