import type { LimitFailure, LimitedExchange } from '../../policy/limits/meter.js'
import type { ExchangeRecord } from './record.js'

/**
 * Why one is ended that would go on: the server stops, its user is no longer one, the rules have
 * changed, or the application has ended it.
 */
export type EndedFor = 'closing' | 'revoked' | 'forbidden' | 'ended'

/** What one is ended by: one of those, or a limit that it has reached. */
export type EndedBy = EndedFor | LimitFailure

/** Octets each way. */
export interface MovedOctets {
  /** From the client. */
  readonly bytesIn: number
  /** To the client. */
  readonly bytesOut: number
}

/** Something that a stopping server waits for, and ends when it has waited long enough. */
export interface Exchange {
  /** Nothing is under way: it is ended without a wait. */
  readonly idle?: boolean
  /** Where it stands in the list of those under way, `undefined` outside. */
  place?: number | undefined
  /** The name of its user, which `add` notes; `undefined` where it has none. */
  holder?: string | undefined
  /** What there is to know of it; `undefined` where nothing is proxied yet. */
  readonly record?: ExchangeRecord | undefined
  /** How many octets have gone through so far. */
  octets?: (() => MovedOctets) | undefined
  /** What limits it, once they have let it in; `undefined` where none does. */
  admission?: LimitedExchange | undefined
  /** Ends it at once. Must lead to `exchanges.delete`. */
  end (why: EndedBy): void
}

/** One that is proxied. */
export type Proxied = Exchange & { readonly record: ExchangeRecord }
