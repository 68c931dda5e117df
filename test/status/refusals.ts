import t from 'tap'
import { Events } from '../../lib/events/events.js'
import { Refusals } from '../../lib/status/refusals.js'

const refused = { id: 'req-1', client: '127.0.0.1', method: 'GET', durationMs: 1, user: 'alice', scheme: 'Basic', status: 407, reason: 'rejected' } as const
const denied = {
  id: 'req-2',
  user: 'bob',
  scheme: 'Basic',
  realm: 'Gateway',
  client: '127.0.0.1',
  form: 'connect',
  method: 'CONNECT',
  target: 'other.test:443',
  status: 403,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 1,
  denial: 'not on the allow list'
} as const

t.test('credentials that are refused, targets that are denied, limits: they are told of with reasons, the latest at the end', async t => {
  const events = new Events('gateway')
  const refusals = new Refusals(events)
  events.tell('refused', refused)
  events.tell('denied', denied)
  events.tell('denied', { ...denied, id: 'req-3', rule: 'staff' })
  events.tell('limited', { id: 'req-4', user: 'bob', limit: 'day', kind: 'quota', retryAfterMs: 1, ended: true })
  events.tell('limited', { id: 'req-5', user: 'bob', limit: 'few', kind: 'tunnels', retryAfterMs: null, ended: false })
  const rows = refusals.latest
  for (const { at } of rows) t.equal(new Date(at).toISOString(), at)
  const nowhere = { client: null, method: null, target: null, status: null }
  t.strictSame(rows.map(({ at: _, ...row }) => row), [
    { serial: 1, kind: 'refused', id: 'req-1', user: 'alice', client: '127.0.0.1', method: 'GET', target: null, status: 407, reason: 'rejected', by: null },
    { serial: 2, kind: 'denied', id: 'req-2', user: 'bob', client: '127.0.0.1', method: 'CONNECT', target: 'other.test:443', status: 403, reason: 'not on the allow list', by: null },
    { serial: 3, kind: 'denied', id: 'req-3', user: 'bob', client: '127.0.0.1', method: 'CONNECT', target: 'other.test:443', status: 403, reason: 'not on the allow list', by: 'staff' },
    { serial: 4, kind: 'limited', id: 'req-4', user: 'bob', ...nowhere, reason: 'quota: the limit is reached, and what was under way has ended', by: 'day' },
    { serial: 5, kind: 'limited', id: 'req-5', user: 'bob', ...nowhere, reason: 'tunnels: the limit is reached', by: 'few' }
  ])
  t.equal(refusals.count, 5)
})

t.test('more refusals than are kept: the last 200 are, and all are counted', async t => {
  const events = new Events('gateway')
  const refusals = new Refusals(events)
  for (let at = 0; at < 250; at++) events.tell('refused', refused)
  t.equal(refusals.count, 250)
  t.strictSame(refusals.latest.map(({ serial }) => serial), Array.from({ length: 200 }, (_, index) => index + 51))
})

t.test('texts of any length: what is kept of them has an end', async t => {
  const events = new Events('gateway')
  const refusals = new Refusals(events)
  const long = 'x'.repeat(10_000)
  events.tell('denied', { ...denied, id: long, user: long, method: long, target: long, denial: long, rule: long })
  t.ok(JSON.stringify(refusals.latest).length < 2500)
})

t.test('what is told of: it is no longer changed by what comes', async t => {
  const events = new Events('gateway')
  const refusals = new Refusals(events)
  const { latest } = refusals
  events.tell('refused', refused)
  t.strictSame(latest, [])
})
