import t from 'tap'
import { stateMetrics } from '../../lib/metrics/state-metrics.js'
import { readParent } from '../../lib/policy/parent/entry.js'
import { Health } from '../../lib/policy/parent/health.js'
import type { Parent } from '../../lib/policy/parent/parent.js'
import { made, observed, underWay } from '../fixtures/made-metrics.js'

t.test('what there is: the gauges tell it when they are read', async t => {
  const proxied: never[] = ['connect', 'websocket', 'http', 'https', 'reverse'].map(form => underWay(form))
  const [one, other] = [new Health(), new Health()]
  const metrics = made(maker => stateMetrics(maker, observed({ exchanges: { proxied }, health: [one, other] })))
  const values = async () => {
    const names = ['tunnels', 'requests', 'handshakes', 'kept_content_bytes', 'verifiers_running', 'verifiers_waiting', 'parents_failing']
    return Object.fromEntries(await Promise.all(names.map(async name => [name, await metrics.value(name)])))
  }
  t.strictSame(await values(), { tunnels: 2, requests: 3, handshakes: 1, kept_content_bytes: 2, verifiers_running: 3, verifiers_waiting: 4, parents_failing: 0 })
  t.strictSame(await metrics.all('remembered_verdicts'), { 'verdict=granted': 5, 'verdict=refused': 6 })
  proxied.length = 1
  for (const health of [one, other]) health.failed(readParent({ url: 'http://corp.test:3128' }, 'parents[0]').hop as Parent, new Error('away'))
  t.match(await values(), { tunnels: 1, requests: 0, parents_failing: 2 })
})
