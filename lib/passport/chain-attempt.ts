import { MalformedCredentials } from '../errors.js'
import type { RefusalNote } from '../strategies/strategy.js'
import { userIdOf } from './ask-strategy.js'
import type { Declared } from './declaration.js'
import { broken } from './outcome.js'
import type { Outcome, RefusalReason, Refused, Verdict } from './outcome.js'
import { readPresented } from './user-id.js'

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
