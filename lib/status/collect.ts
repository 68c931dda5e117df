import type { QuotaLeft } from '../policy/limits/quota-account.js'
import type { Exchanges } from '../proxy/exchange/exchanges.js'
import type { Proxied } from '../proxy/exchange/exchange.js'
import type { ExchangeRecord } from '../proxy/exchange/record.js'
import type { Usage } from '../proxy/exchange/usage.js'
import type { Refusals } from './refusals.js'
import { shortened } from './shortened.js'
import type { StatusExchange, StatusParent, StatusSnapshot, StatusUser } from './snapshot.js'

/** How many exchanges and users a snapshot has. */
const MAX_EXCHANGES = 5_000
const MAX_USERS = 2_000

/** What there is to tell of. */
export interface StatusSources {
  /** The name of the gateway. */
  readonly gateway: string
  readonly exchanges: Pick<Exchanges, 'proxied'> & { readonly usage: Pick<Usage, 'ofUsers' | 'paceOf'> }
  /** Tells what is left of the quotas of a user. */
  readonly left: (user: string) => readonly QuotaLeft[]
  readonly refusals: Refusals
  readonly parents: () => readonly StatusParent[]
}

/**
 * Makes what takes snapshots.
 *
 * @returns Costs some 20 ms with 2000 tunnels, and nothing unless it is called.
 */
export function createCollector ({ gateway, exchanges, left, refusals, parents }: StatusSources): () => StatusSnapshot {
  const { usage } = exchanges
  const started = performance.now()
  const keys = new WeakMap<ExchangeRecord, number>()
  let latest = 0

  function keyOf (record: ExchangeRecord): number {
    const known = keys.get(record)
    if (known !== undefined) return known
    keys.set(record, ++latest)
    return latest
  }

  function tell (exchange: Proxied): StatusExchange {
    const { record } = exchange
    const { id, user, client, form, method, target, path = null, parent = null, ...told } = record.described()
    return {
      key: keyOf(record),
      id: shortened(id),
      user: shortened(user),
      client,
      form,
      method,
      target: shortened(target),
      path: shortened(path),
      parent,
      address: told.address ?? null,
      rule: told.rule ?? null,
      opened: record.hasOpened,
      ageMs: record.age,
      ...usage.paceOf(exchange)
    }
  }

  return () => {
    const live = exchanges.proxied
    const all = usage.ofUsers(live, left)
    const open = all.filter(hasOpen)
    const others = all.filter((user) => !hasOpen(user)).reverse()
    const sum = (of: Summed) => all.reduce((total, user) => total + user[of], 0)
    return {
      gateway,
      process: process.pid,
      at: new Date().toISOString(),
      uptimeMs: Math.round(performance.now() - started),
      totals: {
        users: open.length,
        tunnels: sum('tunnels'),
        requests: sum('requests'),
        bytesIn: sum('bytesIn'),
        bytesOut: sum('bytesOut'),
        rateIn: sum('rateIn'),
        rateOut: sum('rateOut'),
        refusals: refusals.count
      },
      users: [...open, ...others].slice(0, MAX_USERS).map(({ user, limits, ...moved }) => ({
        user: shortened(user),
        ...moved,
        quotas: limits.map(({ renews, ...quota }) => ({ ...quota, renews: renews.toISOString() }))
      })),
      exchanges: live.slice(0, MAX_EXCHANGES).map(tell),
      refusals: refusals.latest,
      parents: parents()
    }
  }
}

type Summed = 'tunnels' | 'requests' | 'bytesIn' | 'bytesOut' | 'rateIn' | 'rateOut'

function hasOpen ({ tunnels, requests }: Pick<StatusUser, 'tunnels' | 'requests'>): boolean {
  return tunnels + requests > 0
}
