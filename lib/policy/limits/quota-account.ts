import { LimitReached, LimitStoreFailed } from '../../errors.js'
import { guarded } from '../../platform/guarded.js'
import { LEFT_ALONE } from '../../store/store-health.js'
import type { StoreHealth } from '../../store/store-health.js'
import type { Milliseconds } from '../../types.js'
import type { LimitFailure } from './meter.js'
import type { Period, Periods } from './period.js'
import type { QuotaStore } from './quota-store.js'
import type { OctetSource, WaitingStream } from './source.js'

/** What all accounts of one quota have in common. */
export interface Quota {
  /** The name of its limit. */
  readonly limit: string
  readonly octets: number
  readonly status: 403 | 429
  readonly periods: Periods
  readonly store: QuotaStore
  readonly health: StoreHealth
  readonly whenFailing: 'refuse' | 'allow'
  readonly clock: () => Milliseconds
}

/** What there is of a quota. */
export interface QuotaLeft {
  /** The name of the limit. */
  readonly limit: string
  /** The quota. */
  readonly octets: number
  /** What is left of it, as far as this process knows. */
  readonly left: number
  /** When it begins anew. */
  readonly renews: Date
}

/** The most that a process sets aside: it is what may be lost when one is killed. */
const MOST_ASIDE = 1024 * 1024
/** And the part of a quota that it is at most. */
const PART_ASIDE = 100
/** A spent quota is looked up again so often, as another process may give some back. */
const LOOK_AGAIN: Milliseconds = 1000
/**
 * Counts are kept so long after their period, for a clock that goes back. In milliseconds, a week.
 */
const KEPT_ON: Milliseconds = 7 * 24 * 60 * 60 * 1000

/**
 * The quota of those that are counted together, as far as this process is concerned. It takes
 * octets from the count in the store ahead of time, a few at a time, so that no stream waits for
 * the store and all processes together never move more than there is. What it does not need it
 * gives back.
 */
export class QuotaAccount implements OctetSource {
  private period: Period
  /** Set aside for this process, and not moved yet. */
  private aside = 0
  /** What the store has counted, as far as is known: with all that any process has set aside. */
  private counted = 0
  private asking: Promise<void> | undefined
  /** When the store was asked in vain. */
  private spentAt: Milliseconds | undefined
  /** Exchanges that use it. */
  private users = 0
  private readonly line = new Set<WaitingStream>()
  /** How many are set aside at a time. */
  private readonly share: number

  /** @param key - What of the name of its count is its own. */
  constructor (private readonly quota: Quota, private readonly key: string) {
    this.period = quota.periods.at(quota.clock())
    this.share = Math.max(1, Math.min(MOST_ASIDE, Math.floor(quota.octets / PART_ASIDE)))
  }

  /** No exchange uses it. */
  get idle (): boolean { return this.users === 0 }

  /**
   * Lets an exchange use it.
   *
   * @throws {LimitReached} It is spent.
   * @throws {LimitStoreFailed} The store cannot be asked.
   */
  async enter (): Promise<void> {
    this.users += 1
    try {
      this.turn()
      while (this.aside === 0 && !this.isBarred) await this.ask()
      if (this.aside === 0 && !this.isUncounted) throw this.failure()
    } catch (failure) {
      this.exit()
      throw failure
    }
  }

  /** An exchange uses it no more. With the last one goes what is set aside. */
  exit (): void {
    this.users -= 1
    if (this.users > 0) return
    this.giveBack(this.period, this.aside)
    this.aside = 0
  }

  ready (octets: number): number {
    this.turn()
    if (this.aside < this.share / 2 && this.asking === undefined && !this.isBarred) this.ask()
    if (this.aside === 0 && this.isUncounted) return octets
    return Math.min(octets, this.aside)
  }

  spend (octets: number): void {
    this.aside = Math.max(0, this.aside - octets) // what is let go uncounted was never set aside
  }

  queue (stream: WaitingStream): void {
    this.line.add(stream)
    queueMicrotask(guarded(() => this.serve()))
  }

  leave (stream: WaitingStream): void {
    this.line.delete(stream)
  }

  /** What is left. */
  left (): QuotaLeft {
    this.turn()
    const { limit, octets } = this.quota
    return { limit, octets, left: Math.max(0, octets - this.counted) + this.aside, renews: new Date(this.period.ends) }
  }

  /** The store cannot be asked, and all goes on without being counted. */
  private get isUncounted (): boolean {
    return this.quota.whenFailing === 'allow' && this.quota.health.isFailing
  }

  /** It was spent a moment ago. */
  private get isKnownSpent (): boolean {
    if (this.spentAt === undefined) return false
    const since = this.quota.clock() - this.spentAt
    return since >= 0 && since < LOOK_AGAIN // a clock may go back
  }

  /** It is of no use to ask the store. */
  private get isBarred (): boolean {
    return this.isKnownSpent || this.quota.health.isLeftAlone
  }

  /** Goes on to the next period when the time has come. */
  private turn (): void {
    const { period, quota: { periods, clock } } = this
    const now = periods.at(clock())
    if (now.id === period.id) return
    this.giveBack(period, this.aside)
    this.period = now
    this.aside = this.counted = 0
    this.spentAt = undefined
  }

  /** Serves those in line with what is set aside, and asks for more where that is too little. */
  private serve (): void {
    for (const stream of this.line) {
      const each = this.aside === 0 ? stream.octets : Math.ceil(this.aside / this.line.size)
      const octets = this.ready(Math.min(stream.octets, each))
      if (octets === 0) break
      this.line.delete(stream)
      stream.serve(octets)
    }
    if (this.line.size === 0) return
    if (this.isBarred) this.fail()
    else this.ask().then(guarded(() => this.serve()))
  }

  private fail (): void {
    const failure = this.failure()
    for (const stream of this.line) stream.fail(failure)
    this.line.clear()
  }

  private failure (): LimitFailure {
    if (!this.isKnownSpent) return new LimitStoreFailed(LEFT_ALONE)
    const { limit, status, clock } = this.quota
    const { ends } = this.period
    const renews = new Date(ends).toISOString().replace('.000', '')
    return new LimitReached(ends - clock(), `quota used up until ${renews} (${limit})`, { limit, kind: 'quota', status })
  }

  /** Has more set aside. One question at a time. */
  private async ask (): Promise<void> {
    this.asking ??= this.setAside().finally(() => { this.asking = undefined })
    await this.asking
  }

  private async setAside (): Promise<void> {
    const { period, quota: { octets, store, health } } = this
    const wanted = Math.max(1, Math.min(this.share - this.aside, octets - this.counted))
    let adding: Promise<number> | undefined
    try {
      const counted = await health.ask(() => {
        adding = store.add(this.nameOf(period), wanted, period.ends + KEPT_ON)
        return adding
      })
      this.turn()
      if (this.period.id !== period.id) {
        this.giveBack(period, wanted)
        return await this.setAside()
      }
      const before = Math.max(0, counted - wanted) // a store that has lost its data may have been given back too much
      const fitting = this.users === 0 ? 0 : Math.max(0, Math.min(wanted, octets - before))
      this.counted = counted
      this.aside += fitting
      this.giveBack(period, wanted - fitting)
      this.spentAt = before < octets ? undefined : this.quota.clock()
    } catch {
      adding?.then(() => this.giveBack(period, wanted), () => {}) // it was added after all, too late
    }
  }

  private giveBack (period: Period, octets: number): void {
    if (octets === 0) return
    if (period.id === this.period.id) this.counted -= octets
    const { health, store } = this.quota
    health.ask(() => store.add(this.nameOf(period), -octets, period.ends + KEPT_ON)).catch(() => {}) // they are lost
  }

  private nameOf ({ id }: Period): string {
    return `${this.key}:${id}`
  }
}
