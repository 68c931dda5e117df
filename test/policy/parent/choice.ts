import { mock } from 'node:test'
import t from 'tap'
import { BadOption } from '../../../lib/errors.js'
import { chooseBy } from '../../../lib/policy/parent/choice.js'
import { DIRECT, readParent } from '../../../lib/policy/parent/entry.js'
import type { ParentEntry } from '../../../lib/policy/parent/entry.js'
import type { ProxyIdentity } from '../../../lib/types.js'

const FAILED = 'FST_PROXY_AUTH_PARENT_CHOICE'
const alice: ProxyIdentity = { name: 'alice', user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' }
const target = { host: 'x.test', port: 443, scheme: 'connect' } as const
const a = readParent({ url: 'http://a.test' }, 'a')
const forBob = readParent({ url: 'http://b.test', users: ['bob'] }, 'b')
const elsewhere = readParent({ url: 'http://c.test', to: ['y.test'] }, 'c')
const read = (value: unknown): ParentEntry => {
  const found = ({ direct: DIRECT, a, forBob, elsewhere } as Record<string, ParentEntry>)[String(value)]
  if (found === undefined) throw new BadOption('parents', 'a parent', typeof value)
  return found
}
const chosen = (ask: (...given: never[]) => unknown) => chooseBy(ask as never, read)(target, alice)

t.afterEach(() => mock.timers.reset())

t.test('a function that gives one way, or several: these are taken, without a promise', async t => {
  t.strictSame(chosen(() => 'direct'), ['direct'])
  t.strictSame(chosen(() => 'a'), [a.hop])
  t.strictSame(chosen(() => ['a', 'direct', 'a']), [a.hop, 'direct'], 'each once')
})

t.test('a function that makes a promise: what comes of it is taken', async t => {
  t.strictSame(await chosen(async () => ['direct', 'a']), ['direct', a.hop])
})

t.test('the function: gets the target and the user, and can change neither', async t => {
  const full = { ...target, literal: null }
  const choose = chooseBy((given, identity) => {
    t.strictSame(given, target)
    t.equal(identity, alice)
    ;(given as { host: string }).host = 'y.test'
    return ['elsewhere', 'direct']
  }, read)
  t.strictSame(choose(full, alice), ['direct'])
  t.equal(full.host, 'x.test')
})

t.test('ways whose conditions do not hold: are left out', async t => {
  t.strictSame(chosen(() => ['elsewhere', 'forBob', 'a']), [a.hop])
  for (const given of [[], 'elsewhere', ['forBob', 'elsewhere']]) {
    t.throws(() => chosen(() => given), { code: 'FST_PROXY_AUTH_NO_PARENT' })
    await t.rejects(Promise.resolve(chosen(async () => given)), { code: 'FST_PROXY_AUTH_NO_PARENT' })
  }
})

t.test('a function that fails: the error has the cause', async t => {
  const cause = new Error('own')
  t.throws(() => chosen(() => { throw cause }), { code: FAILED, cause, statusCode: 500 })
  await t.rejects(Promise.resolve(chosen(async () => { throw cause })), { code: FAILED, cause })
  for (const given of [undefined, null, 7, 'b', ['a', 'b'], [['a']].map(() => null)]) {
    t.throws(() => chosen(() => given), { code: FAILED, cause: { code: 'FST_PROXY_AUTH_BAD_OPTION' } })
    await t.rejects(Promise.resolve(chosen(async () => given)), { code: FAILED, cause: { code: 'FST_PROXY_AUTH_BAD_OPTION' } })
  }
})

t.test('a function that gives more than a hundred ways: it has failed', async t => {
  t.equal((chosen(() => new Array(100).fill('a')) as unknown[]).length, 1)
  t.throws(() => chosen(() => new Array(101).fill('a')), { code: FAILED })
})

t.test('a function that hangs: the wait ends after 5 seconds', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  let settled = false
  const waiting = Promise.resolve(chosen(() => new Promise(() => {}))).finally(() => { settled = true })
  mock.timers.tick(4999)
  await Promise.resolve()
  t.notOk(settled)
  mock.timers.tick(1)
  await t.rejects(waiting, { code: FAILED, cause: undefined })
})
