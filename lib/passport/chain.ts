import { MalformedCredentials } from '../errors.js'
import { isThenable } from '../eventual.js'
import { readScheme } from '../fields/credentials.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { Strategy } from '../strategies/strategy.js'
import type { Milliseconds } from '../types.js'
import { createChallengeList } from './chain-challenges.js'
import type { ChallengeLines } from './chain-challenges.js'
import type { Leg } from './connection-identity.js'
import type { Declared } from './declaration.js'
import { askStrategy } from './ask-strategy.js'
import type { RunSettings } from './ask-strategy.js'
import type { Outcome, Refused } from './outcome.js'
import { linesOf, requestView } from './request-view.js'
import type { RawRequest, RequestView } from './request-view.js'
import { ChainAttempt } from './chain-attempt.js'

/** One request that wants in. */
export interface AttemptInput {
  readonly raw: RawRequest
  /**
   * The one value of `Proxy-Authorization`, or of `Authorization` on a route that is an origin;
   * `undefined`: no field.
   */
  readonly credentials: string | undefined
  /** The request-target as the client signed it. */
  readonly url: string
  readonly ip: string
  /**
   * What is counted as the client's address where room is shared out by address. Empty, or left
   * out: there is none to tell. It may be a getter: few attempts look at it.
   */
  readonly from?: string
  /**
   * Hashes of the content by node's names, where {@link Chain.contentHashes} has asked for some.
   */
  readonly contentHash?: Readonly<Record<string, string>> | undefined
  /**
   * Whether the content is read if the outcome says that it is needed
   * ({@link Refused.needsContent}).
   */
  readonly readsContent?: boolean | undefined
  /**
   * The leg of a handshake that the credentials are, where their scheme is bound to the connection.
   */
  readonly leg?: Leg | undefined
  /** Aborted when the client leaves. It may be a getter: few attempts look at it. */
  readonly signal?: AbortSignal | undefined
}

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
