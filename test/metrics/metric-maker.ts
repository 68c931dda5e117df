import { createRequire } from 'node:module'
import t from 'tap'
import { MetricMaker } from '../../lib/metrics/metric-maker.js'
import type { PromClient } from '../../lib/metrics/prom-client.js'
import { Reading, Registry } from '../fixtures/metrics.js'

const client = createRequire(import.meta.url)('prom-client') as PromClient
const definition = (name: string, labels: string[] = []) => ({ name, labels, help: `What ${name} says` })

t.test('metrics of each kind: the registry has them once they are registered, with their names, labels and bounds', async t => {
  const maker = new MetricMaker(client, 'gw_')
  const counter = maker.counter(definition('a_total', ['kind']))
  maker.counter(definition('b_total'), (metric) => metric.inc({}, 2))
  maker.gauge(definition('c'), (metric) => metric.set({}, 3))
  const histogram = maker.histogram({ ...definition('d_seconds'), buckets: [1, 2] })
  counter.inc({ kind: 'x' })
  histogram.observe({}, 1.5)
  const reading = new Reading(new Registry())
  t.equal((await reading.families()).size, 0)
  maker.register(reading.register)
  t.strictSame([...await reading.families()].map(([name, { type, help }]) => [name, type, help]), [
    ['gw_a_total', 'counter', 'What a_total says'], ['gw_b_total', 'counter', 'What b_total says'],
    ['gw_c', 'gauge', 'What c says'], ['gw_d_seconds', 'histogram', 'What d_seconds says']
  ])
  t.equal(await reading.value('gw_a_total', { kind: 'x' }), 1)
  t.equal(await reading.value('gw_c'), 3)
  t.equal(await reading.value('gw_d_seconds_bucket', { le: '2' }), 1)
  t.equal(await reading.value('gw_d_seconds_bucket', { le: '1' }), 0)
})

t.test('a registry that has a metric of one of the names: it gets none of them', async t => {
  const reading = new Reading(new Registry())
  const before = new MetricMaker(client, '')
  before.counter(definition('b'))
  before.register(reading.register)
  const maker = new MetricMaker(client, '')
  for (const name of ['a', 'b', 'c']) maker.counter(definition(name))
  t.throws(() => maker.register(reading.register), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.strictSame([...(await reading.families()).keys()], ['b'])
})

t.test('a registry for OpenMetrics: it gets them, too', async t => {
  const register = new Registry(Registry.OPENMETRICS_CONTENT_TYPE)
  const maker = new MetricMaker(client, '')
  maker.counter(definition('a_total')).inc({})
  maker.register(register)
  t.match(await register.metrics(), /^a_total 1$/m)
})
