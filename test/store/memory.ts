import t from 'tap'
import fc from 'fast-check'
import { MemoryStore } from '../../lib/store/memory.js'
import type { MemoryStoreOptions } from '../../lib/store/memory.js'
import { heapGrowth, sliceOfLong } from '../fixtures/heap-growth.js'

const clocked = (options: MemoryStoreOptions = {}) => {
  const time = { now: Date.UTC(2026, 10, 21) }
  return { time, store: new MemoryStore({ ...options, clock: () => time.now }) }
}

t.test('a number that is claimed: it is new once for each key (R-DIG-32, R-DIG-34)', async t => {
  const store = new MemoryStore()
  t.same([store.claim('a', 1, 1000), store.claim('a', 1, 1000), store.claim('b', 1, 1000), store.claim('a', 2, 1000)].map(({ kind }) => kind),
    ['new', 'seen', 'new', 'new'])
  t.same([store.claim('a', 1000, 1000), store.claim('a', 3, 1000)].map(({ kind }) => kind), ['new', 'below window'])
  t.equal(store.size, 2)
})

t.test('a new store: it has an id of its own, so what was issued before a restart counts nowhere (R-DIG-8)', async t => {
  t.match(new MemoryStore().id, /^[\x20-\x7e]{8,}$/)
  t.not(new MemoryStore().id, new MemoryStore().id)
})

t.test('a window: it lives as long as was said at its first claim, and is gone soon after', async t => {
  const { time, store } = clocked()
  store.claim('a', 1, 10_000)
  time.now += 9_999
  t.equal(store.claim('a', 1, 1).kind, 'seen', 'a later claim changes nothing of that')
  time.now += 2_001
  t.equal(store.claim('b', 1, 10_000).kind, 'new')
  t.equal(store.size, 1)
  t.equal(store.claim('a', 1, 10_000).kind, 'new')
})

t.test('a full store: it takes no new key, keeps all it has, and says when there will be room (S5)', async t => {
  const { time, store } = clocked({ maxWindows: 3 })
  for (const [key, ttl] of [['a', 30_000], ['b', 10_000], ['c', 20_000]] as const) t.equal(store.claim(key, 1, ttl).kind, 'new')
  const full = store.claim('d', 1, 30_000)
  t.match(full, { kind: 'full', retryAfter: Number })
  t.equal(store.claim('a', 1, 1).kind, 'seen')
  t.equal(store.claim('a', 2, 1).kind, 'new', 'who is in may go on')
  t.equal(store.claim('b', 1, 1).kind, 'seen')
  const { retryAfter } = full as { retryAfter: number }
  t.ok(retryAfter >= 10_000 && retryAfter <= 11_000)
  time.now += retryAfter - 1
  t.equal(store.claim('d', 1, 30_000).kind, 'full')
  time.now += 1
  t.equal(store.claim('d', 1, 30_000).kind, 'new')
  t.equal(store.claim('e', 1, 30_000).kind, 'full')
})

t.test('a clock that is put back: nothing ends early, and nothing comes back', async t => {
  const { time, store } = clocked()
  store.claim('a', 1, 10_000)
  time.now -= 3_600_000
  t.equal(store.claim('a', 1, 10_000).kind, 'seen')
  t.equal(store.claim('b', 1, 10_000).kind, 'new')
  time.now += 3_600_000 + 9_000
  t.equal(store.claim('b', 1, 10_000).kind, 'seen')
})

t.test('a window beside any other claims: it is never given up before its time (S5)', async () => {
  const claim = fc.record({ key: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), n: fc.integer({ min: 1, max: 3 }), ttl: fc.integer({ min: 1, max: 5_000 }), after: fc.integer({ min: 0, max: 800 }) })
  fc.assert(fc.property(fc.array(claim, { maxLength: 100 }), (claims) => {
    const { time, store } = clocked({ maxWindows: 4 })
    const used = new Map<string, { until: number, numbers: Set<number> }>()
    return claims.every(({ key, n, ttl, after }) => {
      time.now += after
      // As with nonces: nobody claims for a key whose time is over.
      if ((used.get(key)?.until ?? Infinity) <= time.now) return true
      const { kind } = store.claim(key, n, ttl)
      const live = used.get(key)
      if (live !== undefined) {
        const repeated = live.numbers.has(n)
        live.numbers.add(n)
        return kind === (repeated ? 'seen' : 'new')
      }
      if (kind === 'new') used.set(key, { until: time.now + ttl, numbers: new Set([n]) })
      return kind !== 'below window' && store.size <= 4
    })
  }), { numRuns: 300 })
})

t.test('a million keys one after the other: no more are left than are alive (S1)', async t => {
  const { time, store } = clocked()
  let most = 0
  for (let n = 0; n < 1_000_000; n++) {
    if (n % 100 === 0) time.now += 10
    store.claim(`key ${n}`, 1, 1_000)
    most = Math.max(most, store.size)
  }
  t.ok(most <= 30_000, `${most}`)
})

t.test('wrong options: the boot stops', async t => {
  for (const options of [
    { maxWindows: 0 }, { maxWindows: 1.5 }, { maxWindows: 2 ** 24 + 1 }, { maxWindows: '9' }, { windowSize: 0 }, { windowSize: 33 }, { windowSize: 65568 },
    { windowSize: '32' }, { clock: 7 }, { max: 1 }
  ]) t.throws(() => new MemoryStore(options as MemoryStoreOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, JSON.stringify(options))
  for (const options of [{ maxWindows: 1, windowSize: 32 }, { maxWindows: 2 ** 24, windowSize: 65536 }]) {
    const store = new MemoryStore(options)
    t.same([options.windowSize, 1, 1].map((n) => store.claim('a', n, 1).kind), ['new', 'new', 'seen'])
    t.same([options.windowSize + 1, 1].map((n) => store.claim('a', n, 1).kind), ['new', 'below window'])
  }
})

t.test('a user with as many windows as are left: there is no other one, while a user with none gets one', async t => {
  const { time, store } = clocked({ maxWindows: 12 })
  const take = (owner: string | undefined, times: number) =>
    Array.from({ length: times }, () => store.claim(`key ${time.now++}`, 1, 60_000, owner).kind).filter(kind => kind === 'new').length
  t.equal(take('mallory', 20), 6, 'alone: half')
  t.equal(take('bob', 20), 3)
  t.equal(take('carol', 20), 2)
  t.equal(take('alice', 20), 1)
  t.equal(take('dave', 1), 0, 'where it is full, it is full')
  t.match(store.claim('mine', 1, 60_000, 'mallory'), { kind: 'full', retryAfter: Number })
  time.now += 62_000
  t.equal(take('mallory', 20), 6, 'those that have ended are given back')
  t.equal(take(undefined, 20), 6, 'a claim of no one may take all')
})

t.test('keys and owners that are slices of fields: the fields are not kept', async t => {
  const store = new MemoryStore()
  const keys = heapGrowth(() => { for (let i = 0; i < 100; i++) store.claim(`aws4 ${sliceOfLong()}`, 1, 1000) })
  t.ok(keys < 1_000_000, `with keys the heap grew by ${keys} octets`)
  const owners = heapGrowth(() => { for (let i = 0; i < 100; i++) store.claim(String(i), 1, 1000, sliceOfLong()) })
  t.ok(owners < 1_000_000, `with owners the heap grew by ${owners} octets`)
  t.equal(store.size, 200)
})
