import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { validityOf } from '../../lib/store/validity.js'
import { groupFile } from '../../lib/users/group-file.js'
import { htpasswd } from '../../lib/users/htpasswd.js'
import type { HtpasswdOptions } from '../../lib/users/htpasswd.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const tool = peer('htpasswd')
const squid = peer('basic_ncsa_auth')
const SHA = '{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=' // abc
const APR1 = '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/' // myPassword
const BCRYPT = '$2y$04$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'

/** @param groups - What a file of groups beside it says. */
function create (t: Test, content: string, options: HtpasswdOptions = {}, groups?: string) {
  const folder = t.testdir(groups === undefined ? {} : { groups })
  const path = join(folder, 'users')
  writeFileSync(path, content)
  const time = { now: 0 }
  const problems: Error[] = []
  const file = htpasswd(path, { clock: () => time.now, log: problem => problems.push(problem), ...(groups !== undefined && { groups: join(folder, 'groups') }), ...options })
  t.teardown(() => file.close())
  const ask = async (username: string, password: string) => await file.verify({ username, password })
  return { path, time, problems, file, ask }
}

t.test('a right password: gives its user, and anything else gives none', async t => {
  const { ask } = create(t, `# users\nalice:${SHA}\r\n\nbob:${APR1}\ncarol:${SHA}\ncarol:${APR1}`)
  t.same(await ask('alice', 'abc'), { username: 'alice' })
  t.same(await ask('bob', 'myPassword'), { username: 'bob' })
  t.same(await ask('carol', 'myPassword'), { username: 'carol' }, 'the last line counts')
  for (const [username, password] of [
    ['alice', 'ABC'], ['alice', ''], ['bob', 'abc'], ['carol', 'abc'], ['nobody', 'abc'], ['', ''], ['# users', ''], ['__proto__', 'abc'], ['Alice', 'abc'], ['alice', SHA]
  ] as const) t.equal(await ask(username, password), null, `${username} ${password}`)
})

t.test('a name in another form: is read in form C', async t => {
  const { ask } = create(t, `Ja\u0308s\u00f8n:${SHA}`)
  t.same(await ask('J\u00e4s\u00f8n', 'abc'), { username: 'J\u00e4s\u00f8n' })
})

t.test('clear text: is accepted only where it is allowed, and never if it looks like a hash (S16)', async t => {
  t.throws(() => create(t, 'alice:secret'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /another line 1/ })
  const { ask } = create(t, `alice:s:cret\nbob:${SHA}\ncarol:\ndave:Ja\u0308s`, { cleartext: true })
  t.same(await ask('alice', 's:cret'), { username: 'alice' })
  t.same(await ask('bob', 'abc'), { username: 'bob' })
  t.same(await ask('dave', 'J\u00e4s'), { username: 'dave' }, 'in form C')
  t.equal(await ask('bob', SHA), null)
  for (const line of ['alice:$6$salt$hash', 'alice:{SSHA}x', 'alice:$2x$04$', 'alice']) {
    t.throws(() => create(t, line, { cleartext: true }), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, line)
  }
})

t.test('a file that is missing or malformed: the boot fails, and the message shows nothing of it', async t => {
  for (const content of ['alice', 'alice:', `bob:${SHA}\nalice:canary`, 'alice:$6$salt$canary', ' \n']) {
    try {
      create(t, content)
      t.fail(content)
    } catch (error) {
      t.match(error, { code: 'FST_PROXY_AUTH_BAD_OPTION' })
      t.notMatch((error as Error).message, /canary|alice/)
    }
  }
  t.throws(() => htpasswd(join(t.testdir({}), 'missing')), { code: 'ENOENT' })
  for (const options of [{ cleartext: 'yes' }, { threads: 0 }, { threads: 1025 }, { threads: '2' }, { interval: -1 }]) {
    t.throws(() => create(t, '', options as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, JSON.stringify(options))
  }
})

t.test('an empty file: has no users', async t => {
  const { ask } = create(t, '')
  t.equal(await ask('alice', ''), null)
})

t.test('a changed file: is read anew; if malformed, it is logged, and the one before it stays', async t => {
  const { ask, path, time, problems } = create(t, `alice:${SHA}`)
  writeFileSync(path, `bob:${SHA}\n`)
  t.same(await ask('alice', 'abc'), { username: 'alice' })
  time.now += 1000
  t.equal(await ask('alice', 'abc'), null)
  t.same(await ask('bob', 'abc'), { username: 'bob' })
  writeFileSync(path, 'bob:canary\n')
  time.now += 1000
  t.same(await ask('bob', 'abc'), { username: 'bob' })
  t.match(problems, [{ code: 'FST_PROXY_AUTH_BAD_OPTION' }])
})

t.test('slow hashes: only so many run at a time, and quick ones do not wait for them', async t => {
  const { ask } = create(t, `slow:${BCRYPT}\nslow2:${BCRYPT}\nquick:${SHA}`, { threads: 1 })
  const order: string[] = []
  const note = async (name: string, password: string) => { await ask(name, password); order.push(name) }
  await Promise.all([note('slow', 'a'), note('slow2', 'b'), note('nobody', 'c'), note('quick', 'abc')])
  t.strictSame(order, ['quick', 'slow', 'slow2', 'nobody'], 'a user that does not exist waits like most')
})

t.test('a thread pool of one, of many, or of no valid size: slow hashes are still verified', async t => {
  const before = process.env['UV_THREADPOOL_SIZE']
  t.teardown(() => { if (before === undefined) delete process.env['UV_THREADPOOL_SIZE']; else process.env['UV_THREADPOOL_SIZE'] = before })
  for (const size of ['1', '64', 'x']) {
    process.env['UV_THREADPOOL_SIZE'] = size
    t.same(await create(t, `alice:${BCRYPT}`).ask('alice', 'x'), null, size)
  }
})

t.test('a password of great length: is refused without work', async t => {
  const { ask } = create(t, `alice:${'x'.repeat(2000)}\nbob:${'x'.repeat(1024)}`, { cleartext: true })
  t.equal(await ask('alice', 'x'.repeat(2000)), null)
  t.same(await ask('bob', 'x'.repeat(1024)), { username: 'bob' })
})

t.test('a user that does not exist: costs what a wrong password costs', async t => {
  const { ask } = create(t, `alice:${BCRYPT.replace('$04$', '$10$')}\nbob:${BCRYPT.replace('$04$', '$10$')}\nold:${SHA}`)
  // Of the processor: what passes by the clock is longer while others have it.
  const time = async (name: string) => {
    const start = process.cpuUsage()
    await ask(name, 'wrong')
    return process.cpuUsage(start).user / 1000
  }
  await time('alice')
  const least = { alice: Infinity, nobody: Infinity }
  for (let i = 0; i < 5; i++) for (const name of ['alice', 'nobody'] as const) least[name] = Math.min(least[name], await time(name))
  t.ok(least.nobody > least.alice / 2 && least.nobody < least.alice * 2, `${least.alice} ms and ${least.nobody} ms`)
})

const ACCOUNTS: Array<[option: string, username: string, password: string]> = [
  ['-B', 'bcrypt', 'b-secret'], ['-B', 'bcrypt-utf8', 'p\u00e4\u00a7s\u20ac'], ['-m', 'apr1', 'm secret'], ['-m', 'apr1-long', 'long'.repeat(30)], ['-m', 'apr1-utf8', '\u20acuro'],
  ['-s', 'sha', 's-secret'], ['-s', 'sha-colon', 'a:b%c"d']
]

/** A file as Debian's htpasswd writes it. */
async function written (t: Test): Promise<string> {
  const path = join(t.testdir({}), 'users')
  writeFileSync(path, '')
  for (const [option, username, password] of ACCOUNTS) {
    const { code, stderr } = await runProgram(t, tool.path, [option, '-b', ...(option === '-B' ? ['-C', '5'] : []), path, username, password])
    t.equal(code, 0, stderr)
  }
  return path
}

/** Who says what, of the right password and others. */
const TRIALS = ACCOUNTS.flatMap(([, username, password]) =>
  [password, `${password}x`, password.slice(0, -1), password.toUpperCase(), ''].map(tried => ({ username, tried, right: tried === password })))

t.test('a file that htpasswd of Debian wrote: htpasswd verifies it as we do', { skip: tool.skip }, async t => {
  const path = await written(t)
  const file = htpasswd(path)
  for (const { username, tried, right } of TRIALS) {
    const { code } = await runProgram(t, tool.path, ['-vb', path, username, tried])
    t.equal(code === 0, right, `htpasswd: ${username} ${tried}`)
    t.equal(await file.verify({ username, password: tried }) !== null, right, `we: ${username} ${tried}`)
  }
})

// Squid does not know {SHA}.
t.test('a file that htpasswd of Debian wrote: basic_ncsa_auth of Squid verifies it as we do', { skip: tool.skip || squid.skip }, async t => {
  const path = await written(t)
  const file = htpasswd(path)
  const asked = TRIALS.filter(({ username, tried }) => tried !== '' && !username.startsWith('sha'))
  const child = spawn(squid.path, [path], { stdio: ['pipe', 'pipe', 'ignore'], timeout: 40_000, killSignal: 'SIGKILL' })
  child.stdin.end([...asked, { username: 'nobody', tried: 'x' }].map(({ username, tried }) => `${encodeURIComponent(username)} ${encodeURIComponent(tried)}\n`).join(''))
  const answers = (await text(child.stdout)).trim().split('\n')
  t.equal(answers.length, asked.length + 1)
  for (const [i, { username, tried, right }] of asked.entries()) {
    t.equal(answers[i]!.startsWith('OK'), right, `squid: ${username} ${tried}`)
    t.equal(await file.verify({ username, password: tried }) !== null, right, `we: ${username} ${tried}`)
  }
  t.match(answers.at(-1), /^ERR/)
})

t.test('a file of groups beside it: the user object has them, as they are when the user logs in', async t => {
  const folder = t.testdir({ users: `alice:${SHA}\nbob:${SHA}\n` })
  const [path, groups] = [join(folder, 'users'), join(folder, 'groups')]
  writeFileSync(groups, 'ops: alice\nci: alice eve\n')
  const time = { now: 0 }
  const file = htpasswd(path, { groups, clock: () => time.now })
  t.teardown(() => file.close())
  const login = async (username: string) => await file.verify({ username, password: 'abc' })
  t.strictSame(await login('alice'), { username: 'alice', groups: ['ops', 'ci'] })
  t.strictSame(await login('bob'), { username: 'bob', groups: [] })
  t.equal(await login('eve'), null, 'a member without an account')
  writeFileSync(groups, 'ci: alice\n')
  time.now += 1000
  t.strictSame(await login('alice'), { username: 'alice', groups: ['ci'] })
  const shared = groupFile(groups)
  t.teardown(() => shared.close())
  t.strictSame(await htpasswd(path, { groups: shared }).verify({ username: 'alice', password: 'abc' }), { username: 'alice', groups: ['ci'] })
  t.throws(() => htpasswd(path, { groups: 7 as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a file that is to be read now: it is, with the groups, also by way of its verifier', async t => {
  const { file, ask, path } = create(t, `alice:${SHA}`, {}, 'ops: alice')
  const groups = join(path, '../groups')
  for (const [name, reload] of [['bob', file.reload], ['carol', (file.verify as typeof file.verify & { reload: () => Promise<void> }).reload]] as const) {
    writeFileSync(path, `${name}:${SHA}`)
    writeFileSync(groups, `ci: ${name}`)
    t.equal(await ask(name, 'abc'), null)
    await reload()
    t.same(await ask(name, 'abc'), { username: name, groups: ['ci'] })
  }
  writeFileSync(path, 'canary')
  writeFileSync(groups, 'canary')
  await t.rejects(file.reload(), { errors: [{ code: 'FST_PROXY_AUTH_BAD_OPTION' }, { code: 'FST_PROXY_AUTH_BAD_OPTION' }] })
  t.same(await ask('carol', 'abc'), { username: 'carol', groups: ['ci'] })
})

t.test('a user that was found: it holds while line and groups are the same', async t => {
  const { file, path } = create(t, `alice:${SHA}\nbob:${SHA}`, {}, 'ops: alice\nci: bob')
  const groups = join(path, '../groups')
  const alonePath = join(path, '../alone')
  writeFileSync(alonePath, `alice:${SHA}`)
  const plain = htpasswd(alonePath, { clock: () => 0 })
  t.teardown(() => plain.close())
  const find = async (name: string) => validityOf((await file.verify({ username: name, password: 'abc' }))!)!
  const [alice, bob] = [await find('alice'), await find('bob')]
  const alone = validityOf((await plain.verify({ username: 'alice', password: 'abc' }))!)!
  const both = () => [alice(), bob()]
  t.strictSame([...both(), alone()], [true, true, true])
  writeFileSync(path, `# moved\nbob:${SHA}\nalice:${SHA}`)
  await file.reload()
  t.strictSame(both(), [true, true], 'lines that have only moved')
  writeFileSync(groups, 'ops: alice\nci: bob\nnew: bob')
  await file.reload()
  t.strictSame(both(), [true, false], 'a group more')
  writeFileSync(groups, 'ops: alice\nci: bob')
  writeFileSync(path, `bob:${APR1}`)
  writeFileSync(alonePath, `alice:${APR1}`)
  await Promise.all([file.reload(), plain.reload()])
  t.strictSame([...both(), alone()], [false, false, false], 'a line that is gone, or another')
  const theirs = htpasswd(path, { groups: { groupsOf: () => ['ops'], reload: async () => {}, close: async () => {} } })
  t.teardown(() => theirs.close())
  t.equal(validityOf((await theirs.verify({ username: 'bob', password: 'myPassword' }))!), undefined, 'of groups from elsewhere it is not known')
})
