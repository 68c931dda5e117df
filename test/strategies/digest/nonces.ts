import t from 'tap'
import type { ReplayStore } from '../../../lib/store/store.js'
import { DigestNonces } from '../../../lib/strategies/digest/nonces.js'
import type { Redeemed } from '../../../lib/strategies/digest/nonces.js'
import { readDigestOptions } from '../../../lib/strategies/digest/options.js'
import type { DigestOptions } from '../../../lib/strategies/digest/options.js'
import type { OfferedParameters } from '../../../lib/schemes/digest/verify.js'
import { MemoryStore } from '../../../lib/store/memory.js'
import { algorithmOf } from '../../fixtures/digest.js'
import { vectors } from '../../fixtures/vectors.js'

const algorithm = algorithmOf('SHA-256')
const FRESH = { kind: 'fresh', nextnonce: undefined }
const NO_NONCE = { kind: 'stale', reason: 'nonce' }
const NO_COUNT = { kind: 'stale', reason: 'nc' }

function start (options: Partial<DigestOptions> = {}) {
  const time = { now: Date.UTC(2026, 10, 21) }
  const nonces = new DigestNonces(readDigestOptions({ lookup: () => null, clock: () => time.now, ...options }))
  const redeem = (nonce: string, count: number, changed: object = {}) =>
    nonces.redeem({ realm: 'lab', algorithm, nonce, count, ...changed } as OfferedParameters, 'alice') as Redeemed
  return { time, nonces, redeem, issue: () => nonces.issue('lab', algorithm) }
}

t.test('the vectors of nonce counts: each count has the expected verdict (R-DIG-32, R-DIG-33, R-DIG-34)', async t => {
  const said = (redeemed: Redeemed): string => redeemed.kind === 'fresh' ? 'ok' : 'stale'
  for (const { id, sequence, expected } of vectors<{ id: string, sequence: string[], expected: string[] }>('digest-nc-sequences')) {
    if (id === 'NC-5') continue // malformed: see the parameters
    const { redeem, issue } = start()
    const nonce = issue()
    t.same(sequence.map((nc) => said(redeem(nonce, parseInt(nc, 16)))), expected.map((each) => each === 'ok' ? 'ok' : 'stale'), id)
  }
})

t.test('a nonce: serves for its lifetime, and no longer (R-DIG-16, R-DIG-37)', async t => {
  const { time, redeem, issue } = start({ nonceLifetime: 1000 })
  const nonce = issue()
  t.same(redeem(nonce, 1), FRESH)
  t.same(redeem(nonce, 1), NO_COUNT)
  time.now += 1000
  t.same(redeem(nonce, 2), NO_NONCE)
})

t.test('a check whether a nonce is valid: does not use it up (R-DIG-35)', async t => {
  const { time, nonces, redeem, issue } = start({ nonceLifetime: 1000, oneTimeNonces: true })
  const nonce = issue()
  const isValid = (changed: object = {}) => nonces.isValid({ realm: 'lab', algorithm, nonce, count: 1, ...changed } as OfferedParameters)
  t.equal(isValid(), true)
  t.equal(isValid({ realm: 'another' }), false)
  t.equal(isValid({ nonce: start().issue() }), false)
  t.match(redeem(nonce, 1), { kind: 'fresh' })
  t.equal(isValid(), true, 'counts are not looked at')
  time.now += 1000
  t.equal(isValid(), false)
})

t.test('a nonce in its last quarter: brings nextnonce, which starts at 1 while the old one goes on (R-DIG-49, R-DIG-50, R-DIG-51, R-DIG-52)', async t => {
  const { time, redeem, issue } = start({ nonceLifetime: 1000 })
  const nonce = issue()
  time.now += 749
  t.same(redeem(nonce, 1), FRESH)
  time.now += 1
  const { nextnonce } = redeem(nonce, 2) as { nextnonce: string }
  t.match(nextnonce, /^[\w-]{48}$/)
  t.not(nextnonce, nonce)
  t.same(redeem(nextnonce, 1), FRESH)
  t.match(redeem(nonce, 3), { kind: 'fresh' }, 'the old one goes on')
  time.now += 250
  t.same(redeem(nonce, 4), NO_NONCE)
  t.same(redeem(nextnonce, 2), FRESH)
})

t.test('a nonce with its counts near the end: brings nextnonce in time (R-DIG-51)', async t => {
  const { redeem, issue } = start()
  const nonce = issue()
  t.same(redeem(nonce, 0xfffeffff), FRESH)
  t.match(redeem(nonce, 0xffff0000), { kind: 'fresh', nextnonce: String })
  t.match(redeem(nonce, 0xffffffff), { kind: 'fresh', nextnonce: String })
})

t.test('a one-time nonce: serves once, whatever the count, and each response has the next (R-DIG-50)', async t => {
  const { redeem, issue } = start({ oneTimeNonces: true })
  const nonce = issue()
  const { nextnonce } = redeem(nonce, 7) as { nextnonce: string }
  t.same(redeem(nonce, 7), NO_COUNT)
  t.same(redeem(nonce, 8), NO_COUNT)
  t.same(redeem(nonce, 0), NO_COUNT)
  t.match(redeem(nextnonce, 1), { kind: 'fresh', nextnonce: String })
  const another = issue()
  t.match(redeem(another, 0), { kind: 'fresh', nextnonce: String }, 'without a count too')
  t.same(redeem(another, 0), NO_COUNT)
})

t.test('a nonce without a count: serves for its lifetime, and takes no window (R-DIG-31)', async t => {
  const store = new MemoryStore()
  const { redeem, issue } = start({ store, rfc2069: true })
  const nonce = issue()
  t.same(redeem(nonce, 0), FRESH)
  t.same(redeem(nonce, 0), FRESH)
  t.equal(store.size, 0)
})

t.test('a nonce of another realm, algorithm, key, store, use or lifetime: is not valid (R-DIG-6, R-DIG-8, S6)', async t => {
  const keys = ['k'.repeat(32)]
  const store = new MemoryStore()
  const { redeem, issue, time } = start({ keys, store })
  const nonce = issue()
  t.same(redeem(nonce, 1, { realm: 'Lab' }), NO_NONCE)
  t.same(redeem(nonce, 1, { algorithm: algorithmOf('SHA-256-sess') }), NO_NONCE)
  for (const options of [{ store }, { keys }, { keys, store, oneTimeNonces: true }, { keys, store, nonceLifetime: 299_999 }]) {
    t.same(start(options).redeem(nonce, 1), NO_NONCE, Object.keys(options).join())
  }
  t.same(start({ keys, store, clock: () => time.now - 31_000 }).redeem(nonce, 1), NO_NONCE, 'the future')
  t.equal(store.size, 0, 'none of that has used a count')
  t.same(start({ keys, store }).redeem(nonce, 1), FRESH, 'another process with the same of everything')
  t.same(redeem(nonce, 1), NO_COUNT, 'and it counts for both (R-DIG-34)')
})

t.test('keys are rotated: the first signs, all verify (R-DIG-8)', async t => {
  const [old, fresh] = ['o'.repeat(32), 'n'.repeat(32)]
  const store = new MemoryStore()
  const before = start({ keys: [old], store })
  const both = start({ keys: [fresh, old], store })
  const after = start({ keys: [fresh], store })
  t.same(both.redeem(before.issue(), 1), FRESH)
  t.same(after.redeem(both.issue(), 1), FRESH)
  t.same(after.redeem(before.issue(), 1), NO_NONCE)
  t.same(before.redeem(both.issue(), 1), NO_NONCE)
})

t.test('the window of a nonce: outlives the nonce, so that a late claim still finds it (R-DIG-34)', async t => {
  const claims: unknown[][] = []
  const store: ReplayStore = { id: 'x', claim (...all) { claims.push(all); return { kind: 'new' } } }
  const { time, redeem, issue } = start({ store, nonceLifetime: 1000 })
  const nonce = issue()
  time.now += 400
  redeem(nonce, 5)
  t.same(claims, [[nonce.slice(0, 24), 5, 600 + 60_000, 'alice']])
})

t.test('a store that decides later, is full, or fails: its result counts, and its error is passed on (R-407-15)', async t => {
  for (const claim of [{ kind: 'new' }, { kind: 'seen' }, { kind: 'below window' }, { kind: 'full', retryAfter: 7 }] as const) {
    const { redeem, issue } = start({ store: { id: 'x', claim: async () => claim } })
    t.same(await redeem(issue(), 1), { new: FRESH, seen: NO_COUNT, 'below window': NO_COUNT, full: claim }[claim.kind])
  }
  const cause = new Error('away')
  const { redeem, issue } = start({ store: { id: 'x', claim: async () => { throw cause } } })
  await t.rejects(Promise.resolve(redeem(issue(), 1)), cause)
})

t.test('a clock that is put back: revives no expired nonce', async t => {
  const { time, redeem, issue } = start({ nonceLifetime: 1000 })
  const nonce = issue()
  time.now += 1000
  t.same(redeem(nonce, 1), NO_NONCE)
  time.now -= 500
  t.same(redeem(nonce, 1), NO_NONCE)
  t.same(redeem(issue(), 1), FRESH)
})

t.test('each new nonce: differs from all others (R-DIG-4)', async t => {
  const { issue } = start()
  t.equal(new Set(Array.from({ length: 1000 }, issue)).size, 1000)
})

t.test('a store that has lost something, and has another id since: what it issued before does not count, also where it was read before', async t => {
  const memory = new MemoryStore()
  const store = { id: 'before', claim: (...claimed: Parameters<ReplayStore['claim']>) => memory.claim(...claimed) }
  const { redeem, issue } = start({ store })
  const nonce = issue()
  t.same(redeem(nonce, 1), FRESH)
  store.id = 'after'
  t.same(redeem(nonce, 2), NO_NONCE)
  t.same(redeem(issue(), 1), FRESH)
})
