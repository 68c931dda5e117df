import { mock } from 'node:test'
import t from 'tap'
import { readOwnCredentials } from '../../../lib/policy/parent/own-credentials.js'
import type { ProxyIdentity } from '../../../lib/types.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const OPTION = 'parents[0].credentials'
const FAILED = 'FST_PROXY_AUTH_PARENT_CREDENTIALS'
const basic = { scheme: 'Basic', username: 'gateway', password: 's' }
const identity = (name: string): ProxyIdentity => ({ name, user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' })
const alice = identity('alice')
const bob = identity('bob')
const read = (given: unknown, protocol: 'http' | 'socks5' = 'http') => readOwnCredentials(given, OPTION, protocol)!

t.afterEach(() => mock.timers.reset())

t.test('no credentials: none are sent', async t => {
  t.equal(readOwnCredentials(undefined, OPTION, 'http'), null)
})

t.test('fixed credentials: all users have the same account', async t => {
  const of = read(basic)
  t.strictSame(of(alice), basic)
  t.equal(of(bob), of(alice))
})

t.test('fixed credentials that are wrong: the boot fails', async t => {
  refusesOption(t, () => read({ ...basic, password: 7 }), `${OPTION}.password`, 'number')
  refusesOption(t, () => read(CANARY), OPTION, 'string')
})

t.test('a function: is asked about each user, and gives without a promise unless it makes one', async t => {
  const of = read(({ name }: ProxyIdentity) => name === 'alice' ? { ...basic, username: name } : null)
  t.strictSame(of(alice), { ...basic, username: 'alice' })
  t.equal(of(bob), null)
  const later = read(async ({ name }: ProxyIdentity) => name === 'alice' ? { ...basic, username: name } : null)
  t.strictSame(await later(alice), { ...basic, username: 'alice' })
  t.equal(await later(bob), null)
})

t.test('a function that makes its credentials anew: equal ones are one account, others are not', async t => {
  let password = 's'
  const of = read(() => ({ ...basic, password }))
  const first = of(alice)
  t.equal(of(bob), first)
  password = 't'
  t.not(of(alice), first)
  t.strictSame(of(alice), { ...basic, password: 't' })
})

t.test('a function that changes its object: the account changes with it', async t => {
  const given = { ...basic }
  const of = read(() => given)
  const first = of(alice)
  given.password = 't'
  t.strictSame(of(alice), { ...basic, password: 't' })
  t.strictSame(first, basic)
})

t.test('tokens by a function: the function tells the accounts apart', async t => {
  const [one, other] = [() => 'a', () => 'b']
  const of = read(({ name }: ProxyIdentity) => ({ scheme: 'Bearer', token: name === 'alice' ? one : other }))
  t.equal(of(alice), of(alice))
  t.not(of(alice), of(bob))
  t.strictSame(of(bob), { scheme: 'Bearer', token: other })
  const fixed = read(({ name }: ProxyIdentity) => ({ scheme: 'Bearer', token: name }))
  t.equal(fixed(alice), fixed(alice))
  t.not(fixed(alice), fixed(bob))
})

t.test('a function that fails: the error has the cause', async t => {
  const cause = new Error(CANARY)
  t.throws(() => read(() => { throw cause })(alice), { code: FAILED, cause, statusCode: 500 })
  await t.rejects(Promise.resolve(read(() => Promise.reject(cause))(alice)), { code: FAILED, cause })
  for (const given of ['Basic YTpi', undefined, 7, [], {}, { scheme: 'Basic', username: CANARY }, { ...basic, username: `${CANARY}:` }]) {
    const wrong = { code: FAILED, cause: { code: 'FST_PROXY_AUTH_BAD_OPTION' } }
    t.throws(() => read(() => given)(alice), wrong)
    await t.rejects(Promise.resolve(read(async () => given)(alice)), wrong)
    try {
      read(() => given)(alice)
    } catch (error) {
      t.notMatch(`${(error as Error).message} ${((error as Error).cause as Error).message}`, CANARY)
    }
  }
})

t.test('a function that hangs: the wait ends after 10 seconds', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const waiting = Promise.resolve(read(() => new Promise(() => {}))(alice))
  let settled = false
  const watched = waiting.finally(() => { settled = true })
  mock.timers.tick(9999)
  await Promise.resolve()
  t.notOk(settled)
  mock.timers.tick(1)
  await t.rejects(watched, { code: FAILED, cause: undefined })
})

t.test('credentials for SOCKS5: are Basic, of 1 to 255 octets', async t => {
  t.strictSame(read(basic, 'socks5')(alice), basic)
  const long = 'ä'.repeat(128)
  for (const [given, name, got] of [
    [{ scheme: 'Digest', username: 'u', password: CANARY }, 'scheme', 'another'],
    [{ ...basic, username: '' }, 'username', 'empty text'],
    [{ ...basic, password: '' }, 'password', 'empty text'],
    [{ ...basic, username: long }, 'username', 'longer text'],
    [{ ...basic, password: long }, 'password', 'longer text']
  ] as const) {
    refusesOption(t, () => read(given, 'socks5'), `${OPTION}.${name}`, got)
    t.throws(() => read(() => given, 'socks5')(alice), { code: FAILED, cause: { code: 'FST_PROXY_AUTH_BAD_OPTION' } })
  }
})
