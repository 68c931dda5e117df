import { createHash } from 'node:crypto'
import t from 'tap'
import { readStaticUsers, verifyStatic, lookupStatic } from '../../lib/users/static.js'

t.test('a password, or an object with one and more: the user has what else the object holds (F-30)', async t => {
  const alice = { password: 'alice-secret', groups: ['ops'], username: 'mallory' }
  for (const users of [{ alice, bob: 'b' }, new Map<string, string | typeof alice>([['alice', alice], ['bob', 'b']])]) {
    t.strictSame([...readStaticUsers<string | typeof alice>(users)], [
      ['alice', { password: 'alice-secret', user: { groups: ['ops'], username: 'alice' }, plain: false }],
      ['bob', { password: 'b', user: { username: 'bob' }, plain: true }]
    ])
  }
})

t.test('names and passwords: are read in Unicode form C', async t => {
  t.strictSame([...readStaticUsers({ café: 'cre\u0300me' })], [['caf\u00e9', { password: 'cr\u00e8me', user: { username: 'caf\u00e9' }, plain: true }]])
})

t.test('a list that is of no use: the boot fails, without a word of what is in it', async t => {
  for (const users of [{ 'secret:name': 'c' }, { alice: 7 }, { alice: null }, { alice: { groups: [] } }, { alice: { password: 7 } }, ...['secret', null, 7, ['ops', 7], new Set(['secret'])].map((groups) => ({ alice: { password: 'x', groups } }))]) {
    t.throws(() => readStaticUsers(users as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option users must be (?!.*secret)/ })
  }
})

t.test('groups: are a list of their own in Unicode form C, to which no request can add', async t => {
  const groups = ['ops', 'cafe\u0301']
  const { user } = readStaticUsers({ alice: { password: 'x', groups } }).get('alice')!
  groups.push('root')
  t.strictSame(user, { username: 'alice', groups: ['ops', 'caf\u00e9'] })
  t.throws(() => user.groups.push('root'), TypeError)
  t.strictSame(readStaticUsers({ alice: { password: 'x', groups: [] } }).get('alice')!.user, { username: 'alice', groups: [] })
})

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

const users = { alice: 'alice-secret', Jäson: 'x' }

t.test('a name in Unicode form C: its account is found', async t => {
  const { lookup } = lookupStatic(users)
  t.strictSame(lookup('alice'), { username: 'alice', password: 'alice-secret' })
  t.match(lookup('J\u00e4son'), { password: 'x' })
  t.equal(lookup('toString'), null)
})

t.test('the hash of a name and realm: its account is found (R-DIG-15, R-DIG-38)', async t => {
  const { lookupHash } = lookupStatic(users)
  for (const [hash, nodeHash] of [['MD5', 'md5'], ['SHA-256', 'sha256'], ['SHA-512-256', 'sha512-256']] as const) {
    const userhash = createHash(nodeHash).update('alice:gw').digest('hex')
    t.match(lookupHash(userhash, 'gw', hash), { username: 'alice' })
    t.match(lookupHash(userhash, 'gw', hash), { username: 'alice' }, 'and again')
    t.equal(lookupHash(userhash, 'another', hash), null)
  }
})

t.test('an account with more than a password: the user has the rest of it (F-30)', async t => {
  const { lookup, lookupHash } = lookupStatic({ alice: { password: 'alice-secret', groups: ['ops'] } })
  const account = { username: 'alice', password: 'alice-secret', user: { username: 'alice', groups: ['ops'] } }
  t.strictSame(lookup('alice'), account)
  t.strictSame(lookupHash(createHash('sha256').update('alice:gw').digest('hex'), 'gw', 'SHA-256'), account)
})
