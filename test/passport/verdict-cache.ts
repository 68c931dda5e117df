import t from 'tap'
import type { Eventual } from '../../lib/eventual.js'
import type { Verdict } from '../../lib/passport/outcome.js'
import { VerdictCache } from '../../lib/passport/verdict-cache.js'
import { holdsWhile } from '../../lib/store/validity.js'
import { readCacheOptions } from '../../lib/strategies/cache-options.js'
import type { CacheOptions } from '../../lib/strategies/cache-options.js'
import { basic } from '../fixtures/attempt.js'

const RIGHT = basic('alice', 'alice-secret')
const WRONG = basic('alice', 'wrong')
const yes = (user: object | string = { username: 'alice' }, info: object = {}): Verdict => ({ kind: 'accepted', user, info })
const no = (status?: number): Verdict => ({ kind: 'failed', challenge: 'Basic realm="gw"', status, note: null })
const away: Verdict = { kind: 'broken', cause: new Error('away'), strategy: 'basic' }

/** A cache whose clock stands still, and what was asked through it. */
function create (options: CacheOptions = {}, readsPairs?: boolean) {
  const time = { now: 1000 }
  const cache = new VerdictCache(readCacheOptions({ clock: () => time.now, ...options })!, readsPairs)
  const asked: Array<{ credentials: string, urgent: boolean, answer: (verdict: Verdict) => Promise<void> }> = []
  /** Asks; `said` answers at once, without it `asked` has the way to answer. */
  const ask = (credentials: string, said?: Verdict): Eventual<Verdict> => cache.ask(credentials, urgent => {
    if (said !== undefined) {
      asked.push({ credentials, urgent, answer: async () => {} })
      return said
    }
    return new Promise<Verdict>(resolve => {
      asked.push({ credentials, urgent, answer: async verdict => { resolve(verdict); await null; await null } })
    })
  }, () => 'alice')
  return { time, cache, asked, ask }
}
const now = (verdict: Eventual<Verdict>): Verdict => {
  if ('then' in verdict) throw new Error('asked')
  return verdict
}

t.test('a cached acceptance: it is known until its time is up, which no use puts off', async t => {
  const { time, asked, ask } = create({ ttl: 1000, refresh: 0 })
  t.same(now(ask(RIGHT, yes())), yes())
  for (const at of [1000, 1500, 1999]) {
    time.now = at
    t.same(now(ask(RIGHT)), yes(), String(at))
  }
  t.equal(asked.length, 1)
  time.now = 2000
  t.same(now(ask(RIGHT, no())), no())
  t.equal(asked.length, 2)
})

t.test('credentials that differ in case: they are the same if only the scheme differs, else not', async t => {
  const { asked, ask } = create()
  ask(RIGHT, yes())
  t.same(now(ask(RIGHT.replace('Basic', 'bASIC'))), yes())
  for (const other of [RIGHT.toLowerCase(), RIGHT.replace('Basic', 'Bearer'), `${RIGHT} `, 'Basic', basic('alic', 'e:alice-secret')]) ask(other, no())
  t.equal(asked.length, 6)
  const [one, two] = [create(), create()]
  one.ask(RIGHT, yes())
  two.ask(RIGHT, no())
  t.match(now(two.ask(RIGHT)), { kind: 'failed' }, 'each has its own')
})

t.test('texts that mean one pair: are one where the strategy reads pairs, and several where it reads text', async t => {
  const forms = [basic('J\u00e4s', 'x'), basic('Ja\u0308s', 'x'), basic('J\u00e4s', 'x').replace(' ', '  ')]
  const malformed = ['Basic !', 'Basic ?']
  for (const [readsPairs, times] of [[true, 1], [false, 3], [undefined, 3]] as const) {
    const { asked, ask } = create({}, readsPairs)
    for (const form of forms) ask(form, yes())
    t.equal(asked.length, times, String(readsPairs))
    for (const text of malformed) ask(text, no())
    t.equal(asked.length, times + 2, 'what means no pair is taken as it is')
  }
})

t.test('a cache that is inspected: nothing in it shows the credentials', async t => {
  const { inspect } = await import('node:util')
  const { ask, cache } = create()
  ask(RIGHT, yes('u'))
  ask(WRONG, no())
  const text = inspect(cache, { depth: 9, showHidden: true })
  for (const secret of ['alice-secret', 'wrong', RIGHT.slice(6), WRONG.slice(6)]) t.notOk(text.includes(secret))
})

t.test('a wrong and a right password of one user: neither changes what is known of the other', async t => {
  const { time, asked, ask, cache } = create({ ttl: 1000, refresh: 0, negativeTtl: 400, max: 2, maxNegative: 2 })
  ask(RIGHT, yes())
  time.now += 500
  for (let i = 0; i < 100; i++) ask(basic('alice', `guess ${i}`), no())
  t.same(cache.size, { yeses: 1, noes: 2 })
  t.same(now(ask(RIGHT)), yes())
  time.now += 499
  ask(WRONG, no())
  t.same(now(ask(RIGHT)), yes())
  time.now += 1
  ask(RIGHT, no())
  t.equal(asked.length, 103, 'and its time has not become longer')
})

t.test('a cached refusal: it is known for a short time', async t => {
  const { time, asked, ask } = create({ negativeTtl: 100 })
  t.same(now(ask(WRONG, no(401))), no(401))
  time.now += 99
  t.same(now(ask(WRONG)), no(401))
  time.now += 1
  ask(WRONG, yes())
  t.equal(asked.length, 2)
  t.same(now(ask(WRONG)), yes(), 'it has become right')
})

t.test('a verdict that is neither acceptance nor plain refusal: it is asked for each time', async t => {
  for (const verdict of [no(400), no(403), no(429), no(503), away]) {
    const { asked, ask, cache } = create()
    ask(WRONG, verdict)
    ask(WRONG, verdict)
    t.equal(asked.length, 2)
    t.same(cache.size, { yeses: 0, noes: 0 })
  }
  const off = create({ negativeTtl: 0 })
  off.ask(WRONG, no())
  off.ask(WRONG, no())
  t.equal(off.asked.length, 2)
  const later = create()
  later.ask(RIGHT, yes(Promise.resolve('nobody knows') as never))
  t.same(later.cache.size, { yeses: 0, noes: 0 }, 'a user that is a promise')
})

t.test('more acceptances than there is room for: the least recently used one goes', async t => {
  const { asked, ask, cache } = create({ max: 2 })
  const users = ['a', 'b', 'c'].map(name => basic(name, 'x'))
  ask(users[0]!, yes('a'))
  ask(users[1]!, yes('b'))
  ask(users[0]!)
  ask(users[2]!, yes('c'))
  t.same(cache.size.yeses, 2)
  t.match([now(ask(users[0]!)), now(ask(users[2]!))], [{ user: 'a' }, { user: 'c' }])
  ask(users[1]!, yes('b'))
  t.equal(asked.length, 4)
})

t.test('many requests at once with the same credentials: the strategy is asked once', async t => {
  const { asked, ask } = create()
  const all = Array.from({ length: 50 }, () => ask(RIGHT))
  const other = ask(WRONG)
  t.equal(asked.length, 2)
  await asked[0]!.answer(yes())
  await asked[1]!.answer(no())
  const verdicts = await Promise.all(all)
  for (const verdict of verdicts) t.same(verdict, yes())
  t.equal(new Set(verdicts.map(verdict => (verdict as { user: object }).user)).size, 50, 'each has a user of its own to write on')
  t.same(await other, no())
  t.same(now(ask(RIGHT)), yes())
  const again = ask(basic('bob', 'x'))
  await asked[2]!.answer(away)
  t.equal(await again, away)
  ask(basic('bob', 'x'))
  t.equal(asked.length, 4, 'nobody could tell')
})

t.test('a check that rejects: it leaves nothing behind', async t => {
  const { cache } = create()
  await t.rejects(Promise.resolve(cache.ask(RIGHT, async () => { throw new Error('broken') }, () => null)), { message: 'broken' })
  t.same(await cache.ask(RIGHT, async () => yes(), () => null), yes())
})

t.test('an acceptance that is used shortly before its end: it is asked for again, once', async t => {
  const { time, asked, ask } = create({ ttl: 1000, refresh: 200 })
  ask(RIGHT, yes({ username: 'alice', turn: 1 }))
  time.now = 1799
  ask(RIGHT)
  t.equal(asked.length, 1)
  time.now = 1800
  for (let i = 0; i < 10; i++) t.match(now(ask(RIGHT)), { user: { turn: 1 } })
  t.match(asked, [{ urgent: false }, { urgent: true }], 'once')
  await asked[1]!.answer(yes({ username: 'alice', turn: 2 }))
  t.match(now(ask(RIGHT)), { user: { turn: 2 } })
  time.now = 2500
  t.match(now(ask(RIGHT)), { user: { turn: 2 } }, 'it has a new life')
  t.equal(asked.length, 2)
})

t.test('an acceptance that is being asked for again: it is not asked for a third time, however long that takes', async t => {
  const { time, asked, ask } = create({ ttl: 1000, refresh: 200 })
  ask(RIGHT, yes())
  for (time.now = 1800; time.now < 2000; time.now++) t.same(now(ask(RIGHT)), yes())
  t.equal(asked.length, 2)
  const last = ask(RIGHT)
  t.equal(asked.length, 2, 'not even when its time is up')
  await asked[1]!.answer(yes('again'))
  t.match([await last, now(ask(RIGHT))], [{ user: 'again' }, { user: 'again' }])
})

t.test('a refusal in the background: it ends the acceptance', async t => {
  const { time, asked, ask } = create({ ttl: 1000, refresh: 200 })
  ask(RIGHT, yes())
  time.now = 1900
  ask(RIGHT)
  await asked[1]!.answer(no())
  t.same(now(ask(RIGHT)), no())
  const forbidden = create({ ttl: 1000, refresh: 200 })
  forbidden.ask(RIGHT, yes())
  forbidden.time.now = 1900
  t.same(now(forbidden.ask(RIGHT, no(403))), yes(), 'this once: it was asked behind its back')
  forbidden.ask(RIGHT)
  t.equal(forbidden.asked.length, 3)
})

t.test('no verdict to be had in the background: the acceptance lasts to its end, and there are a few more tries', async t => {
  const { time, asked, ask } = create({ ttl: 1000, refresh: 200 })
  ask(RIGHT, yes())
  for (time.now = 1800; time.now < 2000; time.now++) t.same(now(ask(RIGHT, time.now % 2 === 0 ? away : no(429))), yes())
  t.ok(asked.length > 2 && asked.length < 15, `${asked.length}`)
  t.equal(ask(RIGHT, away), away)
  const rejecting = create({ ttl: 1000, refresh: 200 })
  rejecting.ask(RIGHT, yes())
  rejecting.time.now = 1900
  t.same(rejecting.cache.ask(RIGHT, async () => { throw new Error('broken') }, () => null), yes())
})

t.test('a request that writes on its user: no other request sees it', async t => {
  const { ask } = create()
  const given = { username: 'alice', roles: ['a'] }
  const first = now(ask(RIGHT, yes(given, { scope: 'x' }))) as { user: Record<string, unknown> }
  first.user['written'] = true
  const second = now(ask(RIGHT)) as { user: Record<string, unknown>, info: Record<string, unknown> }
  t.strictSame([second.user, second.info], [{ username: 'alice', roles: ['a'] }, { scope: 'x' }])
  second.user['username'] = second.info['scope'] = 'bob'
  t.same(now(ask(RIGHT)), yes(given, { scope: 'x' }) && { kind: 'accepted', user: { username: 'alice', roles: ['a'] }, info: { scope: 'x' } })
  class Account { username = 'carol' }
  const account = new Account()
  ask(basic('carol', 'x'), yes(account))
  t.equal((now(ask(basic('carol', 'x'))) as { user: object }).user, account, 'instances are what they are')
  ask(basic('dave', 'x'), yes('dave'))
  t.match(now(ask(basic('dave', 'x'))), { user: 'dave' })
})

t.test('a user that is forgotten: the others are still known', async t => {
  const { asked, ask, cache } = create()
  const BOB = basic('bob', 'x')
  ask(RIGHT, yes({ username: 'alice' }, { a: 1 }))
  ask(BOB, yes({ username: 'bob' }))
  ask(WRONG, no())
  const seen: unknown[] = []
  cache.forget(known => { seen.push(known); return (known.user as { username: string }).username === 'alice' })
  t.same(seen, [{ user: { username: 'alice' }, info: { a: 1 }, userId: 'alice' }, { user: { username: 'bob' }, info: {}, userId: 'alice' }])
  t.same(cache.size, { yeses: 1, noes: 0 })
  t.match(now(ask(BOB)), { user: { username: 'bob' } })
  ask(RIGHT, no())
  t.equal(asked.length, 4)
})

t.test('a verdict asked for before the user is forgotten: it is not remembered after, nor shared', async t => {
  const { asked, ask, cache } = create()
  const before = ask(RIGHT)
  cache.forget(() => true)
  const after = ask(RIGHT)
  t.equal(asked.length, 2)
  await asked[0]!.answer(yes('old'))
  t.match(await before, { user: 'old' })
  t.equal(cache.size.yeses, 0)
  const more = ask(RIGHT)
  t.equal(asked.length, 2, 'the new question stands')
  await asked[1]!.answer(yes('new'))
  t.match([await after, await more, now(ask(RIGHT))], [{ user: 'new' }, { user: 'new' }, { user: 'new' }])
})

t.test('a user has a share of the room: more takes the place of his own (F-64)', async t => {
  const asked: string[] = []
  const cache = new VerdictCache(readCacheOptions({ max: 100 })!)
  const ask = (name: string, n: number, user: object | string, userId: string | null = null): Eventual<Verdict> =>
    cache.ask(basic(name, `${n}`), () => { asked.push(`${name} ${n}`); return yes(user) }, () => userId)
  ask('bob', 0, { id: 7, sub: 'bob' })
  ask('nobody', 0, { id: 8 })
  for (let i = 0; i < 20; i++) ask('alice', i, [{ username: 'alice' }, 'ALICE', { id: ' alice' }][i % 3]!)
  for (let i = 0; i < 20; i++) ask('carol', i, {}, i % 2 === 0 ? 'Carol' : 'carol')
  t.equal(cache.size.yeses, 2 + 16 + 16)
  asked.length = 0
  for (const [name, n] of [['bob', 0], ['nobody', 0], ['alice', 19], ['carol', 4], ['alice', 3]] as const) ask(name, n, {}, 'carol')
  t.strictSame(asked, ['alice 3'])
})

t.test('a user that cannot be read: it is accepted, and not remembered', async t => {
  const { asked, ask } = create()
  const unreadable = (): object => Object.defineProperty({}, 'username', { get () { throw new Error('no') }, enumerable: true })
  t.equal(now(ask(RIGHT, yes(unreadable()))).kind, 'accepted')
  ask(RIGHT, yes())
  t.equal(asked.length, 2)
})

t.test('an acceptance of a file: it is known while the file says the same', async t => {
  const { asked, ask, cache } = create()
  const file = { same: true }
  ask(RIGHT, yes(holdsWhile({ username: 'alice' }, () => file.same)))
  t.match(now(ask(RIGHT)), yes())
  file.same = false
  t.same(now(ask(RIGHT, away)), away)
  t.equal(cache.size.yeses, 1)
  file.same = true
  t.match(now(ask(RIGHT)), yes(), 'the same again')
  file.same = false
  t.same(now(ask(RIGHT, no())), no())
  t.equal(cache.size.yeses, 0)
  t.equal(asked.length, 3)
})

t.test('accounts that were read anew: all that cannot tell whether it holds is forgotten, and asked anew', async t => {
  const { asked, ask, cache } = create()
  const BOB = basic('bob', 'bob-secret')
  ask(RIGHT, yes(holdsWhile({ username: 'alice' }, () => true)))
  ask(BOB, yes({ username: 'bob' }))
  ask(WRONG, no())
  const CAROL = basic('carol', 'carol-secret')
  const before = ask(CAROL)
  cache.forgetOutdated()
  t.same(cache.size, { yeses: 1, noes: 0 })
  t.match(now(ask(RIGHT)), yes())
  await asked[3]!.answer(yes('carol'))
  t.match(await before, { user: 'carol' })
  ask(CAROL, no())
  t.equal(asked.length, 5)
})
