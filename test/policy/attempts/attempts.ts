import { createSecretKey } from 'node:crypto'
import t from 'tap'
import { GuessLimiter } from '../../../lib/policy/attempts/attempts.js'
import type { Admission, Guess } from '../../../lib/policy/attempts/attempts.js'
import type { Count, Counter } from '../../../lib/policy/attempts/counter.js'

const WINDOW = 60_000

/** Counts in memory, by a clock of the test's. */
class Counted implements Counter {
  readonly counts = new Map<string, { points: number, end: number }>()
  reads = 0
  constructor (private readonly time: { now: number }) {}

  async read (key: string): Promise<Count | null> {
    this.reads++
    const count = this.counts.get(key)
    return count === undefined || count.end <= this.time.now ? null : { points: count.points, left: count.end - this.time.now }
  }

  async add (key: string, points: number): Promise<Count> {
    const before = await this.read(key)
    const count = { points: (before?.points ?? 0) + points, end: before === null ? this.time.now + WINDOW : this.counts.get(key)!.end }
    this.counts.set(key, count)
    return { points: count.points, left: count.end - this.time.now }
  }
}

function setUp ({ perAddress = 100, perUser = 3 } = {}) {
  const time = { now: 1000 }
  const counters = { address: new Counted(time), user: new Counted(time), guess: new Counted(time) }
  const attempts = new GuessLimiter({ perAddress, perUser, key: createSecretKey(Buffer.alloc(32)) }, counters, () => time.now)
  const enter = async (secret: string, of: Partial<Guess> & { name?: string | null } = {}) => {
    const { name = 'alice', ...rest } = of
    return await attempts.enter({ address: '192.0.2.1', user: () => name, presented: `basic ${name}:${secret}`, showsSecret: true, ...rest })
  }
  /** Whether it may be tried; with the verdict that follows. */
  const present = async (secret: string, right: boolean, of: Parameters<typeof enter>[1] = {}): Promise<number> => {
    const entered = await enter(secret, of)
    if (typeof entered === 'number') return entered
    if (right) entered.accepted()
    else await entered.refused()
    entered.leave()
    return 0
  }
  return { time, counters, attempts, enter, present }
}
const COMPUTED = { showsSecret: false }

t.test('as many wrong secrets for a user as allowed: none is admitted until the window ends, right or wrong (R-SEC-2)', async t => {
  const { time, present } = setUp()
  for (const secret of ['1', '2', '3']) t.equal(await present(secret, false), 0)
  t.equal(await present('4', false), WINDOW)
  t.equal(await present('right', true), WINDOW, 'whether it is right or not')
  t.equal(await present('4', false, { address: '198.51.100.1' }), WINDOW, 'from wherever')
  t.equal(await present('4', false, { name: 'bob' }), 0)
  time.now += WINDOW - 1
  t.equal(await present('right', true), 1)
  time.now += 1
  t.equal(await present('right', true), 0)
})

t.test('a wrong secret that a client sends again and again: it counts once (R-SEC-2)', async t => {
  const { present } = setUp()
  for (let i = 0; i < 20; i++) t.equal(await present('mistyped', false), 0)
  t.equal(await present('right', true), 0)
})

t.test('wrong credentials that do not show the secret: twenty trials count as one secret (R-SEC-2)', async t => {
  const { present } = setUp({ perUser: 2 })
  for (let i = 0; i < 40; i++) t.equal(await present(`response ${i}`, false, COMPUTED), 0, String(i))
  t.equal(await present('response 41', false, COMPUTED), WINDOW)
})

t.test('as many wrong secrets from an address as allowed, for any users: it is locked out, another address is not', async t => {
  const { present } = setUp({ perAddress: 2 })
  t.equal(await present('1', false), 0)
  t.equal(await present('token', false, { name: null }), 0)
  t.equal(await present('2', false, { name: 'carol' }), WINDOW)
  t.equal(await present('2', false, { name: 'carol', address: '192.0.2.2' }), 0)
})

t.test('a client without an address: no address is counted', async t => {
  const { present, counters } = setUp({ perAddress: 1 })
  for (const name of ['alice', 'bob', 'carol']) t.equal(await present('1', false, { name, address: '' }), 0, name)
  t.equal(counters.address.counts.size, 0)
})

t.test('IPv6 addresses of one subscriber: they count as one', async t => {
  const { present } = setUp({ perAddress: 1 })
  t.equal(await present('1', false, { address: '2001:db8::1' }), 0)
  t.equal(await present('2', false, { name: 'bob', address: '2001:db8::2:3:4:5' }), WINDOW)
  t.equal(await present('2', false, { name: 'bob', address: '2001:db8:0:1::1' }), 0)
})

t.test('a user whose right secret is known: strangers do not lock the user out, at any address (R-SEC-2)', async t => {
  const { present, counters, time } = setUp({ perAddress: 3 })
  t.equal(await present('right', true), 0)
  for (const secret of ['1', '2', '3']) t.equal(await present(secret, false), 0)
  t.equal(await present('4', false), WINDOW, 'the stranger is')
  for (const address of ['192.0.2.1', '203.0.113.7']) t.equal(await present('right', true, { address }), 0, address)
  const reads = counters.user.reads
  t.equal(await present('right', true), 0)
  t.equal(counters.user.reads, reads, 'and it costs him no look at the counts')
  time.now += 24 * 60 * 60 * 1000 - 1
  await present('right', true)
  time.now += 24 * 60 * 60 * 1000 - 1
  await present('right', true)
  t.equal(counters.user.reads, reads, 'a day long, from the last time')
  time.now += 24 * 60 * 60 * 1000
  await present('right', true)
  t.equal(counters.user.reads, reads + 1)
})

t.test('a secret that is right no more: it is an ordinary wrong one', async t => {
  const { present } = setUp({ perUser: 1 })
  t.equal(await present('old', true), 0)
  t.equal(await present('old', false), 0)
  t.equal(await present('old', false), WINDOW)
})

t.test('right credentials that do not show the secret: their user is known at that address, within limits', async t => {
  const { present } = setUp({ perUser: 1 })
  const at = (address: string) => ({ ...COMPUTED, address })
  t.equal(await present('a', true, at('192.0.2.1')), 0)
  for (let i = 0; i < 20; i++) t.equal(await present(`x${i}`, false, at('198.51.100.1')), 0)
  t.equal(await present('b', true, at('198.51.100.1')), WINDOW)
  t.equal(await present('c', true, at('192.0.2.1')), 0, 'a stranger elsewhere does not lock him out')
  for (let i = 0; i < 10; i++) t.equal(await present(`y${i}`, false, at('192.0.2.1')), 0)
  t.equal(await present('d', true, at('192.0.2.1')), 0, 'nor does he start anew whom somebody lets in between')
  for (let i = 10; i < 20; i++) t.equal(await present(`y${i}`, false, at('192.0.2.1')), 0)
  t.equal(await present('e', true, at('192.0.2.1')), WINDOW, 'but there is an end of trying where he is')
  t.equal(await present('f', true, { ...at('192.0.2.1'), name: null }), 0, 'of who is nobody, nothing is known')
})

t.test('many trials at once: no more than allowed are admitted, and one secret over several connections is one', async t => {
  const { enter, attempts } = setUp({ perUser: 2 })
  const first = await enter('1') as Admission
  const second = await enter('2') as Admission
  const again = await enter('2') as Admission
  t.equal(await enter('3'), 1000)
  t.type(await enter('3', { name: 'bob' }), 'object')
  again.leave()
  t.equal(await enter('3'), 1000)
  second.leave()
  t.type(await enter('3'), 'object')
  await first.refused()
  first.leave()
  t.equal(await enter('4'), 1000)
  t.type(attempts, GuessLimiter)
})

t.test('one user in several spellings: there is one limit', async t => {
  const { present } = setUp({ perUser: 2 })
  t.equal(await present('1', false, { name: 'Alice' }), 0)
  t.equal(await present('2', false, { name: ' ALICE' }), 0)
  t.equal(await present('3', false, { name: '\uff41lice' }), WINDOW)
})

t.test('a limit of 0: nothing is limited', async t => {
  const { present, counters } = setUp({ perUser: 0, perAddress: 0 })
  for (let i = 0; i < 200; i++) t.equal(await present(String(i), false), 0)
  t.equal(await present('a', true, COMPUTED), 0)
  for (let i = 0; i < 200; i++) t.equal(await present(String(i), false, COMPUTED), 0)
  t.same([counters.address.counts.size, counters.user.counts.size], [0, 0])
})

t.test('a wrong secret that is counted: what is kept says neither name nor secret', async t => {
  const { present, counters } = setUp()
  await present('hunter2', false)
  const kept = [...counters.user.counts.keys(), ...counters.guess.counts.keys(), ...counters.address.counts.keys()]
  t.equal(kept.length, 3)
  for (const key of kept) t.match(key, /^[\w-]{43}$/)
})

t.test('more known secrets than there is room for: the longest unused is forgotten first', async t => {
  const { present, counters } = setUp()
  const by = (name: string | null) => ({ name })
  await present('first', true, by('first'))
  for (let i = 0; i < 9999; i++) await present(`${i}`, true, by(`user ${i}`))
  await present('first', true, by('first'))
  await present('last', true, by('last'))
  const { reads } = counters.user
  await present('first', true, by('first'))
  t.equal(counters.user.reads, reads)
  await present('0', true, by('user 0'))
  t.equal(counters.user.reads, reads + 1)
})

t.test('many secrets that are right for one user: they take the place of that user, and not of others (F-64)', async t => {
  const { present, counters } = setUp()
  await present('secret', true, { name: 'bob' })
  for (let i = 0; i < 10_050; i++) await present(`${i}`, true, { name: i % 2 === 0 ? 'alice' : 'ALICE' })
  const { reads } = counters.user
  await present('secret', true, { name: 'bob' })
  await present('10049', true, { name: 'ALICE' })
  t.equal(counters.user.reads, reads, 'known')
  await present('9000', true)
  t.equal(counters.user.reads, reads + 1, 'no longer')
})

t.test('many right secrets of no user: they have no share, and all stay known', async t => {
  const { present, counters } = setUp()
  for (let i = 0; i < 200; i++) await present(`${i}`, true, { name: null })
  const { reads } = counters.address
  for (let i = 0; i < 200; i++) await present(`${i}`, true, { name: null })
  t.equal(counters.address.reads, reads)
})

t.test('a verdict that came too late: it counts like a wrong secret, unless the secret is known (F-66)', async t => {
  const { enter, present } = setUp()
  const late = async (secret: string, name: string | null = 'alice'): Promise<void> => {
    const entered = await enter(secret, { name }) as Admission
    await entered.undecided()
    entered.leave()
  }
  await present('right', true)
  for (const secret of ['right', 'right', '1', '2', '2']) await late(secret)
  t.equal(await present('3', false), 0)
  t.equal(await present('4', false), WINDOW)
  t.equal(await present('right', true), 0, 'as before')
  await late('token', null)
})

t.test('a verdict on a known secret that came too late: it counts for no address either (F-66)', async t => {
  const { enter, present, counters } = setUp({ perAddress: 1 })
  await present('right', true)
  const entered = await enter('right') as Admission
  await entered.undecided()
  t.equal(counters.address.counts.size, 0)
})

t.test('a user whom the credentials call by another name: has one count, of which the verdict tells (F-67)', async t => {
  const hashed = { ...COMPUTED, name: 'hash of alice' }
  const { enter, present } = setUp({ perUser: 1 })
  const other = await enter('a', hashed) as Admission
  t.equal(await other.refused('Alice'), 0, 'as long as there is room')
  other.leave()
  for (let i = 1; i < 20; i++) t.equal(await present(`x${i}`, false, COMPUTED), 0)
  t.equal(await present('b', true, hashed), WINDOW, 'the name is known from then on')

  for (const verdict of ['accepted', 'refused'] as const) {
    const { enter, present } = setUp({ perUser: 1 })
    for (let i = 0; i < 20; i++) await present(`x${i}`, false, COMPUTED)
    const entry = await enter('right', hashed) as Admission
    t.equal(await entry[verdict]('alice'), WINDOW, verdict)
    entry.leave()
    t.equal(await present('again', true, hashed), WINDOW)
  }
  const nearly = setUp({ perUser: 1 })
  for (let i = 0; i < 19; i++) await nearly.present(`x${i}`, false, COMPUTED)
  t.equal(await (await nearly.enter('wrong', hashed) as Admission).refused('alice'), 0, 'the last that may be')
  const known = setUp()
  await (await known.enter('right', hashed) as Admission).accepted('alice')
  const { reads } = known.counters.user
  await known.present('right', true, hashed)
  t.ok(known.counters.user.reads > reads, 'it is not known where he was let in by another name')
  const same = await setUp().enter('a', COMPUTED) as Admission
  t.equal(same.accepted('ALICE'), 0, 'a name as it was said')
  const unlimited = setUp({ perUser: 0 })
  t.equal(await (await unlimited.enter('a', hashed) as Admission).accepted('alice'), 0)
  t.equal(unlimited.counters.user.reads, 0)
})
