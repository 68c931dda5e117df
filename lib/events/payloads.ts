import type { Milliseconds } from '../types.js'

/** What every event has. None has a credential. */
export interface GatewayEvent {
  /** The name of the gateway, as in `Via`: option `via`. */
  readonly gateway: string
  /** The id of the request, as in the log. */
  readonly id: string
}

/** A request at the gate, before the user is known. */
export interface GateEvent extends GatewayEvent {
  /** The address of the client; `null` on a socket in the file system. */
  readonly client: string | null
  readonly method: string
  /** How long the verdict took. */
  readonly durationMs: Milliseconds
}

/** On `challenged`: the client has yet to send credentials, or is within a handshake. */
export interface ChallengedEvent extends GateEvent {
  readonly reason: 'missing' | 'continued'
}

/** On `granted`: the strategies know the user. */
export interface GrantedEvent extends GateEvent {
  readonly user: string
  /** The scheme of the credentials, `null` for a strategy without one. */
  readonly scheme: string | null
  readonly realm: string
}

/** On `refused`: credentials came and were refused. */
export interface RefusedEvent extends GateEvent {
  /** Which user the credentials are said to be of, where a strategy tells. No one has proven it. */
  readonly user: string | null
  readonly scheme: string | null
  readonly status: number
  /** Why, in the words of the log: `rejected`, `malformed`, `stale nonce` and so on. */
  readonly reason: string
}

/** A proxied exchange: a tunnel, a forwarded request, or a WebSocket. */
export interface ExchangeEvent extends GatewayEvent {
  readonly user: string | null
  /** Where rules or limits ask for them. */
  readonly groups?: readonly string[] | undefined
  readonly scheme: string | null
  readonly realm: string | null
  readonly client: string | null
  /** How the request came; an upgrade is `websocket` on a reverse route as well. */
  readonly form: 'connect' | 'http' | 'https' | 'websocket' | 'reverse'
  readonly method: string
  /** The target with its host in canonical spelling, or the name of an upstream. */
  readonly target: string
  /** The address that it was sent to, where it did not go by a parent. */
  readonly address?: string | undefined
  /** The parent proxy that it went by. */
  readonly parent?: string | undefined
  /** Path and query, where the option `log.paths` gives them. */
  readonly path?: string | undefined
  /** The rule that decided; `null`: the default of the rules did. */
  readonly rule?: string | null | undefined
  /** What the rules say: `report` where a denial is only reported. */
  readonly decision?: 'allow' | 'deny' | 'report' | undefined
}

/** On `opened`: the target is reached, and the exchange has begun. */
export interface OpenedEvent extends ExchangeEvent {
  /** How long that took, from the verdict: rules, names, connections, TLS. */
  readonly durationMs: Milliseconds
}

/**
 * On `progress`: octets have moved since the last such event. At most once a second for each
 * exchange.
 */
export interface ProgressEvent extends ExchangeEvent {
  /** Octets from the client so far. */
  readonly bytesIn: number
  /** Octets to the client so far. */
  readonly bytesOut: number
  /** Octets a second from the client, lately. */
  readonly rateIn: number
  /** Octets a second to the client, lately. */
  readonly rateOut: number
  /** Since it began. */
  readonly durationMs: Milliseconds
}

/** On `closed`: an exchange has ended, or came to nothing. */
export interface ClosedEvent extends ExchangeEvent {
  /** The status that the client got; 200 for a tunnel that stood. */
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: Milliseconds
  /** Why it ended, unless by itself: a word as in the log, or the code of an error. */
  readonly reason?: string | undefined
  /** The account whose credentials a parent has refused. */
  readonly account?: string | undefined
  /** Why it is denied, or would be where denials are only reported. */
  readonly denial?: string | undefined
}

/**
 * On `denied`: lists, rules or code refuse the request of a known user. There is no `closed` then.
 */
export interface DeniedEvent extends ClosedEvent {
  readonly denial: string
}

/** On `limited`: a limit has refused or ended an exchange. `closed` tells of it as well. */
export interface LimitedEvent extends GatewayEvent {
  readonly user: string
  /** The name of the limit. */
  readonly limit: string
  readonly kind: 'tunnels' | 'requests' | 'rate' | 'quota'
  /** Until it may go on. `null`: when others have ended. */
  readonly retryAfterMs: Milliseconds | null
  /** Whether it had begun. */
  readonly ended: boolean
}

/** On `store`: what processes share, or a file, does not respond, or does again. */
export interface StoreEvent {
  readonly gateway: string
  /** What is kept there. */
  readonly store: 'nonces' | 'revocations' | 'attempts' | 'limits'
  readonly state: 'failed' | 'recovered'
  /** The code of the error, where it failed. */
  readonly error?: string | undefined
}

/** The events of a gateway by the names of their channels, behind `fastify-proxy-auth:`. */
export interface ProxyAuthEvents {
  readonly challenged: ChallengedEvent
  readonly granted: GrantedEvent
  readonly refused: RefusedEvent
  readonly denied: DeniedEvent
  readonly opened: OpenedEvent
  readonly progress: ProgressEvent
  readonly closed: ClosedEvent
  readonly limited: LimitedEvent
  readonly store: StoreEvent
}
