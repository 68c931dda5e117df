import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { Test } from 'tap'
import { readParent } from '../../../lib/policy/parent/entry.js'
import { Health } from '../../../lib/policy/parent/health.js'
import type { Hop, Parent } from '../../../lib/policy/parent/parent.js'

const failure = Object.assign(new Error('connect ECONNREFUSED'), { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE' })
const parent = (name: string) => readParent({ url: `http://${name}.test:3128`, name }, 'parents[0]').hop as Parent
const [a, b, c] = [parent('a'), parent('b'), parent('c')]

/** A health whose clock the test sets. */
function tested () {
  const clock = { now: 0 }
  const health = new Health(() => clock.now)
  return { clock, health, order: (hops: readonly Hop[]) => health.order(hops).map(hop => hop === 'direct' ? hop : hop.name).join(' ') }
}

function eventsOf (t: Test): unknown[] {
  const events: unknown[] = []
  const listener = (event: unknown) => { events.push(event) }
  subscribe('fastify-proxy-auth:parent', listener)
  t.teardown(() => { unsubscribe('fastify-proxy-auth:parent', listener) })
  return events
}

t.test('no parent that fails: the list is the same one', async t => {
  const { health } = tested()
  const hops = [a, b, 'direct'] as const
  t.equal(health.order(hops), hops)
  health.failed(c, failure)
  t.equal(health.order(hops), hops, 'one that is on no list changes none')
})

t.test('a parent that failed: it is behind the others for a second, then keeps its place for one request', async t => {
  const { clock, health, order } = tested()
  health.failed(a, failure)
  t.equal(order([a, b, 'direct']), 'b direct a')
  t.equal(order([b, a, 'direct']), 'b direct a')
  clock.now = 999
  t.equal(order([a, b]), 'b a')
  clock.now = 1000
  t.equal(order([a, b]), 'a b')
  t.equal(order([a, b]), 'b a', 'one request finds out')
  health.worked(a)
  t.equal(order([a, b]), 'a b')
})

t.test('a parent that fails again and again: it is left out for twice as long each time, up to a minute', async t => {
  const { clock, health, order } = tested()
  health.failed(a, failure)
  for (const wait of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    clock.now += wait - 1
    t.equal(order([a, b]), 'b a', `before ${wait}`)
    clock.now += 1
    t.equal(order([a, b]), 'a b', `after ${wait}`)
    health.failed(a, failure)
  }
  health.worked(a)
  health.failed(a, failure)
  clock.now += 1000
  t.equal(order([a, b]), 'a b', 'a failure after it worked is a first one')
})

t.test('many requests that fail with one parent at once: they count as one failure', async t => {
  const { clock, health, order } = tested()
  for (let i = 0; i < 9; i++) health.failed(a, failure)
  clock.now = 1000
  t.equal(order([a, b]), 'a b')
})

t.test('a request that was to find out and never told: another does after as long again', async t => {
  const { clock, health, order } = tested()
  health.failed(a, failure)
  clock.now = 1000
  t.equal(order([a, b]), 'a b')
  clock.now = 1999
  t.equal(order([a, b]), 'b a')
  clock.now = 2000
  t.equal(order([a, b]), 'a b')
})

t.test('parents that all fail: they are tried in their order', async t => {
  const { clock, health, order } = tested()
  health.failed(a, failure)
  health.failed(b, failure)
  t.equal(order([a, b]), 'a b')
  t.equal(order([a]), 'a')
  clock.now = 1000
  t.equal(order([a, b]), 'a b')
  t.equal(order([a, b]), 'b a', 'the second is tried while the first is')
  t.equal(order([a, b]), 'a b')
})

t.test('a parent whose time is up and that is not the first: it keeps its place, and its turn', async t => {
  const { clock, health, order } = tested()
  health.failed(b, failure)
  clock.now = 1000
  for (let i = 0; i < 3; i++) t.equal(order([a, b, c]), 'a b c')
  t.equal(order([b, c]), 'b c')
  t.equal(order([b, c]), 'c b')
})

t.test('a parent that is alone and fails while it is tried all the same: the time doubles when it was up', async t => {
  const { clock, health, order } = tested()
  health.failed(a, failure)
  clock.now = 1000
  t.equal(order([a]), 'a')
  health.failed(a, failure)
  clock.now = 2999
  t.equal(order([a, b]), 'b a')
  clock.now = 3000
  t.equal(order([a, b]), 'a b')
})

t.test('a thousand parents that fail: the oldest counts as sound when there is one more', async t => {
  const { health, order } = tested()
  health.failed(a, failure)
  for (let i = 0; i < 999; i++) health.failed(parent(`p${i}`), failure)
  t.equal(order([a, b]), 'b a')
  health.failed(c, failure)
  t.equal(order([a, b]), 'a b')
  t.equal(order([c, b]), 'b c')
})

t.test('a failure and a recovery: each is an event and a line in the log, once', async t => {
  const events = eventsOf(t)
  const { clock, health } = tested()
  health.failed(b, new Error('before there is a log'))
  health.worked(b)
  const lines: unknown[][] = []
  health.logTo({ warn: (...line: unknown[]) => { lines.push(['warn', ...line]) }, info: (...line: unknown[]) => { lines.push(['info', ...line]) } })
  health.worked(a)
  health.failed(a, failure)
  health.failed(a, failure)
  clock.now = 5000
  health.failed(a, failure)
  health.worked(a)
  health.worked(a)
  t.strictSame(events, [
    { parent: 'b', state: 'failed' },
    { parent: 'b', state: 'recovered' },
    { parent: 'a', state: 'failed', error: 'FST_PROXY_AUTH_PARENT_UNREACHABLE' },
    { parent: 'a', state: 'recovered' }
  ])
  t.strictSame(lines, [
    ['warn', { parent: 'a', err: failure }, 'a parent proxy failed: it is left out for a while, where there is another way'],
    ['info', { parent: 'a' }, 'a parent proxy works again']
  ])
})

t.test('what listens for failures: it is told of each once, and how many fail can be asked', async t => {
  const { health } = tested()
  const told: string[] = []
  health.onFailed(name => { told.push(name) })
  for (const each of [a, a, b]) health.failed(each, failure)
  t.equal(health.failingNow, 2)
  health.worked(a)
  t.equal(health.failingNow, 1)
  t.strictSame(told, ['a', 'b'])
})

t.test('the clock of the process: is what counts otherwise', async t => {
  const health = new Health()
  health.failed(a, failure)
  t.strictSame(health.order([a, b]), [b, a])
})

t.test('how a parent fails: it is known for how long, and by which error last, until it works again', async t => {
  const { clock, health } = tested()
  t.equal(health.failureOf(a), undefined)
  health.failed(a, failure)
  clock.now = 1500
  t.strictSame(health.failureOf(a), { error: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', time: 1500 })
  health.failed(a, new Error('of another kind'))
  t.strictSame(health.failureOf(a), { error: undefined, time: 1500 })
  t.equal(health.failureOf(b), undefined)
  health.worked(a)
  t.equal(health.failureOf(a), undefined)
})
