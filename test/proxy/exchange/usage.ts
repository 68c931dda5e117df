import { mock } from 'node:test'
import t from 'tap'
import type { Test } from 'tap'
import Fastify from 'fastify'
import { Events } from '../../../lib/events/events.js'
import type { ProgressEvent } from '../../../lib/events/payloads.js'
import type { Proxied } from '../../../lib/proxy/exchange/exchange.js'
import type { ExchangeRecord } from '../../../lib/proxy/exchange/record.js'
import { Usage, sampleUsage } from '../../../lib/proxy/exchange/usage.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'

type Moving = Proxied & { moved: { bytesIn: number, bytesOut: number } }

/** A clock that stands still until it is set. */
function clock (t: Test): (now: number) => void {
  const { now } = performance
  t.teardown(() => { performance.now = now })
  let time = 0
  performance.now = () => time
  return (at) => { time = at }
}

function exchange (name: string | null, form = 'connect', began = 0): Moving {
  const identity = name === null ? null : { name }
  const record = { identity, form, isTunnel: form === 'connect' || form === 'websocket', began, age: 1, described: () => ({ user: name }) } as unknown as ExchangeRecord
  const self: Moving = { record, moved: { bytesIn: 0, bytesOut: 0 }, octets: () => self.moved, end () {} }
  return self
}

const NONE = { tunnels: 0, requests: 0, bytesIn: 0, bytesOut: 0, rateIn: 0, rateOut: 0, denials: 0, limits: [] }

t.test('an identity that an application has made, with a name that is no text: it is counted all the same', async t => {
  const usage = new Usage()
  for (const name of [7, 7, { id: 7 }, undefined]) usage.count(exchange(name as never).record, { status: 200, bytesIn: 1, bytesOut: 0 })
  t.match(usage.ofUsers([]), [{ user: 7, bytesIn: 2 }, { user: { id: 7 }, bytesIn: 1 }, { user: null, bytesIn: 1 }])
  t.doesNotThrow(() => usage.ofUsers([], name => [{ limit: name.normalize(), octets: 1, left: 1, renews: new Date() }]), 'and no quota is looked for')
})

t.test('what has ended and what is open: it is added up for each user', async t => {
  const usage = new Usage()
  const { record } = exchange('alice')
  usage.count(record, { status: 200, bytesIn: 1, bytesOut: 2 })
  usage.count(record, { status: 403, bytesIn: 0, bytesOut: 0, denial: 'no' })
  usage.count(exchange(null).record, { status: 200, bytesIn: 7, bytesOut: 0 })
  const open = [exchange('alice'), exchange('alice', 'websocket'), exchange('alice', 'http'), exchange('bob', 'reverse'), exchange(null)]
  open[0]!.moved = { bytesIn: 10, bytesOut: 20 }
  const beginning: Proxied = { ...exchange('bob'), octets: undefined }
  const quota = { limit: 'day', octets: 5, left: 3, renews: new Date(0) }
  t.same(usage.ofUsers(open, user => user === 'alice' ? [quota] : []).map(({ limits }) => limits), [[quota], [], []])
  t.strictSame(usage.ofUsers([...open, beginning]), [
    { ...NONE, user: 'alice', tunnels: 2, requests: 1, bytesIn: 11, bytesOut: 22, denials: 1 },
    { ...NONE, user: null, tunnels: 1, bytesIn: 7 },
    { ...NONE, user: 'bob', requests: 1, tunnels: 1 }
  ])
})

t.test('more users than are remembered: those who were here latest are', async t => {
  const usage = new Usage()
  const come = (name: string) => usage.count(exchange(name).record, { status: 200, bytesIn: 1, bytesOut: 0 })
  come('stays')
  come('goes')
  for (let i = 0; i < 9_998; i++) come(`user-${i}`)
  come('stays')
  come('last')
  const users = usage.ofUsers([])
  t.equal(users.length, 10_000)
  t.notOk(users.some(({ user }) => user === 'goes'))
  t.match(users.at(-2), { user: 'stays', bytesIn: 2 })
})

t.test('rates: they are measured for a minute once they are asked for', async t => {
  const set = clock(t)
  const usage = new Usage()
  const open = [exchange('alice'), exchange('alice')]
  const looked: number[] = []
  const sample = (at: number) => {
    set(at)
    usage.sample(() => { looked.push(at); return open })
  }
  sample(1000)
  t.strictSame(looked, [], 'nothing has asked')
  t.match(usage.ofUsers(open), [{ rateIn: 0, rateOut: 0 }])
  sample(2000)
  open[0]!.moved = { bytesIn: 500, bytesOut: 100 }
  open[1]!.moved = { bytesIn: 1000, bytesOut: 0 }
  sample(4000)
  t.match(usage.ofUsers(open), [{ rateIn: 750, rateOut: 50 }])
  sample(5000)
  t.match(usage.ofUsers(open), [{ bytesIn: 1500, rateIn: 0, rateOut: 0 }])
  sample(200_000)
  t.strictSame(looked, [2000, 4000, 5000])
  t.match(usage.ofUsers(open), [{ rateIn: 0 }])
})

t.test('an exchange that is younger than the time between two looks: its rate is by its own age', async t => {
  const set = clock(t)
  const usage = new Usage()
  usage.watch()
  usage.sample(() => [])
  const young = exchange('alice', 'connect', 900)
  young.moved = { bytesIn: 100, bytesOut: 0 }
  set(1000)
  usage.sample(() => [young, { ...exchange('bob', 'connect', 900), octets: undefined }])
  t.match(usage.paceOf(young), { rateIn: 1000 })
})

t.test('an exchange that says of itself what it has moved: it is asked as what it is', async t => {
  class Moved {
    readonly record = exchange('alice').record
    private readonly moved = { bytesIn: 3, bytesOut: 4 }
    octets () { return this.moved }
    end () {}
  }
  t.match(new Usage().paceOf(new Moved()), { bytesIn: 3, bytesOut: 4 })
})

t.test('progress: listeners are told of what has moved since the last look, and of nothing else', async t => {
  const set = clock(t)
  const events = new Events('gw')
  const told: ProgressEvent[] = []
  events.on('progress', (event) => { told.push(event) })
  const usage = new Usage(events)
  const [moves, rests] = [exchange('alice'), exchange('bob')]
  usage.sample(() => [moves, rests])
  set(1000)
  moves.moved = { bytesIn: 5, bytesOut: 10 }
  usage.sample(() => [moves, rests])
  usage.sample(() => [moves, rests])
  t.strictSame(told, [{ gateway: 'gw', user: 'alice', bytesIn: 5, bytesOut: 10, rateIn: 5, rateOut: 10, durationMs: 1 }] as never)
})

t.test('an application: rates are measured each second until it closes', async t => {
  const { timers: clock } = mock
  clock.enable({ apis: ['setInterval'] })
  t.teardown(() => clock.reset())
  const app = Fastify()
  const exchanges = new Exchanges()
  let sampled = 0
  exchanges.usage.sample = (live) => { sampled += live().length + 1 }
  sampleUsage(app, exchanges)
  clock.tick(2000)
  t.equal(sampled, 2)
  await app.close()
  clock.tick(2000)
  t.equal(sampled, 2)
})
