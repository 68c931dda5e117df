import t from 'tap'
import { verifyStatic } from '../../lib/users/verify-static.js'

t.test('the right pair: gives the user, and any other gives none (R-BASIC-11)', async t => {
  for (const users of [{ alice: 'alice-secret', bob: '' }, new Map([['alice', 'alice-secret'], ['bob', '']])]) {
    const verify = verifyStatic(users)
    t.same(verify({ username: 'alice', password: 'alice-secret' }), { username: 'alice' })
    t.same(verify({ username: 'bob', password: '' }), { username: 'bob' })
    t.equal(verify({ username: 'alice', password: '' }), null)
    t.equal(verify({ username: 'alice', password: 'bob-secret' }), null)
    t.equal(verify({ username: 'carol', password: '' }), null)
    t.equal(verify({ username: '', password: '' }), null)
  }
})

t.test('names that every object has: are no accounts', async t => {
  const verify = verifyStatic({ alice: 'alice-secret' })
  for (const username of ['__proto__', 'constructor', 'toString']) t.equal(verify({ username, password: '' }), null)
})

t.test('names and passwords in different Unicode forms: are compared in one form (R-BASIC-9)', async t => {
  const verify = verifyStatic(new Map([['cafe\u0301', 'cre\u0300me']]))
  t.same(verify({ username: 'caf\u00e9', password: 'cr\u00e8me' }), { username: 'caf\u00e9' })
})

t.test('a later change of the list: changes nothing', async t => {
  const users: Record<string, string> = { alice: 'alice-secret' }
  const verify = verifyStatic(users)
  users.mallory = 'x'
  t.equal(verify({ username: 'mallory', password: 'x' }), null)
})

t.test('an unknown user: takes the time of a wrong password (R-407-12, R-BASIC-11)', async t => {
  const users = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`user-${n}`, `secret-${n}`]))
  const verify = verifyStatic(users)
  const time = (username: string): bigint => {
    const start = process.hrtime.bigint()
    verify({ username, password: 'not the password' })
    return process.hrtime.bigint() - start
  }
  const median = (times: bigint[]): number => Number(times.sort((a, b) => a < b ? -1 : 1)[times.length >> 1])
  const known: bigint[] = []
  const unknown: bigint[] = []
  for (let round = 0; round < 10_000; round++) {
    known.push(time(`user-${round % 1000}`))
    unknown.push(time(`nobody-${round % 1000}`))
  }
  const ratio = median(unknown) / median(known)
  // An early return for unknown users, which this is to catch, comes out below a tenth.
  t.ok(ratio > 0.5 && ratio < 2, `known and unknown users within a factor of two: ${ratio}`)
})

t.test('a list that is of no use: the boot fails', async t => {
  t.throws(() => verifyStatic({ 'a:b': 'c' }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => verifyStatic({ alice: 7 as unknown as string }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('an account with more than a password: the user has the rest of it, a copy for each login (F-30)', async t => {
  const verify = verifyStatic({ alice: { password: 'alice-secret', groups: ['ops'] }, bob: 'bob-secret' })
  const user = verify({ username: 'alice', password: 'alice-secret' })
  t.strictSame(user, { username: 'alice', groups: ['ops'] })
  t.not(verify({ username: 'alice', password: 'alice-secret' }), user)
  t.strictSame(verify({ username: 'bob', password: 'bob-secret' }), { username: 'bob' })
})
