import { createSecretKey, randomBytes } from 'node:crypto'
import t from 'tap'
import fc from 'fast-check'
import { NONCE_RANDOM_OCTETS, issueNonce, judgeNonce, readNonce } from '../../../lib/schemes/digest/nonce.js'
import type { NonceScope, NonceVerdict } from '../../../lib/schemes/digest/nonce.js'

const NOW = Date.UTC(2026, 10, 21)
const key = createSecretKey(Buffer.alloc(32, 1))
const other = createSecretKey(Buffer.alloc(32, 2))
const scope: NonceScope = { realm: 'lab', algorithm: 'SHA-256', storeId: 'store', lifetime: 300_000, oneTime: false }
const random = Buffer.alloc(NONCE_RANDOM_OCTETS, 3)
const nonce = issueNonce(key, scope, NOW, random)

function judge (nonce: string, keys: Parameters<typeof readNonce>[1], scope: NonceScope, now: number): NonceVerdict {
  return judgeNonce(readNonce(nonce, keys, scope), scope.lifetime, now)
}

t.test('a new nonce: it is base64url, and differs with each time, randomness and key (R-DIG-4)', async t => {
  t.match(nonce, /^[A-Za-z0-9_-]{48}$/)
  const all = [
    nonce, issueNonce(key, scope, NOW + 1, random), issueNonce(key, scope, NOW, randomBytes(NONCE_RANDOM_OCTETS)), issueNonce(other, scope, NOW, random)
  ]
  t.equal(new Set(all).size, all.length)
  t.equal(issueNonce(key, scope, NOW + 0.5, Buffer.concat([random, random])), nonce, 'whole milliseconds, and no more octets than it takes')
})

t.test('a nonce from its issue to the end of its lifetime: it is valid, and is known by one id (R-DIG-5)', async t => {
  t.match(judge(nonce, [key], scope, NOW), { kind: 'valid', id: /^[A-Za-z0-9_-]{24}$/, age: 0 })
  t.match(judge(nonce, [key], scope, NOW + 299_999.9), { kind: 'valid', age: 299_999 })
  t.same(judge(nonce, [key], scope, NOW + 300_000), { kind: 'expired' })
  t.same(judge(nonce, [key], scope, NOW + 1e12), { kind: 'expired' })
  const twin = issueNonce(key, scope, NOW, randomBytes(NONCE_RANDOM_OCTETS))
  t.not((judge(twin, [key], scope, NOW) as { id: string }).id, (judge(nonce, [key], scope, NOW) as { id: string }).id)
})

t.test('a nonce from the future: it is refused, except for what clocks may differ (R-DIG-5)', async t => {
  t.match(judge(nonce, [key], scope, NOW - 30_000), { kind: 'valid', age: 0 })
  t.same(judge(nonce, [key], scope, NOW - 30_001), { kind: 'future' })
})

t.test('it is bound to realm, algorithm, store, lifetime and use: with any other it is foreign (R-DIG-6, R-DIG-8, S6)', async t => {
  const others: Array<Partial<NonceScope>> = [
    { realm: 'Lab' }, { realm: '' }, { algorithm: 'MD5' }, { algorithm: 'SHA-256-sess' }, { storeId: 'another' }, { lifetime: 300_001 }, { oneTime: true }
  ]
  for (const changed of others) {
    t.same(judge(nonce, [key], { ...scope, ...changed }, NOW), { kind: 'foreign' }, JSON.stringify(changed))
  }
})

t.test('a nonce that any of the keys has signed: it is valid (R-DIG-8)', async t => {
  t.match(judge(nonce, [other, key], scope, NOW), { kind: 'valid' })
  t.same(judge(nonce, [other], scope, NOW), { kind: 'foreign' })
  t.same(judge(nonce, [], scope, NOW), { kind: 'foreign' })
})

t.test('a nonce with a char changed, added or taken away: it is foreign (R-DIG-5)', async t => {
  for (let at = 0; at < nonce.length; at++) {
    for (const char of ['A', 'z', '-', '=', '"']) {
      if (nonce[at] !== char) t.same(judge(nonce.slice(0, at) + char + nonce.slice(at + 1), [key], scope, NOW), { kind: 'foreign' })
    }
  }
  for (const text of ['', nonce + 'A', nonce + '=', nonce.slice(1), ` ${nonce}`, `${nonce}\n`, nonce + nonce, 'x'.repeat(65536)]) {
    t.same(judge(text, [key], scope, NOW), { kind: 'foreign' })
  }
})

t.test('a text that we have not issued: it is foreign', async () => {
  const text = fc.oneof(fc.string(), fc.uint8Array({ minLength: 36, maxLength: 36 }).map((octets) => Buffer.from(octets).toString('base64url')))
  fc.assert(fc.property(text, (text) => judge(text, [key, other], scope, NOW).kind === 'foreign'), { numRuns: 500 })
})

t.test('nothing of the client is in it: any address may use it (R-DIG-7)', async t => {
  t.equal(issueNonce.length, 4, 'key, scope, time and randomness are all there is')
})
