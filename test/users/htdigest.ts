import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findDigestAlgorithm } from '../../lib/schemes/digest/algorithm.js'
import type { DigestHash } from '../../lib/schemes/digest/algorithm.js'
import { computeHa1, computeUserhash } from '../../lib/schemes/digest/response.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { htdigest } from '../../lib/users/htdigest.js'
import type { HtdigestOptions } from '../../lib/users/htdigest.js'
import { DigestClient } from '../fixtures/digest.js'
import type { Test } from 'tap'

const ha1 = (username: string, password: string, hash: DigestHash, realm = 'lab'): string =>
  computeHa1(findDigestAlgorithm(hash)!, username, realm, password)
const line = (username: string, password: string, hash: DigestHash, realm = 'lab'): string =>
  `${username}:${realm}:${ha1(username, password, hash, realm)}\n`
const ALICE = { username: 'alice', ha1: ha1('alice', 'alice-secret', 'SHA-256') }

/** @param groups - What a file of groups beside it says. */
function create (t: Test, text: string, options: Partial<HtdigestOptions> = {}, groups?: string) {
  const folder = t.testdir(groups === undefined ? {} : { groups })
  const path = join(folder, 'users')
  writeFileSync(path, text)
  const time = { now: 0 }
  const problems: Error[] = []
  const file = htdigest(path, { clock: () => time.now, log: (problem) => problems.push(problem), ...(groups !== undefined && { groups: join(folder, 'groups') }), ...options })
  t.teardown(() => file.close())
  const find = async (username: string, hash: DigestHash = 'SHA-256', realm = 'lab') => await file.lookup(username, realm, hash)
  return { path, time, problems, file, find }
}

t.test('hashes of MD5 and SHA-256: are told apart by their length, for each realm (R-DIG-44)', async t => {
  const { file } = create(t, [
    '# made by htdigest\n', line('alice', 'alice-secret', 'MD5'), line('alice', 'alice-secret', 'SHA-256'), '\n',
    line('alice', 'other', 'MD5', 'a:b').toUpperCase().replace('ALICE:A:B', 'alice:a:b').replace('\n', '\r\n'), line('bob', 'bob-secret', 'MD5').slice(0, -1)
  ].join(''))
  t.same(file.lookup('alice', 'lab', 'SHA-256'), ALICE)
  t.same(file.lookup('alice', 'lab', 'MD5'), { username: 'alice', ha1: ha1('alice', 'alice-secret', 'MD5') })
  t.same(file.lookup('alice', 'a:b', 'MD5'), { username: 'alice', ha1: ha1('alice', 'other', 'MD5', 'a:b') }, 'a colon in the realm, hex in upper case, CRLF')
  t.same(file.lookup('bob', 'lab', 'MD5'), { username: 'bob', ha1: ha1('bob', 'bob-secret', 'MD5') }, 'no line end')
  for (const [username, realm, hash] of [
    ['bob', 'lab', 'SHA-256'], ['alice', 'Lab', 'MD5'], ['alice', 'lab', 'SHA-512-256'], ['alice:a', 'b', 'MD5'], ['# made by htdigest', '', 'MD5'],
    ['', 'lab', 'MD5'], ['__proto__', 'lab', 'MD5']
  ] as const) t.equal(file.lookup(username, realm, hash), null, `${username} ${realm} ${hash}`)
})

t.test('the hash of a name: finds its user (R-DIG-15, R-DIG-38)', async t => {
  const { file } = create(t, line('alice', 'alice-secret', 'SHA-256') + line('J\u00e4s\u00f8n', 'x', 'MD5'))
  const userhash = (username: string, hash: DigestHash): string => computeUserhash(findDigestAlgorithm(hash)!, username, 'lab')
  t.same(file.lookupHash(userhash('alice', 'SHA-256'), 'lab', 'SHA-256'), ALICE)
  t.match(file.lookupHash(userhash('J\u00e4s\u00f8n', 'MD5'), 'lab', 'MD5'), { username: 'J\u00e4s\u00f8n' })
  t.equal(file.lookupHash(userhash('alice', 'MD5'), 'lab', 'MD5'), null)
  t.equal(file.lookupHash(userhash('alice', 'SHA-256'), 'other', 'SHA-256'), null)
})

t.test('a name in another form: is read in form C (R-DIG-42)', async t => {
  const { find } = create(t, line('J\u00e4s\u00f8n', 'x', 'SHA-256').replace('J\u00e4', 'Ja\u0308'))
  t.match(await find('J\u00e4s\u00f8n'), { username: 'J\u00e4s\u00f8n' })
})

t.test('a file that cannot be read or parsed: changes nothing, and is logged', async t => {
  const { path, time, problems, find } = create(t, line('alice', 'alice-secret', 'SHA-256'))
  const look = async () => { time.now += 1000; return await find('alice') }
  rmSync(path)
  t.same([await look(), await look()], [ALICE, ALICE])
  t.match(problems.splice(0), [{ code: 'ENOENT' }])
  writeFileSync(path, `${line('bob', 'x', 'SHA-256')}canary\n`)
  t.same([await look(), await look()], [ALICE, ALICE])
  t.match(problems, [{ code: 'FST_PROXY_AUTH_BAD_OPTION', message: /line 2/ }])
  t.notMatch(problems.splice(0)[0]?.message, /canary/)
  rmSync(path)
  t.same([await look(), await look()], [ALICE, ALICE])
  t.equal(problems.splice(0).length, 1)
  writeFileSync(path, line('bob', 'x', 'SHA-256'))
  t.equal(await look(), null, 'mended')
  t.match(await find('bob'), { username: 'bob' })
  t.equal(problems.length, 0)
})

t.test('a file that is missing or malformed: the boot fails', async t => {
  const folder = t.testdir({ empty: '' })
  t.throws(() => htdigest(join(folder, 'missing')), { code: 'ENOENT' })
  t.equal(htdigest(join(folder, 'empty')).lookup('alice', 'lab', 'MD5'), null)
  for (const text of ['alice', 'alice:lab', `alice:${'ab'.repeat(16)}`, `alice:lab:${'ab'.repeat(15)}`, `alice:lab:${'xy'.repeat(16)}`, 'alice:lab:', ' \n']) {
    writeFileSync(join(folder, 'users'), text)
    t.throws(() => htdigest(join(folder, 'users')), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, text)
  }
  t.throws(() => htdigest(7 as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a strategy with the file: takes its users from it (R-DIG-15, R-DIG-44)', async t => {
  const { file } = create(t, line('alice', 'alice-secret', 'SHA-256'))
  const strategy = new DigestStrategy({ lookup: file.lookup, lookupHash: file.lookupHash, algorithms: ['SHA-256-sess'] })
  t.match(await new DigestClient(strategy).send(), { kind: 'accepted', user: { username: 'alice' } })
  t.match(await new DigestClient(strategy, { password: 'wrong' }).send(), { kind: 'failed' })
})

t.test('a file of groups beside it: the user object has them, as they are when the user logs in', async t => {
  const folder = t.testdir({ users: line('alice', 'alice-secret', 'SHA-256') + line('bob', 'bob-secret', 'SHA-256'), groups: 'ops: alice\n' })
  const time = { now: 0 }
  const file = htdigest(join(folder, 'users'), { groups: join(folder, 'groups'), clock: () => time.now })
  t.teardown(() => file.close())
  t.strictSame(file.lookup('alice', 'lab', 'SHA-256'), { ...ALICE, user: { username: 'alice', groups: ['ops'] } })
  t.match(file.lookup('bob', 'lab', 'SHA-256'), { user: { username: 'bob', groups: [] } })
  t.equal(file.lookup('carol', 'lab', 'SHA-256'), null)
  t.match(file.lookupHash(computeUserhash(findDigestAlgorithm('SHA-256')!, 'alice', 'lab'), 'lab', 'SHA-256'), { user: { groups: ['ops'] } })
  writeFileSync(join(folder, 'groups'), 'ci: alice\n')
  time.now += 1000
  t.match(await file.lookup('alice', 'lab', 'SHA-256'), { user: { groups: ['ci'] } })
  const later = htdigest(join(folder, 'users'), { groups: { groupsOf: async () => ['later'], reload: async () => {}, close: async () => {} } })
  t.match(await later.lookup('alice', 'lab', 'SHA-256'), { user: { groups: ['later'] } })
  t.throws(() => htdigest(join(folder, 'users'), { groups: 7 as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('groups beside Digest: the user of the strategy has them', async t => {
  const folder = t.testdir({ users: line('alice', 'alice-secret', 'SHA-256'), groups: 'ops: alice\n' })
  const file = htdigest(join(folder, 'users'), { groups: join(folder, 'groups') })
  t.teardown(() => file.close())
  const strategy = new DigestStrategy({ lookup: file.lookup, lookupHash: file.lookupHash })
  t.match(await new DigestClient(strategy).send(), { kind: 'accepted', user: { username: 'alice', groups: ['ops'] } })
})

t.test('a file that is to be read now: it is, with the groups, also by way of its look-ups', async t => {
  const { file, find, path } = create(t, '', {}, 'ops: alice')
  const groups = join(path, '../groups')
  const reloads = [file.reload, ...[file.lookup, file.lookupHash].map((lookup) => (lookup as typeof lookup & { reload: () => Promise<void> }).reload)]
  for (const [index, reload] of reloads.entries()) {
    const name = `user${index}`
    writeFileSync(path, line(name, 'secret', 'SHA-256'))
    writeFileSync(groups, `ci: ${name}`)
    t.equal(await find(name), null)
    await reload()
    t.match(await find(name), { user: { username: name, groups: ['ci'] } })
  }
  rmSync(path)
  await t.rejects(file.reload(), { code: 'ENOENT' })
  t.match(await find('user2'), { user: { groups: ['ci'] } })
})
