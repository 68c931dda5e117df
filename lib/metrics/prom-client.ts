/** What is used of a registry of `prom-client`. */
export interface MetricsRegistry {
  getSingleMetric (name: string): unknown
  registerMetric (metric: never): void
}

/** The values of a metric's labels. */
export type Labels = Readonly<Record<string, string>>

/** How a metric of `prom-client` is made. */
export interface MetricConfiguration {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  /** Of a histogram: the upper bounds. */
  readonly buckets?: readonly number[]
  readonly registers: readonly MetricsRegistry[]
  /** Called before its values are read. */
  readonly collect?: () => void
}

/** A counter of `prom-client`. */
export interface CounterMetric { inc (labels: Labels, value?: number): void }

/** A histogram of `prom-client`. */
export interface HistogramMetric { observe (labels: Labels, value: number): void }

/** A gauge of `prom-client`. */
export interface GaugeMetric { set (labels: Labels, value: number): void }

/**
 * What is used of the package. The types are our own, since the package is an optional peer: ours
 * must be readable without it.
 */
export interface PromClient {
  readonly Counter: new (configuration: MetricConfiguration) => CounterMetric
  readonly Histogram: new (configuration: MetricConfiguration) => HistogramMetric
  readonly Gauge: new (configuration: MetricConfiguration) => GaugeMetric
}
