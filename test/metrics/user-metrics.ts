import t from 'tap'
import { userMetrics } from '../../lib/metrics/user-metrics.js'
import { made, observed, underWay } from '../fixtures/made-metrics.js'

const ENDED = {
  id: 'req-1',
  user: 'alice' as string | null,
  scheme: 'Basic',
  realm: 'Gateway',
  client: null,
  form: 'http',
  method: 'GET',
  target: 'http://origin.test',
  status: 200,
  bytesIn: 1,
  bytesOut: 2,
  durationMs: 40
} as const

t.test('what users do: it is counted by name, with what is under way', async t => {
  const at = observed({ exchanges: { proxied: [underWay('connect', { bytesIn: 10, bytesOut: 20 }), underWay('http'), underWay('http', { bytesIn: 7, bytesOut: 7 }, null)] } })
  const metrics = made(maker => userMetrics(maker, at, 2))
  for (const user of ['alice', 'bob', 'carol', null]) at.events.tell('closed', { ...ENDED, user })
  for (const user of ['alice', null]) at.events.tell('denied', { ...ENDED, user, denial: 'port' })
  at.events.tell('limited', { id: 'req-1', user: 'bob', limit: 'limits[0]', kind: 'quota', retryAfterMs: null, ended: false })
  at.events.tell('refused', { id: 'req-1', client: null, method: 'GET', durationMs: 1, user: 'mallory', scheme: 'Basic', status: 407, reason: 'rejected' })
  t.strictSame(await metrics.all('user_exchanges_total'), { 'user=alice': 1, 'user=bob': 1, 'user=other': 1 })
  t.strictSame(await metrics.all('user_denials_total'), { 'user=alice': 1 })
  t.strictSame(await metrics.all('user_limited_total'), { 'user=bob': 1 })
  t.strictSame(await metrics.all('user_bytes_total'), {
    'direction=in user=alice': 12, 'direction=out user=alice': 24, 'direction=in user=bob': 1, 'direction=out user=bob': 2, 'direction=in user=other': 1, 'direction=out user=other': 2
  })
})
