import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { Events } from '../../lib/events/events.js'
import type { LimitedEvent } from '../../lib/events/payloads.js'
import { logFailures } from '../../lib/platform/guarded.js'

const LIMITED = { id: 'req-1', user: 'alice', limit: 'limits[0]', kind: 'rate', retryAfterMs: 1000, ended: false } as const

t.test('no listener: events are not heard', async t => {
  const events = new Events('gw')
  t.strictSame([events.hears('limited'), events.hearsExchanges], [false, false])
  events.on('progress', () => {})
  t.strictSame([events.hears('limited'), events.hearsExchanges], [false, true])
})

t.test('a listener of the gateway: it is told of that gateway alone', async t => {
  const [one, other] = [new Events('one'), new Events('other')]
  const told: LimitedEvent[] = []
  one.on('limited', (event) => { told.push(event) })
  other.tell('limited', LIMITED)
  one.tell('limited', LIMITED)
  t.strictSame(told, [{ gateway: 'one', ...LIMITED }])
})

t.test('a subscriber of the application: it is told of every gateway, by name', async t => {
  const told: unknown[] = []
  const listen = (event: unknown) => { told.push(event) }
  subscribe('fastify-proxy-auth:limited', listen)
  t.teardown(() => unsubscribe('fastify-proxy-auth:limited', listen))
  for (const gateway of ['one', 'other']) {
    const events = new Events(gateway)
    t.equal(events.hears('limited'), true)
    events.tell('limited', LIMITED)
  }
  t.strictSame(told, [{ gateway: 'one', ...LIMITED }, { gateway: 'other', ...LIMITED }])
})

t.test('a listener of ours that fails: the failure is logged, and the others are told', async t => {
  const logged: string[] = []
  logFailures({ error: (_details, message) => { logged.push(message) } }, {})
  t.teardown(() => logFailures(console, {}))
  const events = new Events('gw')
  let told = 0
  events.on('limited', () => { throw new Error('a failure of a test') })
  events.on('limited', () => { told += 1 })
  events.tell('limited', LIMITED)
  t.strictSame([logged, told], [['a listener failed'], 1])
})
