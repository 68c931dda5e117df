import t from 'tap'
import { eventMetrics } from '../../lib/metrics/event-metrics.js'
import { readParent } from '../../lib/policy/parent/entry.js'
import { Health } from '../../lib/policy/parent/health.js'
import type { Parent } from '../../lib/policy/parent/parent.js'
import { made, observed, underWay } from '../fixtures/made-metrics.js'

const GATE = { id: 'req-1', client: null, method: 'GET', durationMs: 20 }
const EXCHANGE = { id: 'req-1', user: 'alice', scheme: 'Basic', realm: 'Gateway', client: null, form: 'http', method: 'GET', target: 'http://origin.test' } as const
const ENDED = { ...EXCHANGE, status: 200, bytesIn: 1, bytesOut: 2, durationMs: 40 }

t.test('what happens at the gate: it is counted, with the time of the verdict in seconds', async t => {
  const at = observed()
  const metrics = made(maker => eventMetrics(maker, at))
  at.events.tell('challenged', { ...GATE, reason: 'missing' })
  at.events.tell('granted', { ...GATE, user: 'alice', scheme: 'Basic', realm: 'Gateway' })
  at.events.tell('granted', { ...GATE, user: 'alice', scheme: null, realm: 'Gateway' })
  at.events.tell('refused', { ...GATE, user: 'mallory', scheme: 'Invented', status: 407, reason: 'of my own' })
  t.strictSame(await metrics.all('challenges_total'), { 'reason=missing': 1 })
  t.strictSame(await metrics.all('grants_total'), { 'scheme=Basic': 1, 'scheme=none': 1 })
  t.strictSame(await metrics.all('refusals_total'), { 'reason=other scheme=other': 1 })
  t.equal(await metrics.value('verdict_duration_seconds_sum', { scheme: 'none', verdict: 'challenged' }), 0.02)
  t.equal(await metrics.value('verdict_duration_seconds_bucket', { scheme: 'Basic', verdict: 'granted', le: '0.025' }), 1)
  t.equal(await metrics.value('verdict_duration_seconds_bucket', { scheme: 'Basic', verdict: 'granted', le: '0.01' }), 0)
  t.notMatch(await metrics.register.metrics(), /alice|mallory|Invented/)
})

t.test('exchanges: their ends, denials, times and octets are counted', async t => {
  const at = observed({ exchanges: { proxied: [underWay('connect', { bytesIn: 10, bytesOut: 20 }), underWay('connect')] } })
  const metrics = made(maker => eventMetrics(maker, at))
  at.events.tell('opened', { ...EXCHANGE, durationMs: 4 })
  at.events.tell('closed', ENDED)
  at.events.tell('denied', { ...ENDED, status: 403, bytesIn: 3, bytesOut: 0, denial: 'port' })
  t.strictSame(await metrics.all('exchanges_total'), { 'form=http status=2xx reason=none': 1 })
  t.strictSame(await metrics.all('denials_total'), { 'form=http reason=port': 1 })
  t.equal(await metrics.value('dial_duration_seconds_sum', { form: 'http' }), 0.004)
  t.equal(await metrics.value('exchange_duration_seconds_sum', { form: 'http', scheme: 'Basic' }), 0.04)
  t.strictSame(await metrics.all('bytes_total'), { 'direction=in form=http': 4, 'direction=out form=http': 2, 'direction=in form=connect': 10, 'direction=out form=connect': 20 })
})

t.test('limits, stores and parents: each time they come to an end is counted, and a recovery is not', async t => {
  const health = new Health()
  const at = observed({ health: [health] })
  const metrics = made(maker => eventMetrics(maker, at))
  at.events.tell('limited', { id: 'req-1', user: 'alice', limit: 'limits[0]', kind: 'quota', retryAfterMs: null, ended: false })
  at.events.tell('store', { store: 'limits', state: 'failed' })
  at.events.tell('store', { store: 'limits', state: 'recovered' })
  const parent = readParent({ url: 'http://corp.test:3128' }, 'parents[0]').hop as Parent
  health.failed(parent, new Error('away'))
  health.worked(parent)
  t.strictSame(await metrics.all('limited_total'), { 'limit=limits[0] kind=quota': 1 })
  t.strictSame(await metrics.all('store_failures_total'), { 'store=limits': 1 })
  t.strictSame(await metrics.all('parent_failures_total'), { 'parent=corp.test:3128': 1 })
})

t.test('names of parents and of limits without end: 100 of each have a place', async t => {
  const health = new Health()
  const at = observed({ health: [health] })
  const metrics = made(maker => eventMetrics(maker, at))
  for (let i = 0; i < 102; i++) {
    health.failed(readParent({ url: `http://p${i}.test:3128` }, 'parents[0]').hop as Parent, new Error('away'))
    at.events.tell('limited', { id: '', user: 'alice', limit: `limit-${i}`, kind: 'rate', retryAfterMs: null, ended: false })
  }
  for (const name of ['parent_failures_total', 'limited_total']) t.equal(Object.keys(await metrics.all(name)).length, 101, name)
  t.equal(await metrics.value('parent_failures_total', { parent: 'other' }), 2)
})
