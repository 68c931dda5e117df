import type { StatusExchange, StatusSnapshot, StatusUser } from './snapshot.js'

/** How much an exchange has moved: its key, octets from and to the client, rates likewise. */
export type StatusPace = readonly [key: number, bytesIn: number, bytesOut: number, rateIn: number, rateOut: number]

/** What has changed between two moments. What is left out has not. */
export interface StatusChange extends Pick<StatusSnapshot, 'at' | 'uptimeMs' | 'totals'> {
  /** Users that are new or have changed. */
  readonly users?: readonly StatusUser[]
  /** The names of users that are no longer told of. */
  readonly usersGone?: ReadonlyArray<string | null>
  /** Exchanges that are new, or of which more has changed than what they have moved. */
  readonly exchanges?: readonly StatusExchange[]
  /** Of all other exchanges that have moved something, or stopped moving. */
  readonly paces?: readonly StatusPace[]
  /** The keys of exchanges that have ended. */
  readonly gone?: readonly number[]
  /** Those that have come. */
  readonly refusals?: StatusSnapshot['refusals']
  /** All of them, where any has changed. */
  readonly parents?: StatusSnapshot['parents']
}

/**
 * Says what has changed, in few octets: of 2000 tunnels that all move, about 80 KB.
 *
 * @example
 * changeBetween(before, after) // { at, uptimeMs, totals, paces: [[7, 1024, 0, 512, 0]] }
 */
export function changeBetween (before: StatusSnapshot, after: StatusSnapshot): StatusChange {
  const { at, uptimeMs, totals } = after
  const users = new Map(before.users.map((user) => [user.user, user]))
  const exchanges = new Map(before.exchanges.map((exchange) => [exchange.key, exchange]))
  const fresh: StatusExchange[] = []
  const paces: StatusPace[] = []
  for (const exchange of after.exchanges) {
    const known = exchanges.get(exchange.key)
    exchanges.delete(exchange.key)
    if (known === undefined || differs(known, exchange)) fresh.push(exchange)
    else if (hasMoved(known, exchange)) {
      const { key, bytesIn, bytesOut, rateIn, rateOut } = exchange
      paces.push([key, bytesIn, bytesOut, rateIn, rateOut])
    }
  }
  const changed = after.users.filter((user) => {
    const known = users.get(user.user)
    users.delete(user.user)
    return known === undefined || JSON.stringify(known) !== JSON.stringify(user)
  })
  const last = before.refusals.at(-1)?.serial ?? 0
  const hasOtherParents = after.parents.some(({ state, error }, index) =>
    state !== before.parents[index]?.state || error !== before.parents[index].error)
  return {
    at,
    uptimeMs,
    totals,
    ...some('users', changed),
    ...some('usersGone', [...users.keys()]),
    ...some('exchanges', fresh),
    ...some('paces', paces),
    ...some('gone', [...exchanges.keys()]),
    ...some('refusals', after.refusals.filter(({ serial }) => serial > last)),
    ...(hasOtherParents && { parents: after.parents })
  }
}

function some<Name extends keyof StatusChange> (
  name: Name, list: readonly unknown[]
): Pick<StatusChange, Name> | undefined {
  return list.length === 0 ? undefined : { [name]: list } as unknown as Pick<StatusChange, Name>
}

/** What may change of an exchange, beside what it has moved. */
const FACTS = ['opened', 'parent', 'address', 'rule'] as const
const COUNTS = ['bytesIn', 'bytesOut', 'rateIn', 'rateOut'] as const

function differs (one: StatusExchange, other: StatusExchange): boolean {
  return FACTS.some((fact) => one[fact] !== other[fact])
}

function hasMoved (one: StatusExchange, other: StatusExchange): boolean {
  return COUNTS.some((count) => one[count] !== other[count])
}
