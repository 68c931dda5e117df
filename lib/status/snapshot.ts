import type { Milliseconds } from '../types.js'

/** One moment of the gateway, of this process. It never has a credential. */
export interface StatusSnapshot {
  /** The name of the gateway, as in `Via`: option `via`. */
  readonly gateway: string
  /** The id of the process in its system: each process has a page of its own. */
  readonly process: number
  /** When it was taken, in the form of ISO 8601. */
  readonly at: string
  /** How long the gateway has been there by then. */
  readonly uptimeMs: Milliseconds
  readonly totals: StatusTotals
  /** Those that have something open first, then those that were here latest. At most 2000. */
  readonly users: readonly StatusUser[]
  /** What is open: at most 5000 of it. */
  readonly exchanges: readonly StatusExchange[]
  /** The last 200, the latest at the end. */
  readonly refusals: readonly StatusRefusal[]
  /** The parent proxies that the options name. */
  readonly parents: readonly StatusParent[]
}

/** All users together. */
export interface StatusTotals {
  /** Users that have something open. */
  readonly users: number
  /** Open tunnels and WebSockets. */
  readonly tunnels: number
  /** Open requests. */
  readonly requests: number
  /** Octets from clients. */
  readonly bytesIn: number
  /** Octets to clients. */
  readonly bytesOut: number
  /** Octets a second from clients, lately. */
  readonly rateIn: number
  /** Octets a second to clients, lately. */
  readonly rateOut: number
  /** How many requests have been refused, denied or limited. */
  readonly refusals: number
}

/** A user, with what that user has open and has moved since the start. */
export interface StatusUser {
  /** The name, as in the log; `null` where an application has let requests in without one. */
  readonly user: string | null
  readonly tunnels: number
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly rateIn: number
  readonly rateOut: number
  /** How many requests lists, rules or code have denied. */
  readonly denials: number
  /** What is left of quotas. */
  readonly quotas: readonly StatusQuota[]
}

/** What is left of a quota. */
export interface StatusQuota {
  /** The name of the limit. */
  readonly limit: string
  /** How many octets it has for each period. */
  readonly octets: number
  /** How many of them are left, as far as this process knows. */
  readonly left: number
  /** When the next period begins, in the form of ISO 8601. */
  readonly renews: string
}

/** A tunnel, a forwarded request or a WebSocket that is open. */
export interface StatusExchange {
  /** Its number, which no other has had. */
  readonly key: number
  /** The id of the request, as in the log and for `app.proxyAuthEnd(id)`. */
  readonly id: string
  readonly user: string | null
  readonly client: string | null
  readonly form: 'connect' | 'http' | 'https' | 'websocket' | 'reverse'
  readonly method: string
  readonly target: string
  /** Path and query, where the option `log.paths` gives them. */
  readonly path: string | null
  /** The parent proxy that it goes by; `null`: none. */
  readonly parent: string | null
  /** The address that it goes to, where that is known. */
  readonly address: string | null
  /** The rule that has allowed it; `null`: none. */
  readonly rule: string | null
  /** Whether its target has been reached. */
  readonly opened: boolean
  /** How long it had been there when it was first told of. */
  readonly ageMs: Milliseconds
  readonly bytesIn: number
  readonly bytesOut: number
  readonly rateIn: number
  readonly rateOut: number
}

/** A request that has been refused. */
export interface StatusRefusal {
  /** Its number: one more than that of the one before. */
  readonly serial: number
  /** When, in the form of ISO 8601. */
  readonly at: string
  /**
   * `'refused'`: the credentials are wrong. `'denied'`: lists, rules or code say no. `'limited'`: a
   * limit is reached.
   */
  readonly kind: 'refused' | 'denied' | 'limited'
  /** The id of the request, as in the log. */
  readonly id: string
  /** Of wrong credentials: the name in them, which has not been proven. */
  readonly user: string | null
  readonly client: string | null
  readonly method: string | null
  readonly target: string | null
  readonly status: number | null
  /** Why. */
  readonly reason: string
  /** The rule or the limit, where there is one. */
  readonly by: string | null
}

/** A parent proxy. */
export interface StatusParent {
  readonly parent: string
  readonly state: 'works' | 'fails'
  /** The code of the error that it has failed with; `null`: it works. */
  readonly error: string | null
  /** How long it has failed; `null`: it works. */
  readonly failingMs: Milliseconds | null
}
