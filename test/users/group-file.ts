import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { validityOf } from '../../lib/store/validity.js'
import { groupFile, groupsFor } from '../../lib/users/group-file.js'

function create (t: Test, text: string) {
  const path = join(t.testdir({}), 'groups')
  writeFileSync(path, text)
  const time = { now: 0 }
  const problems: Error[] = []
  const file = groupFile(path, { clock: () => time.now, log: problem => problems.push(problem) })
  t.teardown(() => file.close())
  return { path, time, problems, file }
}

t.test('a file of groups: each user has those that name it, in their order', async t => {
  const { file } = create(t, [
    '# groups', 'ops: alice bob', '', 'ci:robot alice\r', ' dev team :\talice', 'empty:', 'ops: carol alice', 'quoted: "Dave D." \'o"brien\' "a\\"b" x"y', 'long: one \\', '  two \\', '# three', '  ', 'last: Ja\u0308s'
  ].join('\n'))
  for (const [user, groups] of [
    ['alice', ['ops', 'ci', 'dev team']], ['bob', ['ops']], ['carol', ['ops']], ['robot', ['ci']], ['Dave D.', ['quoted']], ['o"brien', ['quoted']], ['a"b', ['quoted']], ['x"y', ['quoted']],
    ['one', ['long']], ['two', ['long']], ['J\u00e4s', ['last']], ['eve', []], ['Alice', []], ['ops', []], ['', []], ['__proto__', []], ['constructor', []], ['#', []]
  ] as const) t.strictSame(file.groupsOf(user), groups, user)
})

t.test('a line that goes on, and then an empty one: it ends there, and the next group is one', async t => {
  for (const end of ['', '\r', '  ']) {
    const { file } = create(t, `sales: alice \\\n# carol \\\n${end}\nadmins: bob\n`)
    t.strictSame(file.groupsOf('bob'), ['admins'], JSON.stringify(end))
    t.strictSame(['alice', 'carol', 'admins:', 'admins'].map(user => file.groupsOf(user)), [['sales'], [], [], []])
  }
})

t.test('a line that goes on for tens of thousands of lines: what it costs grows with its length alone', async t => {
  const { file } = create(t, `all: \\\n${Array.from({ length: 200_000 }, (_, index) => `user${index} \\\n`).join('')}last\n`)
  t.strictSame([file.groupsOf('user7'), file.groupsOf('last')], [['all'], ['all']])
})

t.test('octets that are no UTF-8: they are none in a comment, and refused elsewhere', async t => {
  t.strictSame(create(t, '# J\ufffdrgen\nops: alice\n').file.groupsOf('alice'), ['ops'])
})

t.test('groups that name each other: they are users of those names, and nothing goes in circles', async t => {
  const { file } = create(t, 'a: b alice\nb: c\nc: a\n')
  t.strictSame(file.groupsOf('alice'), ['a'])
  t.strictSame(file.groupsOf('b'), ['a'])
  t.strictSame(file.groupsOf('a'), ['c'])
})

t.test('a file that changes: it is read anew, and one that becomes wrong changes nothing', async t => {
  const { path, time, problems, file } = create(t, 'ops: alice')
  writeFileSync(path, 'ci: alice')
  time.now += 1000
  t.strictSame(await file.groupsOf('alice'), ['ci'])
  writeFileSync(path, 'canary')
  time.now += 1000
  t.strictSame(await file.groupsOf('alice'), ['ci'])
  t.match(problems, [{ code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'option groups must be a file of lines group: user user, got another line 1' }])
  writeFileSync(path, 'ops: bob')
  time.now += 1000
  t.strictSame(await file.groupsOf('alice'), [])
})

t.test('a file that is wrong at the start: the boot fails, and the message shows nothing of it', async t => {
  for (const [text, got] of [
    ['canary', 'another line 1'], ['# x\n: canary', 'another line 2'], ['ops: alice\n\n canary bob\n', 'another line 3'], ['ops: "canary', 'an open quote in line 1'], ["ops: alice 'canary", 'an open quote in line 1'], ['ops: "canary"x', 'an open quote in line 1'],
    ['ops: alice \\', 'a last line that goes on'], ['ops: alice \\\n', 'a last line that goes on'], ['ops: alice \\\n# bob\n', 'a last line that goes on'],
    ['ops: alice\nci: J\ufffdrgen', 'octets that are not UTF-8 in line 2'], ['\ufffd: alice', 'octets that are not UTF-8 in line 1']
  ] as const) {
    t.throws(() => create(t, text), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: `option groups must be a file of lines group: user user, got ${got}` }, text)
  }
  t.throws(() => groupFile(join(t.testdir({}), 'missing')), { code: 'ENOENT' })
  t.throws(() => groupFile('x', { intervall: 1 } as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('the option of a file of accounts: it takes a name, or a file that is open', async t => {
  const { path, file, time } = create(t, 'ops: alice')
  t.equal(groupsFor(undefined, {}), null)
  const opened = groupsFor(path, {})!
  t.strictSame(opened.groupsOf('alice'), ['ops'])
  await opened.close()
  const shared = groupsFor(file, {})!
  await shared.close()
  writeFileSync(path, 'ci: alice')
  time.now += 1000
  t.strictSame(await shared.groupsOf('alice'), ['ci'], 'which is not closed with the accounts')
  for (const wrong of [7, null, {}, [], () => []]) t.throws(() => groupsFor(wrong, {}), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option groups must be the name of a file, or what groupFile gives, got / })
})

t.test('a file that is to be read now: it is, also by way of the accounts that it is beside', async t => {
  const { path, file } = create(t, 'ops: alice')
  for (const [group, { reload }] of [['ci', file], ['qa', groupsFor(file, {})!]] as const) {
    writeFileSync(path, `${group}: alice`)
    await reload()
    t.strictSame(await file.groupsOf('alice'), [group])
  }
  writeFileSync(path, 'canary')
  await t.rejects(file.reload(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.strictSame(await file.groupsOf('alice'), ['qa'])
  await t.resolves(groupsFor({ groupsOf: () => [] }, {})!.reload(), 'what cannot is left')
})

t.test('groups that were found: they hold while they are the same', async t => {
  const { path, file } = create(t, 'ops: alice bob\nci: bob carol')
  const found = ['alice', 'bob', 'carol', 'nobody'].map((name) => validityOf(file.groupsOf(name) as readonly string[])!)
  const all = () => found.map((holds) => holds())
  t.strictSame(all(), [true, true, true, true])
  writeFileSync(path, 'ops: alice bob nobody\nqa: carol')
  await file.reload()
  t.strictSame(all(), [true, false, false, false])
})
