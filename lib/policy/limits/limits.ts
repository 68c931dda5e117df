import { LimitReached } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { Recent } from '../../store/recent.js'
import { RedisHealth } from '../../store/redis-health.js'
import type { SharedRedis } from '../../store/shared-redis.js'
import { StoreHealth } from '../../store/store-health.js'
import type { StoreListener } from '../../store/store-health.js'
import { usualName } from '../../store/usual-name.js'
import type { Milliseconds } from '../../types.js'
import { loadRateLimiters } from '../rate-limiters.js'
import type { RateLimiters } from '../rate-limiters.js'
import { HeldExchange } from './held-exchange.js'
import { TrafficLimit } from './limit.js'
import type { LimitAccount, LimitBackends } from './limit.js'
import type { LimitsSettings } from './limits-options.js'
import type { Limited, LimitedExchange, LimitFailure, Limiting } from './meter.js'
import { OwnPlaces } from './places.js'
import type { QuotaLeft } from './quota-account.js'
import { FileQuotas, MemoryQuotas, RedisQuotas } from './quota-store.js'
import { SharedPlaces } from './shared-places.js'
import { drawingFrom } from './shared-pacer.js'

/** A limit has refused an exchange, or ended it. */
export interface LimitNote {
  /** Of the request, as in the log. */
  readonly id: string
  readonly user: string
  /** The name of the limit. */
  readonly limit: string
  readonly kind: 'tunnels' | 'requests' | 'rate' | 'quota'
  /** Until it may go on. `null`: when others have ended. */
  readonly retryAfterMs: Milliseconds | null
  /** Whether it had begun. */
  readonly ended: boolean
}

/** What limits tell. */
export interface LimitListeners {
  readonly onLimited: (note: LimitNote) => void
  /** Told once when a store fails, and once when it responds again. */
  readonly onStore: StoreListener
}

/** What is held by no limit. */
const FREE: LimitedExchange = Object.freeze({ meter: undefined, release () {} })
/** For how many users it is known which quotas hold them, the latest. */
const MAX_KNOWN = 10_000

/** All limits of a registration. */
export class Limits implements Limiting {
  /** The accounts with a quota, by user. */
  private readonly known = new Recent<readonly LimitAccount[]>(MAX_KNOWN)

  constructor (
    private readonly limits: readonly TrafficLimit[], private readonly backends: LimitBackends,
    private readonly onLimited: LimitListeners['onLimited']
  ) {}

  admit (who: Limited, id: string, end: (failure: LimitFailure) => void): Eventual<LimitedExchange> {
    const spelled = { ...who, user: usualName(who.user), groups: who.groups.map((group) => group.normalize('NFC')) }
    const limits = this.limits.filter((limit) => limit.holds(spelled))
    if (limits.length === 0) return FREE
    const accounts = limits.flatMap((limit) => limit.accountsOf(spelled))
    this.remember(spelled.user, accounts.filter(({ quota }) => quota !== undefined))
    return this.enter(accounts, who, id, end)
  }

  /** What is left of the quotas that hold a user, as far as this process knows. */
  left (user: string): QuotaLeft[] {
    return (this.known.get(usualName(user)) ?? []).map(({ quota }) => quota!.left())
  }

  /** Ends it, when all exchanges have been released. */
  async close (): Promise<void> {
    this.backends.places.close()
    await this.backends.quotas?.store.close()
  }

  private async enter (
    accounts: readonly LimitAccount[], who: Limited, id: string, end: (failure: LimitFailure) => void
  ): Promise<LimitedExchange> {
    const exchange = new HeldExchange((failure) => {
      this.tell(failure, who, id, true)
      end(failure)
    })
    for (const account of accounts) account.use(exchange)
    try {
      for (const account of accounts) await account.enter(who.kind, exchange)
      return exchange
    } catch (failure) {
      exchange.release()
      this.tell(failure, who, id, false)
      throw failure
    }
  }

  private tell (failure: unknown, { user }: Limited, id: string, ended: boolean): void {
    if (!(failure instanceof LimitReached)) return
    const { limit, kind, retryAfterMs } = failure
    this.onLimited({ id, user, limit, kind, retryAfterMs, ended })
  }

  private remember (user: string, accounts: readonly LimitAccount[]): void {
    if (accounts.length > 0) this.known.set(user, accounts)
  }
}

/**
 * Makes the limits.
 *
 * @param redis - Where all is kept that processes share. `undefined`: there is nothing shared.
 * @throws {MissingPackage} A package that they need is not installed.
 * @throws {BadOption} The file of quotas cannot be opened.
 */
export async function createLimits (
  { limits, store }: LimitsSettings, redis: SharedRedis | undefined, { onLimited, onStore }: LimitListeners
): Promise<Limits> {
  const { whenFailing, timeout } = store
  const clock = Date.now
  const own = () => new StoreHealth({ name: 'the store', timeout, tell: onStore })
  const shared = redis && {
    client: redis.client,
    prefix: `${redis.prefix}:limits`,
    health: new RedisHealth(redis.client, onStore, undefined, timeout)
  }
  const needsRates = limits.some(({ rate }) => rate !== null)
  const needsQuotas = limits.some(({ quota }) => quota !== null)
  const limiters = needsRates || needsQuotas ? await loadRateLimiters('option limits') : undefined

  const ratesFrom = ({ RateLimiterMemory, RateLimiterRedis }: RateLimiters): LimitBackends['rates'] => {
    if (shared === undefined) {
      return { health: own(), counts: new RateLimiterMemory({ keyPrefix: '', points: 1, duration: 1 }) }
    }
    const { client: storeClient, prefix, health } = shared
    const options = { keyPrefix: `${prefix}:rate`, points: 1, duration: 1, storeClient, rejectIfRedisNotReady: true }
    return { health, counts: new RateLimiterRedis(options) }
  }
  const quotasFrom = async (from: RateLimiters): Promise<LimitBackends['quotas']> => {
    if (store.file !== undefined) return { health: own(), store: await FileQuotas.open(from, store.file, timeout) }
    if (shared === undefined) return { health: own(), store: new MemoryQuotas(from) }
    return { health: shared.health, store: new RedisQuotas(from, shared.client, `${shared.prefix}:quota`) }
  }
  const backends: LimitBackends = {
    places: shared === undefined
      ? new OwnPlaces()
      : new SharedPlaces(shared.client, shared.prefix, shared.health, whenFailing),
    rates: needsRates ? ratesFrom(limiters!) : undefined,
    quotas: needsQuotas ? await quotasFrom(limiters!) : undefined,
    bandwidth: shared && { draw: drawingFrom(shared.client, shared.prefix), health: shared.health },
    whenFailing,
    clock
  }
  return new Limits(limits.map((settings) => new TrafficLimit(settings, backends)), backends, onLimited)
}
