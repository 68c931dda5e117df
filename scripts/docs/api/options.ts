/**
 * The types of the plugin's options. [Options](../options.md) has all of them in tables.
 *
 * @module
 */
export type {
  AnonymousOptions, AttemptsOptions, AuthIntOptions, AutoConfigurationOptions, BandwidthLimit, Check, ConnectOptions, ConnectionBoundOptions, ForwardOptions, LogOptions,
  HttpProxyRoute, IdentityOptions, KeepAliveAfter407, LimitOptions, LimitStoreOptions, PageOptions, PageStatus, PageText, ProxyAuthOptions, QuotaLimit, QuotaPeriod, RateLimit, ReasonPhrases, ReverseRoute, Target,
  TargetScheme, TargetStrategies, TracingOptions, VerifierOptions
} from '../../../lib/index.js'
