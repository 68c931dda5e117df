import { hash } from 'node:crypto'
import type { Eventual } from '../../eventual.js'
import type { Milliseconds } from '../../types.js'
import { Recent } from '../../store/recent.js'
import { SharedRoom, shareOf } from '../../store/shared-room.js'
import { usualName } from '../../store/usual-name.js'
import { addressGroup } from './address-group.js'
import type { AttemptsSettings } from './attempts-options.js'
import type { Count, Counter } from './counter.js'

/** A client presents a secret, or something made with one. */
export interface Guess {
  /** Empty: there is none, and nothing is counted for it. */
  readonly address: string
  /** The user-id in the credentials; `null`: they have none. Asked for only where it is needed. */
  readonly user: () => string | null
  /** What was presented, whole. */
  readonly presented: string
  /**
   * Whether that shows the secret itself (Basic, Bearer): the same text is the same guess. Else
   * (Digest, NTLM) it is another text each time, though the secret be the same.
   */
  readonly showsSecret: boolean
}

/** Where wrong secrets are counted. */
export interface AttemptCounters {
  readonly address: Counter
  readonly user: Counter
  /** The guesses that have been counted. */
  readonly guess: Counter
}

/** A trial that may go on. To be left when it is over. */
export interface Admission {
  /**
   * The secret was right.
   *
   * @param actual - Who it was, where the credentials may have said so in another way (Digest,
   *   `userhash`).
   * @returns How long to wait all the same: as many wrong ones as may be were presented for the
   *   user under another name.
   */
  accepted (actual?: string | null): Eventual<Milliseconds>
  /** It was wrong; otherwise as for {@link accepted}. */
  refused (actual?: string | null): Promise<Milliseconds>
  /** No verdict came in time. It counts like a wrong one, unless the secret was right lately. */
  undecided (): Promise<void>
  /** It is over, whatever came of it. */
  leave (): void
}

/**
 * A client that does not show its secret may send a wrong one twenty times by itself, as Java does:
 * then it counts once.
 */
const POINTS = 20
/** How long a right secret is remembered after it was last used, and how many of them. */
const KNOWN_FOR: Milliseconds = 24 * 60 * 60 * 1000
const MAX_KNOWN = 10_000
/** How many other names of users are remembered. A user has one for each algorithm of Digest. */
const MAX_ALIASES = 100_000
/** A client that is told to wait for others' trials to end may come back at once. */
const RETRY_AFTER: Milliseconds = 1000

interface KnownSecrets {
  until: Milliseconds
  /** Points of wrong trials that look like it, where that cannot be told apart. */
  points: number
}

/**
 * Slows down guessing: counts wrong secrets by address and by user, and lets neither try more than
 * so many of them within a window. A wrong secret counts once, however often it is sent.
 *
 * Secrets that were right a short time ago are not held up, whatever strangers do in the name or at
 * the address of their user. Where the secret does not show, that is the user at that address; for
 * as long as the wrong trials from there are within the limit for a user.
 */
export class GuessLimiter {
  /** Each user has a share of it: other spellings of a secret take the place of the user's own. */
  private readonly known = new SharedRoom<KnownSecrets>(MAX_KNOWN, shareOf(MAX_KNOWN))
  /**
   * The guesses for each user that are not decided yet: many at once must not be more than
   * there may be.
   */
  private readonly pending = new Map<string, Map<string, number>>()
  /**
   * Users by what else they were called: what is counted for one name is counted for the user,
   * whatever the credentials say.
   */
  private readonly aliases = new Recent<string>(MAX_ALIASES)
  private readonly keyText: string

  constructor (
    private readonly settings: Pick<AttemptsSettings, 'perAddress' | 'perUser' | 'key'>,
    private readonly counters: AttemptCounters,
    private readonly clock: () => Milliseconds = Date.now
  ) {
    this.keyText = settings.key.export().toString('hex')
  }

  /** @returns The entry, or how long to wait. A promise only of what is not known to be right. */
  enter (trial: Guess): Admission | Promise<Admission | Milliseconds> {
    const { address, presented, showsSecret } = trial
    const group = addressGroup(address)
    const user = showsSecret ? undefined : this.nameOf(trial)
    const place = showsSecret ? this.hash('secret', presented) : user == null ? null : this.hash('place', user, group)
    const known = place === null ? undefined : this.known.get(place)
    if (known !== undefined && known.until > this.clock()) return this.entryOfKnown(trial, group, place!, known, user)
    return this.enterUnknown(trial, group, place, user === undefined ? this.nameOf(trial) : user)
  }

  private async enterUnknown (
    trial: Guess, group: string, place: string | null, user: string | null
  ): Promise<Admission | Milliseconds> {
    const { perAddress, perUser } = this.settings
    const userKey = user === null || perUser === 0 ? null : this.hash('user', user)
    const [ofAddress, ofUser] = await Promise.all([
      this.isCounted(group) ? this.counters.address.read(this.hash('address', group), group) : null,
      userKey === null ? null : this.counters.user.read(userKey, group)
    ])
    const wait = Math.max(waitFor(ofAddress, perAddress), waitFor(ofUser, perUser))
    if (wait > 0) return wait
    if (userKey === null) return this.entry(trial, group, place, user, () => {})
    const guess = this.hash('secret', trial.presented)
    const guesses = this.pending.get(userKey) ?? new Map<string, number>()
    const others = guesses.size - (guesses.has(guess) ? 1 : 0)
    if ((ofUser?.points ?? 0) + others * pointsOf(trial) >= perUser * POINTS) return RETRY_AFTER
    guesses.set(guess, (guesses.get(guess) ?? 0) + 1)
    this.pending.set(userKey, guesses)
    return this.entry(trial, group, place, user, () => {
      const left = guesses.get(guess)! - 1
      if (left > 0) guesses.set(guess, left)
      else if (guesses.delete(guess) && guesses.size === 0) this.pending.delete(userKey)
    })
  }

  private entryOfKnown (
    trial: Guess, group: string, place: string, known: KnownSecrets, user: string | null | undefined
  ): Admission {
    return this.entry(trial, group, place, user, () => {}, () => {
      known.points += trial.showsSecret ? Infinity : pointsOf(trial) // a secret that has been changed is right no more
      const { perUser } = this.settings
      if (known.points >= (perUser === 0 ? Infinity : perUser * POINTS)) this.known.delete(place)
    })
  }

  private entry (
    trial: Guess, group: string, place: string | null, user: string | null | undefined,
    leave: () => void, wrong?: () => void
  ): Admission {
    const isKnown = wrong !== undefined
    return {
      accepted: (actual) => {
        const other = this.otherName(trial, user, actual)
        if (place !== null && other === null) this.remember(place, trial)
        return other === null ? 0 : this.waitOf(other, group)
      },
      refused: async (actual) => {
        wrong?.()
        const other = this.otherName(trial, user, actual)
        // The same questions of the counters whether there is such a user or not, or the time would
        // tell.
        const before = await this.count(trial, group, other ?? (user === undefined ? this.nameOf(trial) : user))
        return other === null ? 0 : waitFor(before, this.settings.perUser)
      },
      undecided: async () => { if (!isKnown) await this.count(trial, group, user ?? null) },
      leave
    }
  }

  /** @returns What there was for the user before. */
  private async count (trial: Guess, group: string, user: string | null): Promise<Count | null> {
    const { perUser } = this.settings
    if (trial.showsSecret && (await this.counters.guess.add(this.hash('secret', trial.presented), 1, group)).points > 1) return null
    const points = pointsOf(trial)
    const [ofUser] = await Promise.all([
      user === null || perUser === 0 ? null : this.counters.user.add(this.hash('user', user), points, group),
      this.isCounted(group) ? this.counters.address.add(this.hash('address', group), points, group) : null
    ])
    return ofUser && { ...ofUser, points: ofUser.points - points }
  }

  /**
   * The name of a user whom the credentials call otherwise, unless that was known when they came.
   */
  private otherName (
    { showsSecret }: Guess, said: string | null | undefined, actual: string | null | undefined
  ): string | null {
    if (showsSecret || said == null) return null
    const name = usualName(actual ?? said)
    if (actual == null || name === said) return null
    this.aliases.set(said, name)
    return name
  }

  private async waitOf (user: string, group: string): Promise<Milliseconds> {
    const { perUser } = this.settings
    return perUser === 0 ? 0 : waitFor(await this.counters.user.read(this.hash('user', user), group), perUser)
  }

  private nameOf ({ user }: Guess): string | null {
    const said = user()
    if (said === null) return null
    const name = usualName(said)
    return this.aliases.get(name) ?? name
  }

  private isCounted (group: string): boolean {
    return group !== '' && this.settings.perAddress > 0
  }

  /** The one that was used longest ago goes first. */
  private remember (place: string, trial: Guess): void {
    const until = this.clock() + KNOWN_FOR
    const known = this.known.get(place)
    // Wrong guesses count even at an address with a success now and then: an attacker may share it
    // with a user.
    const points = known !== undefined && known.until > this.clock() ? known.points : 0
    this.known.set(place, { until, points }, () => {
      const name = this.nameOf(trial)
      return name === null ? null : this.hash('user', name)
    })
  }

  /** Nested as HMAC is; `createHmac` takes several times as long, for each request. */
  private hash (...parts: string[]): string {
    return hash('sha256', this.keyText + hash('sha256', this.keyText + JSON.stringify(parts), 'base64url'), 'base64url')
  }
}

function pointsOf ({ showsSecret }: Guess): number {
  return showsSecret ? POINTS : 1
}

/** How long, where there are as many as may be. */
function waitFor (count: Count | null, most: number): Milliseconds {
  return count !== null && count.points >= most * POINTS ? Math.max(count.left, 1) : 0
}
