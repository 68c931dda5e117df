import type { FastifyInstance } from 'fastify'
import { Events } from '../../events/events.js'
import { guarded } from '../../platform/guarded.js'
import type { QuotaLeft } from '../../policy/limits/quota-account.js'
import { Recent } from '../../store/recent.js'
import type { Milliseconds } from '../../types.js'
import type { MovedOctets, Proxied } from './exchange.js'
import type { Ending, ExchangeRecord, Pace, RecordKeeper, RecordTracing } from './record.js'

/** What a user has open and has moved. */
export interface UserUsage extends MovedOctets {
  /** The name, as in `request.proxyAuth.name`; `null` where an application has let requests in. */
  readonly user: string | null
  /** Open tunnels and WebSockets. */
  readonly tunnels: number
  /** Open requests. */
  readonly requests: number
  /**
   * Octets a second from the client, over the last second or so. 0 until the second call: nothing
   * is measured before it is asked for.
   */
  readonly rateIn: number
  /** Octets a second to the client, likewise. */
  readonly rateOut: number
  /** How many requests lists, rules or code have denied. */
  readonly denials: number
  /** What is left of the quotas that hold the user, as far as this process knows. */
  readonly limits: readonly QuotaLeft[]
}

/** Of the exchanges that have ended. */
interface Totals { bytesIn: number, bytesOut: number, denials: number }

/**
 * How many users are remembered, the latest: names come from strategies, which may know any number.
 */
const MAX_USERS = 10_000
/** How often rates are measured. */
const SAMPLED: Milliseconds = 1000
/** How long rates are measured for, once they have been asked for. */
const WATCHED: Milliseconds = 60_000

/**
 * What users have open and have moved since the start. Rates are measured once a second, for as
 * long as they are asked for.
 */
export class Usage implements RecordKeeper {
  private readonly totals = new Recent<Totals, string | null>(MAX_USERS)
  private watchedUntil: Milliseconds = -Infinity
  private sampled: Milliseconds = NaN

  constructor (readonly events = new Events(''), readonly tracing?: RecordTracing) {}

  count ({ identity }: ExchangeRecord, { bytesIn, bytesOut, denial }: Ending): void {
    const user = identity?.name ?? null
    const totals = this.totals.get(user) ?? { bytesIn: 0, bytesOut: 0, denials: 0 }
    totals.bytesIn += bytesIn
    totals.bytesOut += bytesOut
    if (denial !== undefined) totals.denials += 1
    this.totals.set(user, totals)
  }

  /**
   * What each user has open and has moved.
   *
   * @param left - Tells what is left of the quotas of a user. Default: there are none.
   */
  ofUsers (live: readonly Proxied[], left: (user: string) => readonly QuotaLeft[] = () => []): UserUsage[] {
    this.watch()
    const users = new Map([...this.totals].map(([user, totals]) => [user, { user, ...NONE, ...totals }]))
    for (const exchange of live) {
      const { record } = exchange
      const user = record.identity?.name ?? null
      const usage = users.get(user) ?? { user, ...NONE }
      const { bytesIn, bytesOut, rateIn, rateOut } = this.paceOf(exchange)
      if (record.isTunnel) usage.tunnels += 1
      else usage.requests += 1
      usage.bytesIn += bytesIn
      usage.bytesOut += bytesOut
      usage.rateIn += rateIn
      usage.rateOut += rateOut
      users.set(user, usage)
    }
    // Names that applications have given may be no text, and no limit holds these.
    const limitsOf = (user: string | null) => typeof user === 'string' ? left(user) : []
    return [...users.values()].map((usage) => ({ ...usage, limits: limitsOf(usage.user) }))
  }

  /** What an exchange has moved by now, and how fast lately. */
  paceOf (exchange: Proxied): Pace {
    const { rateIn, rateOut } = (this.isMeasured ? exchange.record.pace : undefined) ?? STILL
    return { ...exchange.octets?.() ?? STILL, rateIn, rateOut }
  }

  private get isMeasured (): boolean { return !Number.isNaN(this.sampled) }

  /** Has rates measured for a while. */
  watch (): void {
    this.watchedUntil = performance.now() + WATCHED
  }

  /** Measures, and tells of progress. To be called once a second. */
  sample (live: () => readonly Proxied[]): void {
    const { events } = this
    const now = performance.now()
    const tells = events.hears('progress')
    if (!tells && now > this.watchedUntil) {
      this.sampled = NaN
      return
    }
    const seconds = (now - this.sampled) / 1000
    this.sampled = now
    for (const exchange of live()) {
      const { record } = exchange
      const before = record.pace ?? STILL
      const { bytesIn, bytesOut } = exchange.octets?.() ?? STILL
      const time = Math.min(seconds, (now - record.began) / 1000)
      const rate = (octets: number) => Number.isNaN(seconds) ? 0 : Math.round(octets / time)
      const moved = bytesIn !== before.bytesIn || bytesOut !== before.bytesOut
      const [rateIn, rateOut] = [rate(bytesIn - before.bytesIn), rate(bytesOut - before.bytesOut)]
      const pace = { bytesIn, bytesOut, rateIn, rateOut }
      if (moved || before !== STILL) record.pace = pace
      if (tells && moved) events.tell('progress', { ...record.described(), ...pace, durationMs: record.age })
    }
  }
}

/** What is under way, as far as rates of it are measured. */
interface Measured {
  readonly usage: Usage
  readonly proxied: readonly Proxied[]
}

/** Has rates measured, and progress told of, until the application closes. */
export function sampleUsage (app: FastifyInstance, exchanges: Measured): void {
  const timer = setInterval(guarded(() => exchanges.usage.sample(() => exchanges.proxied)), SAMPLED)
  timer.unref()
  app.addHook('onClose', async () => clearInterval(timer))
}

const NONE = { tunnels: 0, requests: 0, bytesIn: 0, bytesOut: 0, rateIn: 0, rateOut: 0, denials: 0 }
const STILL: Pace = Object.freeze({ bytesIn: 0, bytesOut: 0, rateIn: 0, rateOut: 0 })

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Says what each user has open and has moved since the start, through the proxy routes of this
     * registration. Of users who have nothing open, the latest 10000 are known.
     *
     * @example
     * app.proxyAuthUsage()
     * // [{ user: 'alice', tunnels: 1, requests: 0, bytesIn: 517, bytesOut: 4096, ... }]
     */
    proxyAuthUsage (): UserUsage[]
    /**
     * Ends a tunnel, a WebSocket or a forwarded request at once, with its line in the log. The user
     * may come back: see `proxyAuthRevoke`.
     *
     * @param id - The id of its request, as in the log and on the status page.
     * @returns How many were ended: none where it is over, and several where an application gives
     *   one id to several requests.
     */
    proxyAuthEnd (id: string): number
  }
}
