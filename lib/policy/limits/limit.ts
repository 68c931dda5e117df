import { LimitReached } from '../../errors.js'
import type { StoreHealth } from '../../store/store-health.js'
import type { Milliseconds } from '../../types.js'
import type { RateLimiter } from '../rate-limiters.js'
import type { HeldExchange } from './held-exchange.js'
import type { LimitSettings, QuotaLimit } from './limits-options.js'
import type { Limited, OctetsDirection } from './meter.js'
import { Pacer } from './pacer.js'
import { Periods } from './period.js'
import type { Places } from './places.js'
import { QuotaAccount } from './quota-account.js'
import type { Quota } from './quota-account.js'
import type { QuotaStore } from './quota-store.js'
import { Rate } from './rate.js'
import { SharedPacer } from './shared-pacer.js'
import type { DrawTokens } from './shared-pacer.js'

/** What limits count with. */
export interface LimitBackends {
  readonly places: Places
  /** `undefined`: no limit needs them. So with the others. */
  readonly rates: { readonly counts: RateLimiter, readonly health: StoreHealth } | undefined
  readonly quotas: { readonly store: QuotaStore, readonly health: StoreHealth } | undefined
  /** `undefined`: the bandwidth is that of this process. */
  readonly bandwidth: { readonly draw: DrawTokens, readonly health: StoreHealth } | undefined
  readonly whenFailing: 'refuse' | 'allow'
  /** The time of day. */
  readonly clock: () => Milliseconds
}

/** How many accounts that nothing uses are remembered. */
const MAX_ACCOUNTS = 10_000
/** How many of the oldest are looked at for each new one. */
const LOOKED_AT = 10
/** Others may end at any moment: a client may come back at once. */
const RETRY_AFTER: Milliseconds = 1000

/** One limit, with the accounts that it has: each is for what is counted together. */
export class TrafficLimit {
  /** By whose they are, the one that was used longest ago in front. */
  private readonly accounts = new Map<string, LimitAccount>()
  readonly quota: Quota | undefined
  readonly rate: Rate | undefined

  /** @param most - How many accounts that nothing uses are remembered. Default 10000. */
  constructor (
    readonly settings: LimitSettings, readonly backends: LimitBackends, private readonly most = MAX_ACCOUNTS
  ) {
    const { name, quota, rate } = settings
    const { quotas, rates, whenFailing, clock } = backends
    const quotaOf = (limit: string, { octets, status, per, zone }: Required<QuotaLimit>): Quota => {
      return { limit, octets, status, periods: new Periods(per, zone), ...quotas!, whenFailing, clock }
    }
    this.quota = quota === null ? undefined : quotaOf(name, quota)
    this.rate = rate === null ? undefined : new Rate(rate, rates!.counts, rates!.health, whenFailing)
  }

  /** How many accounts there are. */
  get size (): number { return this.accounts.size }

  /** Whether it holds a request. */
  holds ({ user, groups, rule }: Limited): boolean {
    const { users, groups: held, rules } = this.settings
    return users?.has(user) !== false &&
      (held === null || groups.some((group) => held.has(group))) &&
      (rules === null || (rule !== null && rules.has(rule)))
  }

  /** The accounts of a request that it holds. */
  accountsOf (who: Limited): LimitAccount[] {
    return this.ownersOf(who).map((owner) => {
      const account = this.accounts.get(owner) ?? new LimitAccount(this, `${keyPart(this.settings.name)}:${keyPart(owner)}`)
      this.accounts.delete(owner) // to be the last
      if (this.accounts.size >= this.most) this.sweep()
      this.accounts.set(owner, account)
      return account
    })
  }

  private ownersOf ({ user, groups, rule }: Limited): string[] {
    const { by, groups: held } = this.settings
    if (by === 'user') return [user]
    if (by === 'group') return [...new Set(groups)].filter((group) => held!.has(group))
    return [by === 'rule' ? rule ?? '' : '']
  }

  private sweep (): void {
    let left = LOOKED_AT
    for (const [owner, account] of this.accounts) {
      if (account.idle) this.accounts.delete(owner)
      if (--left === 0 || this.accounts.size < this.most) return
    }
  }
}

/** What those may do that are counted together. */
export class LimitAccount {
  readonly quota: QuotaAccount | undefined
  private readonly pacers: { readonly [direction in OctetsDirection]: Pacer | undefined }
  private users = 0

  constructor (private readonly limit: TrafficLimit, private readonly key: string) {
    const { bandwidth: { up, down } } = limit.settings
    this.quota = limit.quota && new QuotaAccount(limit.quota, key)
    this.pacers = { up: this.pacer('up', up), down: this.pacer('down', down) }
  }

  /** Nothing is lost when it is made anew. */
  get idle (): boolean {
    const { up, down } = this.pacers
    return this.users === 0 && up?.idle !== false && down?.idle !== false
  }

  /** It is used until the exchange is released, whether that gets in or not. */
  use (exchange: HeldExchange): void {
    this.users += 1
    exchange.hold(() => { this.users -= 1 })
  }

  /**
   * Lets an exchange in.
   *
   * @throws {LimitReached} A limit is reached.
   * @throws {LimitStoreFailed} It cannot be told.
   */
  async enter (kind: Limited['kind'], exchange: HeldExchange): Promise<void> {
    await this.countRate()
    await this.takePlace(kind, exchange)
    const { quota, pacers } = this
    if (quota !== undefined) {
      await quota.enter()
      exchange.hold(() => quota.exit())
    }
    for (const direction of ['up', 'down'] as const) {
      const { [direction]: pacer } = pacers
      if (quota !== undefined) exchange.ask(direction, quota)
      if (pacer !== undefined) exchange.ask(direction, pacer)
    }
  }

  private async countRate (): Promise<void> {
    const { rate, settings: { name, rate: limit } } = this.limit
    const wait = await rate?.count(this.key) ?? 0
    if (wait === 0) return
    const { requests, per } = limit!
    throw new LimitReached(wait, `no more than ${requests} requests in ${Math.ceil(per / 1000)} seconds (${name})`, { limit: name, kind: 'rate' })
  }

  private async takePlace (kind: Limited['kind'], exchange: HeldExchange): Promise<void> {
    const { settings, backends: { places } } = this.limit
    const what = `${kind}s` as const
    const { name: limit, [what]: most } = settings
    if (most === Infinity) return
    const place = `${this.key}:${what}`
    if (!await places.enter(place, most)) throw new LimitReached(RETRY_AFTER, `no more than ${most} ${what} at a time (${limit})`, { limit, kind: what })
    exchange.hold(() => places.leave(place))
  }

  private pacer (direction: OctetsDirection, rate: number): Pacer | undefined {
    const { bandwidth } = this.limit.backends
    if (rate === Infinity) return undefined
    return bandwidth === undefined ? new Pacer(rate) : new SharedPacer(`${this.key}:${direction}`, rate, bandwidth.health, bandwidth.draw)
  }
}

/** A name of any chars as a part of a key that has no `:` and no braces in it. */
function keyPart (name: string): string {
  return encodeURIComponent(Buffer.from(name).toString()) // what is no text of Unicode would throw
}
