import t from 'tap'
import { Identity, isNamed, nameOf } from '../../lib/policy/identity.js'

const ALICE = { user: { username: 'alice' }, name: 'alice', info: {}, scheme: 'Basic', realm: 'gw' }

const rows: Array<{ name: string, user: object | string, userId?: string, is: string | null }> = [
  { name: 'the user itself, where it is text', user: 'alice', userId: 'other', is: 'alice' },
  { name: 'username before id and sub', user: { sub: 's', id: 'i', username: 'u' }, userId: 'other', is: 'u' },
  { name: 'id before sub', user: { sub: 's', id: 'i' }, is: 'i' },
  { name: 'sub', user: { sub: 's' }, is: 's' },
  { name: 'only text counts: a number is not taken for a name', user: { id: 7, sub: 's' }, is: 's' },
  { name: 'empty text is no name', user: { username: '', sub: 's' }, is: 's' },
  { name: 'else the user-id of the credentials', user: { id: 7 }, userId: 'alice', is: 'alice' },
  { name: 'nobody', user: {}, is: null },
  { name: 'an empty user-id is no name', user: {}, userId: '', is: null }
]
for (const { name, user, userId = null, is } of rows) {
  t.test(name, async t => {
    if (is === null) t.throws(() => nameOf({ user, info: {}, userId }), TypeError)
    else t.equal(nameOf({ user, info: {}, userId }), is)
  })
}

t.test('option principal: it sees user and info, and has the last word', async t => {
  const user = { username: 'alice' }
  const info = { tenant: 'blue' }
  const principal = (one: typeof user, other: typeof info) => `${one.username}@${other.tenant}`
  t.equal(nameOf({ user, info, userId: 'other' }, principal as never), 'alice@blue')
})

t.test('option principal without a name at once: it is an error', async t => {
  for (const wrong of [undefined, null, '', 7, {}, Promise.resolve('alice')]) {
    t.throws(() => nameOf({ user: 'alice', info: {}, userId: 'alice' }, () => wrong as string), TypeError)
  }
})

t.test('a user that cannot be named: it may be a user of any name', async t => {
  const known = { user: { username: 'alice' }, info: {}, userId: null }
  t.equal(isNamed('alice', known), true)
  t.equal(isNamed('bob', known), false)
  t.equal(isNamed('ALICE', known, ((user: typeof known.user) => user.username.toUpperCase()) as never), true)
  t.equal(isNamed('bob', known, () => { throw new Error('broken') }), true)
})

t.test('a name that is settled: option principal is not asked', async t => {
  const settled = { user: { username: 'x' }, info: {}, userId: null, name: 'guest' }
  t.equal(nameOf(settled, () => t.fail('not to be asked') as never), 'guest')
})

t.test('an identity: knows its age and who made it, and does not show either', async t => {
  const maker = {}
  const identity = new Identity(ALICE, 3, maker)
  t.same(identity, ALICE)
  t.strictSame({ ...identity }, ALICE)
  t.equal(JSON.stringify(identity), JSON.stringify(ALICE))
  t.equal(Identity.markOf(identity), 3)
  t.equal(Identity.markOf(ALICE), Infinity, 'of the application’s own making')
  t.equal(Identity.isMadeBy(identity, maker), true)
  t.equal(Identity.isMadeBy(identity, {}), false)
  t.equal(Identity.isMadeBy(ALICE, maker), false)
})
