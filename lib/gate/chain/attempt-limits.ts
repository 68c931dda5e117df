import { StrategyTimeout, TooManyAttempts } from '../../errors.js'
import { readScheme } from '../../fields/credentials.js'
import type { AttemptInput } from '../../passport/attempt-input.js'
import type { Chain } from '../../passport/chain.js'
import type { Declared } from '../../passport/declaration.js'
import { isWrongSecret } from '../../passport/outcome.js'
import type { Granted, Outcome, RefusalReason, Refused } from '../../passport/outcome.js'
import { meaningOf, readUserId } from '../../passport/user-id.js'
import { traitsOf } from '../../schemes/traits.js'
import type { GuessLimiter, Admission, Guess } from '../../policy/attempts/attempts.js'
import type { Milliseconds } from '../../types.js'

/**
 * Asks the strategies no more often than the limits for wrong secrets let it, and tells the limits
 * what came of it. Requests that present nothing to any strategy here, and those that are refused
 * for another reason than a wrong secret, count for nothing.
 *
 * @param strategies - Those of the chain.
 */
export function withAttemptLimits (
  chain: Chain, attempts: GuessLimiter, strategies: readonly LimitedStrategy[]
): Chain {
  const schemes = new Set(strategies.flatMap(({ scheme }) => scheme === null ? [] : [scheme.toLowerCase()]))
  const go = (
    entered: Admission | Milliseconds, trial: Guess & PresentedFields, input: AttemptInput
  ): Outcome | Promise<Outcome> => {
    if (typeof entered === 'number') return tooMany(entered)
    const outcome = chain.authenticate(input)
    return 'then' in outcome ? outcome.then((later) => settle(entered, trial, strategies, later)) : settle(entered, trial, strategies, outcome)
  }
  return Object.freeze({
    ...chain,
    authenticate (input: AttemptInput) {
      const trial = readTrial(input, chain.reads, schemes)
      if (trial === null) return chain.authenticate(input)
      const entered = attempts.enter(trial)
      return 'then' in entered ? entered.then((later) => go(later, trial, input)) : go(entered, trial, input)
    }
  })
}

/** A refusal goes out when it has been counted, so that the next one finds it. */
function settle (
  entry: Admission, presented: PresentedFields, strategies: readonly LimitedStrategy[], outcome: Outcome
): Outcome | Promise<Outcome> {
  if (outcome.kind === 'granted' && isBy(outcome, presented, strategies)) {
    const wait = entry.accepted(outcome.userId)
    if (typeof wait !== 'number') return Promise.resolve(wait).then((later) => leave(entry, later, outcome))
  } else if (outcome.kind === 'granted' || (outcome.kind === 'refused' && isWrongGuess(outcome, presented))) {
    const userId = outcome.kind === 'granted' ? null : outcome.note?.userId
    return entry.refused(userId).then((wait) => leave(entry, wait, outcome))
  } else if (outcome.kind === 'broken' && outcome.cause instanceof StrategyTimeout) {
    // Work that ends too late is work all the same: a guess that takes long must not be one without
    // a limit.
    return entry.undecided().then(() => {
      entry.leave()
      return outcome
    })
  }
  entry.leave()
  return outcome
}

/** A client that has to wait is not told what was found. */
function leave (entry: Admission, wait: Milliseconds, outcome: Outcome): Outcome {
  entry.leave()
  return wait > 0 ? tooMany(wait) : outcome
}

/**
 * Whether a user was let in by the credentials that were presented. A client whose certificate is
 * accepted anyway could else try as many passwords as it likes.
 */
function isBy ({ strategy }: Granted, { fields }: PresentedFields, strategies: readonly LimitedStrategy[]): boolean {
  return strategies.some(({ name, scheme, reads }) =>
    name === strategy && (scheme !== null || reads.some((field) => fields.includes(field))))
}

/**
 * A secret in a field of its own is a guess whatever was said of credentials beside it: a stale
 * nonce, a version.
 */
function isWrongGuess (refused: Refused, { fields }: PresentedFields): boolean {
  return isWrongSecret(refused) || (fields.length > 0 && refused.needsContent !== true && ASKED.has(refused.reason))
}

/**
 * Why a request is refused when the strategies for other fields were asked and nothing else ended
 * the matter.
 */
const ASKED: ReadonlySet<RefusalReason> = new Set(['missing', 'not offered', 'rejected'])

interface PresentedFields {
  /** The fields beside the usual one with something in them. */
  readonly fields: readonly string[]
}

/** What limits have to know of a strategy. */
type LimitedStrategy = Pick<Declared, 'name' | 'scheme' | 'reads'>

function readTrial (
  { credentials, raw: { headers }, ip }: AttemptInput, reads: readonly string[], schemes: ReadonlySet<string>
): Guess & PresentedFields | null {
  const fields = reads.filter((name) => headers[name] !== undefined)
  const scheme = credentials === undefined ? undefined : readScheme(credentials)?.toLowerCase()
  const offered = scheme !== undefined && schemes.has(scheme)
  if (!offered && fields.length === 0) return null
  const { name, namesUser, computed } = traitsOf(scheme ?? null)
  return {
    address: ip ?? '', // a socket in the file system has none
    user: () => readUserId(namesUser ? name : null, credentials),
    presented: fields.length === 0
      ? meaningOf(credentials!, scheme!)
      : JSON.stringify([credentials, fields.map((name) => headers[name])]),
    showsSecret: fields.length > 0 || !offered || !computed,
    fields
  }
}

/** Without challenges: no client does better by trying again at once. */
function tooMany (wait: Milliseconds): Refused {
  return { kind: 'refused', status: 429, reason: 'limited', challenges: [], scheme: null, cause: new TooManyAttempts(wait), note: null }
}
