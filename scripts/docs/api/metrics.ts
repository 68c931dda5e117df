/**
 * The numbers of a gateway, for Prometheus. [Metrics](../../guide/metrics.md) is the guide.
 *
 * @module
 */
export { proxyAuthMetrics } from '../../../lib/index.js'
export type { MetricsOptions, MetricsRegistry, UserMetricsOptions } from '../../../lib/index.js'
