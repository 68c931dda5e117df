import t from 'tap'
import { readStaticUsers } from '../../lib/users/static-users.js'

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
