import { TooManyAttempts } from '../errors.js'
import { readScheme } from '../fields/credentials.js'
import type { AttemptInput, Chain } from '../passport/chain.js'
import type { Outcome, Refused } from '../passport/outcome.js'
import { readUserId } from '../passport/user-id.js'
import type { Attempts, Entry, Trial } from '../policy/attempts.js'
import type { Milliseconds } from '../types.js'

/** Schemes whose credentials are made with the secret and do not show it. */
const COMPUTED = new Set(['digest', 'ntlm', 'negotiate', 'aws4-hmac-sha256', 'hawk'])
/** Schemes that say who presents them, as they are registered. */
const NAMED = new Map([['basic', 'Basic'], ['digest', 'Digest']])

/**
 * Asks the strategies no more often than the limits for wrong secrets let it, and tells the limits what came of it. Requests
 * that present nothing, and those that are refused for another reason than a wrong secret, count for nothing.
 */
export function limited (chain: Chain, attempts: Attempts): Chain {
  const go = (entered: Entry | Milliseconds, trial: Trial & Presented, input: AttemptInput): Outcome | Promise<Outcome> => {
    if (typeof entered === 'number') return tooMany(entered)
    const outcome = chain.authenticate(input)
    return 'then' in outcome ? outcome.then(later => settle(entered, trial, later)) : settle(entered, trial, outcome)
  }
  return Object.freeze({
    ...chain,
    authenticate (input: AttemptInput) {
      const trial = readTrial(input, chain.reads)
      if (trial === null) return chain.authenticate(input)
      const entered = attempts.enter(trial)
      return 'then' in entered ? entered.then(later => go(later, trial, input)) : go(entered, trial, input)
    }
  })
}

/** A refusal goes out when it has been counted, so that the next one finds it. */
function settle (entry: Entry, presented: Presented, outcome: Outcome): Outcome | Promise<Outcome> {
  if (outcome.kind === 'refused' && isWrongSecret(outcome, presented)) {
    return entry.refused().then(() => {
      entry.leave()
      return outcome
    })
  }
  if (outcome.kind === 'granted') entry.accepted()
  entry.leave()
  return outcome
}

function isWrongSecret ({ reason, note }: Refused, { inFields }: Presented): boolean {
  return note?.guess ?? (reason === 'rejected' || (inFields && (reason === 'missing' || reason === 'not offered')))
}

interface Presented {
  /** There is something in fields of which only the strategies know. */
  readonly inFields: boolean
}

function readTrial ({ credentials, raw: { headers }, ip }: AttemptInput, reads: readonly string[]): Trial & Presented | null {
  const values = reads.map(name => headers[name]).filter(value => value !== undefined)
  const scheme = credentials === undefined ? undefined : readScheme(credentials)?.toLowerCase()
  if (scheme === undefined && values.length === 0) return null
  return {
    address: ip,
    user: () => readUserId({}, NAMED.get(scheme ?? '') ?? null, credentials),
    presented: values.length === 0 ? `${scheme} ${credentials!.slice(scheme!.length).trim()}` : JSON.stringify([credentials, values]),
    showsSecret: scheme === undefined || !COMPUTED.has(scheme),
    inFields: values.length > 0
  }
}

/** Without challenges: no client does better by trying again at once. */
function tooMany (wait: Milliseconds): Refused {
  const seconds = Math.ceil(wait / 1000)
  const cause = Object.assign(new TooManyAttempts(seconds), { headers: { 'retry-after': String(seconds) } })
  return { kind: 'refused', status: 429, reason: 'limited', challenges: [], scheme: null, cause, note: null }
}
