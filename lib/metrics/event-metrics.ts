import { COUNTERS, HISTOGRAMS } from './definitions.js'
import { BoundedNames } from './bounded-names.js'
import { NONE, denialLabel, endLabel, refusalLabel, schemeLabel, statusLabel } from './labels.js'
import type { MetricMaker } from './metric-maker.js'
import { Moved } from './moved.js'
import type { Observed } from './observed.js'

/** How many names of limits, and of parents, have a place of their own. */
const MAX_NAMES = 100

/**
 * Makes the metrics of what happens.
 *
 * @returns Begins to count, once they are registered.
 */
export function eventMetrics (maker: MetricMaker, { events, exchanges, gates, health }: Observed): () => void {
  const counters = {
    challenges: maker.counter(COUNTERS.challenges),
    grants: maker.counter(COUNTERS.grants),
    refusals: maker.counter(COUNTERS.refusals),
    denials: maker.counter(COUNTERS.denials),
    exchanges: maker.counter(COUNTERS.exchanges),
    limited: maker.counter(COUNTERS.limited),
    storeFailures: maker.counter(COUNTERS.storeFailures),
    parentFailures: maker.counter(COUNTERS.parentFailures)
  }
  const verdicts = maker.histogram(HISTOGRAMS.verdict)
  const dials = maker.histogram(HISTOGRAMS.dial)
  const durations = maker.histogram(HISTOGRAMS.exchange)
  const moved = new Moved()
  maker.counter(COUNTERS.bytes, (counter) => {
    const live = exchanges.proxied.map(({ record, octets }) => [record.form, octets?.()] as const)
    moved.tell(live, (form, direction, octets) => counter.inc({ direction, form }, octets))
  })
  const schemeOf = (scheme: string | null) => schemeLabel(scheme, gates.schemes())
  const [limits, parents] = [new BoundedNames(MAX_NAMES), new BoundedNames(MAX_NAMES)]

  return () => {
    events.on('challenged', ({ reason, durationMs }) => {
      counters.challenges.inc({ reason })
      verdicts.observe({ scheme: NONE, verdict: 'challenged' }, durationMs / 1000)
    })
    events.on('granted', ({ scheme: name, durationMs }) => {
      const scheme = schemeOf(name)
      counters.grants.inc({ scheme })
      verdicts.observe({ scheme, verdict: 'granted' }, durationMs / 1000)
    })
    events.on('refused', ({ reason, scheme: name, durationMs }) => {
      const scheme = schemeOf(name)
      counters.refusals.inc({ reason: refusalLabel(reason), scheme })
      verdicts.observe({ scheme, verdict: 'refused' }, durationMs / 1000)
    })
    events.on('denied', (event) => {
      const { form } = event
      counters.denials.inc({ form, reason: denialLabel(event) })
      moved.add(form, event)
    })
    events.on('opened', ({ form, durationMs }) => dials.observe({ form }, durationMs / 1000))
    events.on('closed', (event) => {
      const { form, status, reason, scheme, durationMs } = event
      counters.exchanges.inc({ form, status: statusLabel(status), reason: endLabel(reason) })
      durations.observe({ form, scheme: schemeOf(scheme) }, durationMs / 1000)
      moved.add(form, event)
    })
    events.on('limited', ({ limit, kind }) => counters.limited.inc({ limit: limits.of(limit), kind }))
    events.on('store', ({ store, state }) => { if (state === 'failed') counters.storeFailures.inc({ store }) })
    for (const each of health) each.onFailed((parent) => counters.parentFailures.inc({ parent: parents.of(parent) }))
  }
}
