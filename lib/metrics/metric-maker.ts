import { BadOption } from '../errors.js'
import type { Definition } from './definitions.js'
import type { CounterMetric, GaugeMetric, HistogramMetric, MetricConfiguration, MetricsRegistry, PromClient } from './prom-client.js'

/** Sets a gauge, or counts what has been added up elsewhere, before it is read. */
type Collect<Metric> = (metric: Metric) => void

/** Makes metrics, which the registry gets all together or not at all. */
export class MetricMaker {
  private readonly made: Array<{ readonly name: string }> = []
  /** What is made registers itself here first. */
  private readonly staging: Pick<MetricsRegistry, 'registerMetric'> = {
    registerMetric: (metric: { readonly name: string }) => { this.made.push(metric) }
  }

  constructor (private readonly client: PromClient, private readonly prefix: string) {}

  counter (definition: Definition, collect?: Collect<CounterMetric>): CounterMetric {
    const counter: CounterMetric = new this.client.Counter(this.of(definition, collect && (() => collect(counter))))
    return counter
  }

  histogram (definition: Definition): HistogramMetric {
    return new this.client.Histogram(this.of(definition))
  }

  gauge (definition: Definition, collect: Collect<GaugeMetric>): void {
    const gauge: GaugeMetric = new this.client.Gauge(this.of(definition, () => collect(gauge)))
  }

  /** @throws {BadOption} The registry has a metric of one of these names. */
  register (register: MetricsRegistry): void {
    if (this.made.some(({ name }) => register.getSingleMetric(name) !== undefined)) {
      throw new BadOption('register', 'a registry without metrics of these names, or `prefix` another', 'one that has them already')
    }
    for (const metric of this.made) register.registerMetric(metric as never)
  }

  private of ({ name, help, labels, buckets }: Definition, collect?: () => void): MetricConfiguration {
    return {
      name: `${this.prefix}${name}`,
      help,
      labelNames: labels,
      registers: [this.staging as MetricsRegistry],
      ...(buckets !== undefined && { buckets }),
      ...(collect !== undefined && { collect })
    }
  }
}
