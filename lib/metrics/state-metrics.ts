import { GAUGES } from './definitions.js'
import type { Definition } from './definitions.js'
import type { MetricMaker } from './metric-maker.js'
import type { Observed } from './observed.js'

/** Makes the metrics of what there is. Nothing is measured before they are read. */
export function stateMetrics (maker: MetricMaker, { exchanges, gates, health }: Observed): void {
  const gauge = (definition: Definition, valueOf: () => number) => {
    maker.gauge(definition, (metric) => metric.set({}, valueOf()))
  }
  const tunnels = () => exchanges.proxied.filter(({ record: { form } }) => form === 'connect' || form === 'websocket').length
  gauge(GAUGES.tunnels, tunnels)
  gauge(GAUGES.requests, () => exchanges.proxied.length - tunnels())
  gauge(GAUGES.handshakes, () => gates.load().handshakes)
  gauge(GAUGES.keptContent, () => gates.load().keptContent)
  gauge(GAUGES.verifying, () => gates.load().running)
  gauge(GAUGES.queue, () => gates.load().waiting)
  gauge(GAUGES.parentsFailing, () => health.reduce((sum, { failingNow }) => sum + failingNow, 0))
  maker.gauge(GAUGES.verdicts, (metric) => {
    const { yeses, noes } = gates.load()
    metric.set({ verdict: 'granted' }, yeses)
    metric.set({ verdict: 'refused' }, noes)
  })
}
