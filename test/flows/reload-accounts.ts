import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, DigestStrategy, htdigest, htpasswd, proxyAuthenticate } from '../../lib/index.js'
import type { HtpasswdOptions } from '../../lib/index.js'
import { findDigestAlgorithm } from '../../lib/schemes/digest/algorithm.js'
import { computeHa1 } from '../../lib/schemes/digest/response.js'
import { FORMS, statusOf as status, surroundings } from '../fixtures/forms.js'

const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/** A gateway with files of accounts and groups that nothing looks at by itself, and a cache before them. */
async function withFiles (t: Test, options: HtpasswdOptions = {}) {
  const folder = t.testdir({ users: 'alice:one\nbob:two\n', groups: 'ops: alice bob\n' })
  const users = join(folder, 'users')
  const groups = join(folder, 'groups')
  const file = htpasswd(users, { cleartext: true, groups, clock: () => 0, ...options })
  t.teardown(() => file.close())
  const checked: string[] = []
  const verify = Object.assign(async (pair: { username: string, password: string }) => {
    checked.push(pair.username)
    return await file.verify(pair)
  }, { reload: async () => { await file.reload() } })
  const gate = await surroundings(t, {
    strategies: [new BasicStrategy({ verify, cache: { negativeTtl: 60_000 } })],
    after: app => app.get('/whoami', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.user)
  })
  const whoami = async (credentials: string) => {
    const { statusCode, body } = await gate.app.inject({ url: '/whoami', headers: { 'proxy-authorization': credentials } })
    return statusCode === 200 ? JSON.parse(body) as object : statusCode
  }
  return { gate, users, groups, checked, whoami }
}

t.test('files that have changed: a reload reads them, and what is remembered of the changed users ends, in all forms', async t => {
  const { gate, users, groups, checked, whoami } = await withFiles(t)
  for (const form of FORMS) {
    t.equal(await status(t, gate, form, basic('alice', 'one')), 200, form)
    t.equal(await status(t, gate, form, basic('bob', 'two')), 200, form)
    t.equal(await status(t, gate, form, basic('carol', 'three')), 407, form)
  }
  t.strictSame(checked, ['alice', 'bob', 'carol'])
  writeFileSync(users, 'alice:changed\ncarol:three\nbob:two\n')
  for (const name of ['alice', 'bob']) t.equal(await status(t, gate, 'CONNECT', basic(name, name === 'alice' ? 'one' : 'two')), 200, 'nothing has looked yet')
  await gate.app.proxyAuthReload()
  checked.length = 0
  for (const form of FORMS) {
    t.equal(await status(t, gate, form, basic('alice', 'one')), 407, form)
    t.equal(await status(t, gate, form, basic('alice', 'changed')), 200, form)
    t.equal(await status(t, gate, form, basic('carol', 'three')), 200, form)
    t.equal(await status(t, gate, form, basic('bob', 'two')), 200, form)
  }
  t.strictSame(checked, ['alice', 'alice', 'carol'], 'bob, whose line is the same, is not asked for again')
  writeFileSync(groups, 'ci: bob\nops: alice\n')
  t.strictSame(await whoami(basic('bob', 'two')), { username: 'bob', groups: ['ops'] })
  await gate.app.proxyAuthReload()
  t.strictSame(await whoami(basic('bob', 'two')), { username: 'bob', groups: ['ci'] })
  t.strictSame(checked.slice(3), ['bob'])
})

t.test('files that are broken or gone: a reload says so without showing them, and the accounts before stay', async t => {
  const { gate, users, groups, whoami } = await withFiles(t)
  t.strictSame(await whoami(basic('alice', 'one')), { username: 'alice', groups: ['ops'] })
  writeFileSync(users, 'alice:$6$canary\n')
  writeFileSync(groups, 'canary\n')
  const failed = await gate.app.proxyAuthReload().then(() => t.fail('it is broken'), (error: AggregateError) => error)
  t.match(failed, { code: 'FST_PROXY_AUTH_RELOAD_FAILED', message: 'could not reload: basic', errors: [{ code: 'FST_PROXY_AUTH_BAD_OPTION' }, { code: 'FST_PROXY_AUTH_BAD_OPTION' }] })
  for (const { message } of [failed as Error, ...(failed as AggregateError).errors]) t.notMatch(message, /canary|alice/)
  rmSync(users)
  writeFileSync(groups, 'ci: alice\n')
  await t.rejects(gate.app.proxyAuthReload(), { errors: [{ code: 'ENOENT' }] })
  t.strictSame(await whoami(basic('alice', 'one')), { username: 'alice', groups: ['ci'] }, 'each file counts for itself')
  t.equal(await whoami(basic('alice', 'changed')), 407)
  writeFileSync(users, 'alice:changed\n')
  await gate.app.proxyAuthReload()
  t.equal(await whoami(basic('alice', 'one')), 407)
  t.strictSame(await whoami(basic('alice', 'changed')), { username: 'alice', groups: ['ci'] })
})

t.test('a reload while a password is checked: what is said of the old line is not remembered', async t => {
  const { gate, users, whoami } = await withFiles(t)
  const path = users
  const before = whoami(basic('alice', 'one'))
  writeFileSync(path, 'alice:changed\nbob:two\n')
  await Promise.all([before, gate.app.proxyAuthReload()])
  t.equal(await whoami(basic('alice', 'one')), 407)
})

t.test('an automatic look at the file: it too ends what is remembered of the changed users', async t => {
  const time = { now: 0 }
  const { users, checked, whoami } = await withFiles(t, { clock: () => time.now })
  for (const [name, password] of [['alice', 'one'], ['bob', 'two']] as const) t.match(await whoami(basic(name, password)), { username: name })
  writeFileSync(users, 'alice:changed\nbob:two\n')
  time.now = 1000
  t.match(await whoami(basic('alice', 'one')), { username: 'alice' }, 'what begins the look is not held up by it')
  t.equal(await whoami(basic('nobody', 'x')), 407, 'which waits for it')
  t.equal(await whoami(basic('alice', 'one')), 407)
  t.match(await whoami(basic('bob', 'two')), { username: 'bob' })
  t.strictSame(checked, ['alice', 'bob', 'nobody', 'alice'])
})

t.test('users that are all remembered: a changed file is looked at all the same', async t => {
  const time = { now: 0 }
  const { users, groups, checked, whoami } = await withFiles(t, { clock: () => time.now })
  const [ALICE, BOB] = [basic('alice', 'one'), basic('bob', 'two')]
  for (const credentials of [ALICE, BOB]) await whoami(credentials)
  writeFileSync(groups, 'ci: alice\nops: bob\n')
  time.now += 1000
  while (JSON.stringify(await whoami(ALICE)).includes('ops')) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(await whoami(ALICE), { username: 'alice', groups: ['ci'] })
  t.strictSame(checked, ['alice', 'bob', 'alice'])
  writeFileSync(users, 'alice:one\nbob:changed\n')
  time.now += 1000
  while (await whoami(BOB) !== 407) await new Promise(resolve => setImmediate(resolve))
  t.match(await whoami(ALICE), { username: 'alice' })
  t.strictSame(checked, ['alice', 'bob', 'alice', 'bob'])
})

t.test('a file of htdigest: a reload reads it once for both look-ups', async t => {
  const line = (password: string) => `alice:Gateway:${computeHa1(findDigestAlgorithm('SHA-256')!, 'alice', 'Gateway', password)}\n`
  const users = join(t.testdir({ users: line('one') }), 'users')
  const file = htdigest(users, { clock: () => 0 })
  t.teardown(() => file.close())
  const gate = await surroundings(t, { strategies: [new DigestStrategy({ lookup: file.lookup, lookupHash: file.lookupHash })] })
  writeFileSync(users, line('changed'))
  await gate.app.proxyAuthReload()
  t.match(file.lookup('alice', 'Gateway', 'SHA-256'), { ha1: line('changed').trim().split(':')[2] })
  writeFileSync(users, 'canary\n')
  const failed = await gate.app.proxyAuthReload().then(() => t.fail('it is broken'), (error: AggregateError) => error)
  t.equal((failed as AggregateError).errors.length, 1)
})

t.test('an application that is not ready: there is nothing to reload yet', async t => {
  const { app } = await surroundings(t, { after: async app => { await app.proxyAuthReload() } })
  await t.resolves(app.proxyAuthReload(), 'nor ever, with accounts that are no file')
})
