import { hash, randomBytes } from 'node:crypto'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import { readScheme } from '../fields/credentials.js'
import { SharedRoom, shareOf } from '../store/shared-room.js'
import { usualName } from '../store/usual-name.js'
import { validityOf } from '../store/validity.js'
import { canonicalBasic } from '../strategies/basic.js'
import type { CacheSettings } from '../strategies/cache-options.js'
import type { Milliseconds } from '../types.js'
import type { AcceptedVerdict, Failed, Verdict } from './outcome.js'

/**
 * Asks the strategy. `urgent`: for a user that has access as long as this takes, so it should not
 * take long.
 */
export type AskStrategy = (urgent: boolean) => Eventual<Verdict>

interface Yes {
  readonly verdict: AcceptedVerdict
  readonly userId: string | null
  readonly ends: Milliseconds
  /** Whether it holds still, where that can be told. */
  readonly holds: (() => boolean) | undefined
  /** When to ask again in the background. */
  due: Milliseconds
}

interface No {
  readonly verdict: Failed
  readonly ends: Milliseconds
}

/**
 * Remembers the verdicts of one strategy, by a hash of what the credentials mean under a key that
 * no other process has, nor the next one: of the scheme, the user and the secret, all in one. So a
 * wrong password has nothing in common with the right one, and can neither end nor renew what is
 * known of that. Yeses and noes have rooms of their own for the same reason.
 *
 * - Each user has a share of the room: other spellings of a secret take the place of the user's
 *   own.
 * - A yes that was found in a file ends when the file says something else.
 * - A yes ends when its time is up, however often it is used. Shortly before that it is asked for
 *   again in the background, while it is used.
 * - What asks the same while it is being asked waits for the same answer.
 * - What is neither yes nor no (an error, 400, 403, 429) is not remembered.
 * - Plain objects are copied for each request, one level deep, so that what a request writes on its
 *   user stays its own. Instances of classes are shared.
 *
 * @example
 * const verdict = await cache.ask(
 *   credentials,
 *   () => run(strategy, view, settings),
 *   (info) => userIdOf(info, scheme, credentials)
 * )
 */
export class VerdictCache {
  private readonly key = randomBytes(32).toString('hex')
  private readonly yeses: SharedRoom<Yes>
  private readonly noes = new Map<string, No>()
  /** What is being asked, by what it is about. */
  private readonly asking = new Map<string, PromiseLike<Verdict>>()
  /** Another one after each `forget`: what was asked before that is not remembered. */
  private generation = 0

  /**
   * @param readsPairs - The strategy is one of ours for Basic, to which all ways to write a pair
   * are one.
   */
  constructor (private readonly settings: CacheSettings, private readonly readsPairs = false) {
    this.yeses = new SharedRoom(settings.max, shareOf(settings.max))
  }

  /** How many yeses and noes there are, those that have ended included. */
  get size (): { readonly yeses: number, readonly noes: number } {
    return { yeses: this.yeses.size, noes: this.noes.size }
  }

  /**
   * The verdict on credentials: what is known, else what `check` says.
   *
   * @param credentials - They have a scheme.
   * @param check - Called before this returns, or not at all.
   * @param userIdOf - The user-id in them, once they are known to be right.
   * @returns Without a promise what is known. It rejects where `check` does, and where a user that
   *   came later cannot be read.
   */
  ask (credentials: string, check: AskStrategy, userIdOf: (info: unknown) => string | null): Eventual<Verdict> {
    const key = this.keyOf(credentials)
    const known = this.find(key, check, userIdOf)
    if (known !== undefined) return known
    const asked = this.asking.get(key) ?? this.check(key, check, false, userIdOf)
    return isThenable(asked) ? asked.then(shareable) : asked
  }

  /**
   * Forgets the yeses to certain users, and all noes: an account that is taken away and set up anew
   * should work at once.
   */
  forget (
    is: (known: { readonly user: object | string, readonly info: unknown, readonly userId: string | null }) => boolean
  ): void {
    this.forgetWhere(({ verdict: { user, info }, userId }) => is({ user, info, userId }))
  }

  /**
   * Forgets what may no longer hold now that accounts were read anew: all noes, and the yeses of
   * which cannot be told whether they do. The others tell it themselves.
   */
  forgetOutdated (): void {
    this.forgetWhere(({ holds }) => holds === undefined)
  }

  private forgetWhere (is: (yes: Yes) => boolean): void {
    this.generation += 1
    this.asking.clear()
    this.noes.clear()
    this.yeses.deleteWhere(is)
  }

  private find (key: string, check: AskStrategy, userIdOf: (info: unknown) => string | null): Verdict | undefined {
    const now = this.settings.clock()
    const yes = this.yeses.get(key)
    if (yes !== undefined && now < yes.ends && yes.holds?.() !== false) {
      this.yeses.touch(key)
      if (now >= yes.due && !this.asking.has(key)) {
        // Where there is no verdict, there is a next try, and no more than a few.
        yes.due = (now + yes.ends) / 2
        const asked = this.check(key, check, true, userIdOf)
        if (isThenable(asked)) asked.then(undefined, () => {})
      }
      return shareable(yes.verdict)
    }
    const no = this.noes.get(key)
    return no !== undefined && now < no.ends ? no.verdict : undefined
  }

  private check (
    key: string, check: AskStrategy, urgent: boolean, userIdOf: (info: unknown) => string | null
  ): Eventual<Verdict> {
    const { generation } = this
    const verdict = check(urgent)
    if (!isThenable(verdict)) {
      this.keep(key, verdict, userIdOf)
      return verdict
    }
    this.asking.set(key, verdict)
    const done = (): void => { if (this.asking.get(key) === verdict) this.asking.delete(key) }
    verdict.then((later) => {
      done()
      if (generation === this.generation) this.keep(key, later, userIdOf)
    }, done)
    return verdict
  }

  /** Remembers a verdict, unless it cannot be read: members of a user may throw. */
  private keep (key: string, verdict: Verdict, userIdOf: (info: unknown) => string | null): void {
    try {
      this.remember(key, verdict, userIdOf)
    } catch {}
  }

  private remember (key: string, verdict: Verdict, userIdOf: (info: unknown) => string | null): void {
    const { clock, ttl, refresh, negativeTtl, maxNegative } = this.settings
    const now = clock()
    if (verdict.kind === 'accepted') {
      if (isThenable(verdict.user)) return // the user is not known yet
      const ends = now + ttl
      const userId = userIdOf(verdict.info)
      const holds = validityOf(verdict.user)
      const yes = { verdict: shareable(verdict), userId, ends, holds, due: ends - refresh }
      this.yeses.set(key, yes, () => ownerOf(verdict, userId))
    } else if (verdict.kind === 'failed' && isAnswer(verdict.status)) {
      this.yeses.delete(key)
      if (negativeTtl === 0 || !isNo(verdict.status)) return
      this.noes.delete(key)
      this.noes.set(key, { verdict, ends: now + negativeTtl })
      bound(this.noes, maxNegative)
    }
  }

  private keyOf (credentials: string): string {
    const meant = (this.readsPairs ? canonicalBasic(credentials) : undefined) ?? withLowerScheme(credentials)
    // Nested as HMAC is, which takes several times as long.
    return hash('sha256', this.key + hash('sha256', this.key + meant, 'base64url'), 'base64url')
  }
}

/** Schemes are case-insensitive, what comes behind them is not. */
function withLowerScheme (credentials: string): string {
  const { length } = readScheme(credentials)!
  return credentials.slice(0, length).toLowerCase() + credentials.slice(length)
}

/** Whose share a yes takes. */
function ownerOf ({ user }: AcceptedVerdict, userId: string | null): string | null {
  const { username, id, sub } = user as { username?: unknown, id?: unknown, sub?: unknown }
  const name = userId ?? [user, username, id, sub].find((each) => typeof each === 'string')
  return typeof name === 'string' ? usualName(name) : null
}

/** The credentials are wrong, and were nothing else. */
function isNo (status: number | undefined): boolean {
  return status === undefined || status === 401 || status === 407
}

/** The strategy could tell; 429 and 5xx say that it could not. */
function isAnswer (status: number | undefined): boolean {
  return status === undefined || (status < 500 && status !== 429)
}

function bound (map: Map<string, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value!)
}

/** A verdict that one request may write on without another seeing it. */
function shareable<Any extends Verdict> (verdict: Any): Any {
  if (verdict.kind !== 'accepted') return verdict
  return { ...verdict, user: copyOf(verdict.user), info: copyOf(verdict.info) }
}

function copyOf<Value> (value: Value): Value {
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isPlain ? { ...value } : value
}
