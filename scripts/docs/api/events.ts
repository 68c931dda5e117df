/**
 * What a gateway tells on `diagnostics_channel`, and who uses what. [Events](../../guide/events.md) is the guide.
 *
 * @module
 */
export type {
  ChallengedEvent, ClosedEvent, DeniedEvent, ExchangeEvent, GateEvent, GatewayEvent, GrantedEvent, LimitedEvent, MovedOctets, OpenedEvent, ProgressEvent, ProxyAuthEvents,
  QuotaLeft, RefusedEvent, StoreEvent, UserUsage
} from '../../../lib/index.js'
