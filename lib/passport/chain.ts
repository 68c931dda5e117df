import { MalformedCredentials } from '../errors.js'
import { isThenable } from '../eventual.js'
import { readScheme } from '../fields/credentials.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { RefusalNote, Strategy } from '../strategies/strategy.js'
import type { Milliseconds } from '../types.js'
import { askStrategy, userIdOf } from './ask-strategy.js'
import type { RunSettings } from './ask-strategy.js'
import type { AttemptInput } from './attempt-input.js'
import { createChallengeList } from './chain-challenges.js'
import type { ChallengeLines } from './chain-challenges.js'
import type { Declared } from './declaration.js'
import { broken } from './outcome.js'
import type { Outcome, RefusalReason, Refused, Verdict } from './outcome.js'
import { linesOf, requestView } from './request-view.js'
import type { RequestView } from './request-view.js'
import { readPresented } from './user-id.js'

/** Options of {@link createChain}. */
export interface ChainOptions {
  /** How long one strategy may take. 1 or more. */
  readonly timeout: Milliseconds
}

/** The strategies of a route. */
export interface Chain {
  /**
   * The fields that carry credentials beside the standard one, in lower case. None of them is
   * forwarded.
   */
  readonly reads: readonly string[]
  /** Whether a strategy may let in a request that has no credentials in the field. */
  readonly admitsWithoutCredentials: boolean
  /**
   * Whether a verdict may need a hash of the content. If not, {@link contentHashes} need not be
   * asked.
   */
  readonly coversContent: boolean
  /**
   * The hashes of the content that the verdict on these credentials needs, by node's names. None
   * for most.
   */
  contentHashes (input: AttemptInput): readonly string[]
  /**
   * Decides about a request. Never throws or rejects. The outcome itself when the strategies answer
   * at once, else a promise of it.
   */
  authenticate (input: AttemptInput): Outcome | Promise<Outcome>
}

/** What runs for one scheme, in this order: the strategies for it, then those without a scheme. */
interface Plan {
  readonly scheme: string | null
  readonly steps: readonly Step[]
}

interface Step {
  readonly declared: Declared
  readonly settings: RunSettings
}

/** Puts strategies together on every connection alike: see `createChain` in `create-chain.ts`. */
export function chainOf (strategies: readonly Declared[], { timeout }: ChainOptions): Chain {
  const steps = strategies.map((declared): Step =>
    ({ declared, settings: Object.freeze({ name: declared.name, timeout, options: declared.options }) }))
  const unschemed: Plan = { scheme: null, steps: steps.filter(({ declared }) => declared.scheme === null) }
  const plans = new Map<string, Plan>()
  for (const { scheme } of strategies) {
    if (scheme === null || plans.has(scheme.toLowerCase())) continue
    const key = scheme.toLowerCase()
    const matching = steps.filter(({ declared }) => declared.scheme?.toLowerCase() === key)
    plans.set(key, { scheme, steps: [...matching, ...unschemed.steps] })
  }
  const list = createChallengeList(strategies)

  function authenticate (input: AttemptInput): Outcome | Promise<Outcome> {
    const { credentials } = input
    if (credentials === undefined) return advance(new ChainAttempt(credentials, 'missing'), unschemed, 0, input)
    const scheme = readScheme(credentials)
    if (scheme === undefined) return withoutScheme()
    const plan = plans.get(scheme.toLowerCase())
    if (plan === undefined) return advance(new ChainAttempt(credentials, 'not offered'), unschemed, 0, input)
    const reason = credentials.trim().length === scheme.length ? 'missing' : 'rejected'
    return advance(new ChainAttempt(credentials, reason), plan, 0, input)
  }

  function contentHashes (input: AttemptInput): readonly string[] {
    const plan = plans.get(readScheme(input.credentials ?? '')?.toLowerCase() ?? '')
    const names = new Set<string>()
    for (const { declared } of plan?.steps ?? []) {
      if (!covers(declared)) continue
      const name = declared.strategy.contentHashFor(viewFor(declared, input), declared.options)
      if (name !== null) names.add(name)
    }
    return [...names]
  }

  function advance (walk: ChainAttempt, plan: Plan, next: number, input: AttemptInput): Outcome | Promise<Outcome> {
    for (; next < plan.steps.length; next++) {
      const { declared, settings } = plan.steps[next]!
      if (declared.scheme === null && walk.status !== 407) break
      if (!walk.mayRun(declared)) continue
      const verdict = askStrategy(declared, input, () => viewFor(declared, input), settings)
      if (isThenable(verdict)) {
        const following = next + 1
        return verdict.then((later) =>
          walk.conclude(declared, later, isContentToCome(input)) ??
          anotherLeg(walk, plan, input) ??
          advance(walk, plan, following, input))
      }
      const outcome = walk.conclude(declared, verdict, isContentToCome(input)) ?? anotherLeg(walk, plan, input)
      if (outcome !== undefined) return outcome
    }
    return refuse(walk, plan, input)
  }

  function refuse (walk: ChainAttempt, plan: Plan, input: AttemptInput): Outcome | Promise<Outcome> {
    if (walk.status !== 407) return refused(walk, plan, walk.challenges ?? [])
    const said = walk.challenges === null || plan.scheme === null
      ? undefined
      : { scheme: plan.scheme, lines: walk.challenges }
    const lines = list(() => bareView(input), said)
    return isThenable(lines)
      ? Promise.resolve(lines).then((later) => refused(walk, plan, later))
      : refused(walk, plan, lines)
  }

  return Object.freeze({
    reads: Object.freeze([...new Set(strategies.flatMap((declared) => declared.reads))]),
    admitsWithoutCredentials: unschemed.steps.length > 0,
    coversContent: strategies.some(covers),
    contentHashes,
    authenticate
  })
}

// The other challenges would tell the client to choose again.
function anotherLeg (
  { status, challenges }: ChainAttempt, { scheme }: Plan, { leg }: AttemptInput
): Refused | undefined {
  if (leg === undefined || !leg.continues || status !== 407 || challenges === null) return undefined
  return { kind: 'refused', status, reason: 'continued', challenges, scheme, cause: null, note: null, continues: true }
}

// What a strategy without a scheme takes from the field is nothing, so that no credentials reach
// the wrong verifier.
function viewFor (declared: Declared, input: AttemptInput): RequestView {
  const { contentHash, leg } = input
  const credentials = declared.scheme === null ? undefined : input.credentials
  const view = requestView(input.raw, credentials, input.url, input.ip, declared.reads)
  if (leg !== undefined && isConnectionBound(declared.scheme)) return { ...view, handshake: leg.for(declared) }
  const covered = declared.own ? (declared.strategy as Strategy).coveredFields(view, declared.options) : []
  const readsContent = isContentToCome(input) && covers(declared)
  if (contentHash === undefined && covered.length === 0 && !readsContent) return view
  return {
    ...view,
    ...(contentHash !== undefined && { contentHash }),
    ...(readsContent && { readsContent }),
    ...(covered.length > 0 && { fieldLines: linesOf(input.raw, covered) })
  }
}

function isContentToCome ({ readsContent, contentHash }: AttemptInput): boolean {
  return readsContent === true && contentHash === undefined
}

function covers (declared: Declared): declared is Declared & { readonly strategy: Strategy } {
  return declared.own && (declared.strategy as Strategy).coversContent
}

function bareView (input: AttemptInput): RequestView {
  return requestView(input.raw, undefined, input.url, input.ip, [])
}

function withoutScheme (): Refused {
  const cause = new MalformedCredentials('no scheme')
  return { kind: 'refused', status: 400, reason: 'malformed', challenges: [], scheme: null, cause, note: null }
}

function refused (walk: ChainAttempt, plan: Plan, challenges: ChallengeLines): Outcome {
  if ('kind' in challenges) return challenges
  const { status, reason, cause, note } = walk
  const { scheme } = plan
  // A 407 must have a challenge, and a client that nothing is asked of cannot do better next time.
  return status === 407 && challenges.length === 0
    ? { kind: 'refused', status: 403, reason, challenges, scheme, cause, note }
    : { kind: 'refused', status, reason, challenges, scheme, cause, note }
}

/** The way of one request past the strategies: what has been said so far. */
export class ChainAttempt {
  /** 407 until a strategy says another status; the first of those stands. */
  status: Refused['status'] = 407
  reason: RefusalReason
  /** Challenges of the presented scheme that a strategy said, in the place of the usual. */
  challenges: readonly string[] | null = null
  cause: Error | null = null
  note: RefusalNote | null = null
  private readonly credentials: string | undefined
  private wellFormed: boolean | undefined

  constructor (credentials: string | undefined, reason: RefusalReason) {
    this.credentials = credentials
    this.reason = reason
  }

  /**
   * Whether a strategy may see the credentials: those of a foreign one follow the grammar of their
   * scheme as far as we know it, unless it takes them as they are.
   */
  mayRun (declared: Declared): boolean {
    if (declared.grammar !== 'rfc9110' || declared.scheme === null || this.credentials === undefined) return true
    if (this.wellFormed !== undefined) return this.wellFormed
    try {
      readPresented(declared.scheme, this.credentials)
      this.wellFormed = true
    } catch (cause) {
      this.wellFormed = false
      this.keep(400, 'malformed', null, asMalformed(cause))
    }
    return this.wellFormed
  }

  /**
   * Turns a verdict into the outcome; or notes it, and the next strategy may try.
   *
   * @param readsContent - Whether a strategy may ask for the content.
   */
  conclude (declared: Declared, verdict: Verdict, readsContent = false): Outcome | undefined {
    if (verdict.kind === 'broken') return verdict
    const { name, scheme, realm } = declared
    if (verdict.kind === 'accepted') {
      const { user, info } = verdict
      try {
        const userId = userIdOf(info, scheme, this.credentials)
        return { kind: 'granted', user, info, scheme, realm, strategy: name, userId }
      } catch (cause) { // a member of what the strategy gave
        return broken(name, cause)
      }
    }
    const { challenge } = verdict
    if (readsContent && declared.own && verdict.note?.needsContent === true) {
      return this.untilContent(declared, verdict.note)
    }
    if (declared.own) this.note ??= verdict.note // a foreign one means something else by a third argument, if anything
    const status = statusOf(verdict.status, declared.own)
    if (status === 500 || status === 503) return broken(name, new FailedWith(status, challenge))
    const said = declared.challengesIn(challenge)
    if (status === 400) this.keep(400, 'malformed', said, asMalformed(challenge))
    else if (status !== 407) this.keep(status, 'forbidden', said, null)
    else if (this.status === 407) this.challenges ??= said ?? (this.reason === 'missing' ? null : declared.afterRefusal)
    if (this.reason === 'rejected' && said?.some(continuesHandshake) === true) this.reason = 'continued'
    return undefined
  }

  /** Ends the walk: the strategies are asked anew, with the content. */
  private untilContent ({ scheme }: Declared, note: RefusalNote): Refused {
    return { kind: 'refused', status: 407, reason: 'rejected', challenges: [], scheme, cause: null, note, needsContent: true }
  }

  private keep (status: Refused['status'], reason: RefusalReason, said: readonly string[] | null, cause: Error | null): void {
    if (this.status !== 407) return
    this.status = status
    this.reason = reason
    this.challenges = said
    this.cause = cause
  }
}

/** A challenge with a token68, as NTLM and Negotiate send between their legs. */
function continuesHandshake (line: string): boolean {
  return /^\S+ [\w\-.~+/]+=*$/.test(line)
}

/** Why a strategy is broken that says 5xx with `fail`. */
class FailedWith extends Error {
  readonly statusCode: number

  constructor (statusCode: number, cause: unknown) {
    super(`the strategy failed with the status ${statusCode}`, { cause })
    this.statusCode = statusCode
  }
}

/**
 * What a status of `fail` means here. None, and 401, is 407. 403 and 429 stay, 5xx is an error. 400
 * stays with ours; with others it says mostly that there are no credentials, or those of another
 * scheme, and so is 407, as is any other.
 */
function statusOf (status: number | undefined, own: boolean): 400 | 403 | 407 | 429 | 500 | 503 {
  if (status === 403 || status === 429 || status === 503) return status
  if (status === 400) return own ? 400 : 407
  return typeof status === 'number' && status >= 500 ? 500 : 407
}

function asMalformed (cause: unknown): Error {
  if (cause instanceof MalformedCredentials) return cause
  return new MalformedCredentials('not the grammar of the scheme', { cause })
}
