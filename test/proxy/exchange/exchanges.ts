import { EventEmitter } from 'node:events'
import t from 'tap'
import { LimitReached } from '../../../lib/errors.js'
import { Identity } from '../../../lib/policy/identity.js'
import { Revocations } from '../../../lib/policy/revocations.js'
import { Exchanges, deleteWhenRequestEnds } from '../../../lib/proxy/exchange/exchanges.js'
import type { ExchangeRecord } from '../../../lib/proxy/exchange/record.js'
import type { EndedFor } from '../../../lib/proxy/exchange/exchange.js'
import { listenerCounts } from '../../fixtures/listener-counts.js'
import { FakeLimiter, GivenMeter } from '../../fixtures/meters.js'

/** An exchange that leaves when it is ended, and remembers that. */
function exchange (exchanges: Exchanges, idle = false) {
  const self = { idle, ended: false as false | EndedFor, end: (why: EndedFor) => { self.ended = why; exchanges.delete(self) } }
  return self
}

type Ended = ReturnType<typeof exchange>

t.test('nothing under way: nothing to wait for', async t => {
  const exchanges = new Exchanges()
  t.match(exchanges, { size: 0, closing: false })
  await exchanges.drain(2 ** 31 - 1)
  t.equal(exchanges.closing, true)
})

t.test('exchanges under way: draining waits until the last has gone (R-CONNECT-17)', async t => {
  const exchanges = new Exchanges()
  const [one, two] = [exchange(exchanges), exchange(exchanges)]
  exchanges.add(one)
  exchanges.add(two)
  t.equal(exchanges.size, 2)
  let drained = false
  const draining = exchanges.drain(2 ** 31 - 1).then(() => { drained = true })
  t.equal(exchanges.closing, true)
  exchanges.delete(one)
  exchanges.delete(one) // as whoever ends it may
  await null
  t.equal(drained, false)
  exchanges.delete(two)
  await draining
  t.strictSame([one.ended, two.ended], [false, false])
})

t.test('exchanges that are left after the time to drain: they are ended (R-CONNECT-17)', async t => {
  const exchanges = new Exchanges()
  const one = exchange(exchanges)
  exchanges.add(one)
  await exchanges.drain(5)
  t.match([one.ended, exchanges.size], ['closing', 0])
})

t.test('an exchange that was ended: draining waits until it is over, as its line in the log comes then (F-2)', async t => {
  const exchanges = new Exchanges()
  const one = { end: () => { setImmediate(() => exchanges.delete(one)) } }
  exchanges.add(one)
  await exchanges.drain(0)
  t.equal(exchanges.size, 0)
})

t.test('idle exchanges: draining ends them without a wait', async t => {
  const exchanges = new Exchanges()
  const one = exchange(exchanges, true)
  exchanges.add(one)
  await exchanges.drain(2 ** 31 - 1)
  t.equal(one.ended, 'closing')
})

t.test('an exchange that comes after draining: it is ended when it has settled in', async t => {
  const exchanges = new Exchanges()
  await exchanges.drain(0)
  const [stays, leaves] = [exchange(exchanges), exchange(exchanges)]
  exchanges.add(stays)
  exchanges.add(leaves)
  exchanges.delete(leaves)
  t.equal(stays.ended, false)
  await null
  t.strictSame([stays.ended, leaves.ended], ['closing', false])
})

t.test('a revocation: it ends the exchanges of its user, and no others', async t => {
  const revocations = new Revocations()
  const exchanges = new Exchanges(revocations)
  const identity = (name: string) => new Identity({ user: {}, name, info: {}, scheme: null, realm: 'gw' }, revocations.mark, {})
  const [alices, another, bobs, nobodys, gone] = Array.from({ length: 5 }, () => exchange(exchanges)) as [Ended, Ended, Ended, Ended, Ended]
  exchanges.add(alices, identity('alice'))
  exchanges.add(bobs, identity('bob'))
  exchanges.add(nobodys)
  exchanges.add(gone, identity('alice'))
  exchanges.delete(gone)
  exchanges.add(another, identity('alice'))
  revocations.revoke('alice')
  t.strictSame([alices, another, bobs, nobodys, gone].map(({ ended }) => ended), ['revoked', 'revoked', false, false, false])
  t.equal(exchanges.size, 2)
})

t.test('an exchange whose user was revoked since admission: it is ended when it has settled in', async t => {
  const revocations = new Revocations()
  const exchanges = new Exchanges(revocations)
  const alice = { user: {}, name: 'alice', info: {}, scheme: null, realm: 'gw' }
  const before = new Identity(alice, revocations.mark, {})
  revocations.revoke('alice')
  const [early, late, ofAnApplication, left] = Array.from({ length: 4 }, () => exchange(exchanges)) as [Ended, Ended, Ended, Ended]
  exchanges.add(early, before)
  exchanges.add(late, new Identity(alice, revocations.mark, {}))
  exchanges.add(ofAnApplication, alice)
  exchanges.add(left, before)
  exchanges.delete(left)
  t.equal(early.ended, false)
  await null
  t.strictSame([early, late, ofAnApplication, left].map(({ ended }) => ended), ['revoked', false, false, false])
})

t.test('rules that have changed: those end that they do not allow, at the address where they are, and no others', t => {
  const exchanges = new Exchanges()
  const asked: unknown[] = []
  const permitted = (allowed: boolean, address?: string) => Object.assign(exchange(exchanges), {
    record: { address, permit: { isStillAllowed (at: string | undefined) { asked.push(at); return allowed } } } as unknown as ExchangeRecord
  })
  const all = [permitted(false, '192.0.2.1'), permitted(true), exchange(exchanges), permitted(false)]
  for (const each of all) exchanges.add(each)
  exchanges.recheck()
  t.strictSame(all.map(({ ended }) => ended), ['forbidden', false, false, 'forbidden'])
  t.strictSame(asked, ['192.0.2.1', undefined, undefined])
  t.equal(exchanges.size, 2)
  t.end()
})

t.test('one whose end fails: the others are ended all the same', async t => {
  const exchanges = new Exchanges()
  const record = { permit: { isStillAllowed: () => false } } as unknown as ExchangeRecord
  exchanges.add({ record, end () { throw new Error('a failure of a test') } })
  const other = Object.assign(exchange(exchanges), { record })
  exchanges.add(other)
  const { error } = console
  console.error = () => {}
  t.teardown(() => { console.error = error })
  exchanges.recheck()
  t.equal(other.ended, 'forbidden')
})

t.test('exchanges of an id: they are ended, and how many there were is told', async t => {
  const exchanges = new Exchanges()
  const of = (id: string) => Object.assign(exchange(exchanges), { record: { id } as ExchangeRecord })
  const all = [of('req-1'), exchange(exchanges), of('req-2'), of('req-1')]
  for (const each of all) exchanges.add(each)
  t.equal(exchanges.proxied.length, 3)
  Object.assign(all[2]!, { record: { id: 'req-2', hasClosed: true } })
  t.equal(exchanges.proxied.length, 2, 'what has had its response is not counted twice')
  t.equal(exchanges.endById('req-1'), 2)
  t.equal(exchanges.endById('req-1'), 0)
  t.strictSame(all.map(({ ended }) => ended), ['ended', false, false, 'ended'])
})

t.test('limits: each that is proxied has to be let in, and holds nothing of them when it is over', async t => {
  const meter = new GivenMeter()
  const limiter = new FakeLimiter(meter)
  const exchanges = new Exchanges(undefined, undefined, limiter)
  const permit = { groups: ['ci'], decision: { rule: 'r1' } }
  const record = { id: 'req-1', identity: { name: 'alice' }, permit, isTunnel: true } as unknown as ExchangeRecord
  const one = { record, ended: [] as unknown[], end: (why: unknown) => { one.ended.push(why) } }
  exchanges.add(one)
  t.equal(exchanges.admit(one), meter)
  const open = { record: { id: 'req-2', identity: null } as unknown as ExchangeRecord, end () {} }
  exchanges.add(open)
  exchanges.admit(open)
  t.strictSame(limiter.asked, [
    { user: 'alice', groups: ['ci'], rule: 'r1', kind: 'tunnel', id: 'req-1' },
    { user: '', groups: [], rule: null, kind: 'request', id: 'req-2' }
  ])
  const failure = new LimitReached(1)
  limiter.ends[0]!(failure)
  t.strictSame(one.ended, [failure])
  exchanges.delete(one)
  exchanges.delete(one)
  t.equal(limiter.released, 1)
  limiter.ends[0]!(failure)
  t.equal(one.ended.length, 1, 'one that is over is not ended')
})

t.test('limits that are asked for a while: an exchange that has ended meanwhile holds nothing of them', async t => {
  const limiter = new FakeLimiter(undefined, async () => {})
  const exchanges = new Exchanges(undefined, undefined, limiter)
  const one = { record: { id: '1', identity: null } as unknown as ExchangeRecord, end () {} }
  exchanges.add(one)
  const admitted = exchanges.admit(one)
  exchanges.delete(one)
  t.equal(limiter.released, 0)
  t.equal(await admitted, undefined)
  t.equal(limiter.released, 1)
})

t.test('no limits: nothing is asked', t => {
  t.equal(new Exchanges().admit({ end () {} } as never), undefined)
  t.end()
})

/** A request whose answer is through, and what is on the list. */
function answered (state: Record<string, unknown> = {}) {
  const socket = Object.assign(new EventEmitter(), { destroyed: false })
  const request = Object.assign(new EventEmitter(), { complete: false, destroyed: false, socket, destroy () { request.destroyed = true }, ...state })
  const exchanges = new Exchanges()
  const exchange = { end () {} }
  exchanges.add(exchange)
  deleteWhenRequestEnds(exchanges, exchange, request as never)
  return { socket, request, exchanges }
}

t.test('a request that is through, or never will be: its exchange is off the list at once', async t => {
  for (const state of [{ complete: true }, { destroyed: true }, { socket: Object.assign(new EventEmitter(), { destroyed: true }) }]) {
    const { request, exchanges } = answered(state)
    t.equal(exchanges.size, 0)
    t.strictSame([listenerCounts(request), listenerCounts(request.socket)], [{}, {}])
    t.equal(request.destroyed, !request.complete, 'nobody waits for the rest')
  }
})

t.test('a request of app.inject() that nobody has read: off at once (F-3)', async t => {
  t.equal(answered({ isLightMyRequest: true }).exchanges.size, 0)
})

t.test('a request under way: its exchange is off when it or its connection closes, and no listener stays', async t => {
  for (const which of ['request', 'socket'] as const) {
    const { request, socket, exchanges } = answered()
    t.equal(exchanges.size, 1)
    ;(which === 'request' ? request : socket).emit('close')
    t.equal(exchanges.size, 0, which)
    t.equal(request.destroyed, which === 'socket', 'nobody waits for the rest')
    t.strictSame([listenerCounts(request), listenerCounts(socket)], [{}, {}])
  }
})

t.test('a request over HTTP/2: its exchange is off when its stream closes, and its connection is not watched', async t => {
  const { request, socket, exchanges } = answered({ stream: {} })
  t.strictSame(listenerCounts(socket), {})
  request.emit('close')
  t.equal(exchanges.size, 0)
})
