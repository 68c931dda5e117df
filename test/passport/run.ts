import t from 'tap'
import { run } from '../../lib/passport/run.js'
import type { Verdict } from '../../lib/passport/run.js'
import { view } from '../fixtures/attempt.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import type { Actions, Authenticate } from '../fixtures/foreign-strategies.js'

const settings = { name: 'probe', timeout: 10_000 }
const judge = (authenticate: Authenticate, timeout = 10_000): Verdict | Promise<Verdict> =>
  run(foreign('probe', authenticate), view('Basic dTpw'), { ...settings, timeout })
const later = (action: () => void): void => { setImmediate(action) }

const ALICE = { username: 'alice' }
const accepted = { kind: 'accepted', user: ALICE, info: {} }
const brokenBy = (cause: unknown) => ({
  kind: 'broken', strategy: 'probe', cause: { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', cause }
})
const REFUSED = { kind: 'failed', challenge: undefined, status: undefined, note: null }

t.test('a verdict at once, or later: only the later one is a promise', async t => {
  t.same(judge(function () { this.success(ALICE) }), accepted)
  const verdict = judge(function () { later(() => this.success(ALICE)) })
  t.ok(verdict instanceof Promise)
  t.same(await verdict, accepted)
})

t.test('a strategy that runs: it gets view and options, and is not changed (R-MAP-6)', async t => {
  const request = view('Basic dTpw')
  const options = { realm: 'gw' }
  let got: unknown[] = []
  const strategy = foreign('probe', function (...all) {
    got = all
    Object.assign(this, { left: 'behind' })
    this.success(ALICE)
  })
  run(strategy, request, { ...settings, options })
  t.equal(got[0], request)
  t.same(got[1], options)
  t.not(got[1], options, 'it may write to it')
  t.same(Object.keys(strategy), ['name', 'authenticate'])
})

t.test('success with user and info: both are passed on as they are', async t => {
  const info = { scope: 'all' }
  t.strictSame(judge(function () { this.success('alice', info) }), { kind: 'accepted', user: 'alice', info })
})

t.test('success without a user, or with what names none: it is a refusal, or broken (S49)', async t => {
  for (const nobody of [false, null, undefined, '', 0]) {
    t.same(judge(function () { this.success(nobody) }), REFUSED, String(nobody))
  }
  for (const nobody of [true, 7, Symbol('x'), () => {}]) {
    t.match(judge(function () { this.success(nobody) }), brokenBy(Error), typeof nobody)
  }
})

t.test('fail with a challenge, a status, both or nothing: the refusal has what was given', async t => {
  t.same(judge(function () { this.fail() }), REFUSED)
  t.same(judge(function () { this.fail('Basic') }), { ...REFUSED, challenge: 'Basic' })
  t.same(judge(function () { this.fail(403) }), { ...REFUSED, status: 403 })
  t.same(judge(function () { this.fail('Basic', 403) }), { ...REFUSED, challenge: 'Basic', status: 403 })
  const note = { reason: 'nonce', userId: 'alice', guess: false }
  t.same(judge(function () { this.fail('Basic', undefined, note) }), { ...REFUSED, challenge: 'Basic', note })
})

t.test('pass or redirect: the first is a refusal, the second an error of the server (R-MAP-4)', async t => {
  t.same(judge(function () { this.pass() }), REFUSED)
  t.match(judge(function () { this.redirect('https://idp.test/') }), brokenBy(Error))
})

t.test('error, a throw or a rejection, now or later: the strategy is broken (R-407-15, S14)', async t => {
  const cause = new Error('away')
  const ways: Authenticate[] = [
    function () { this.error(cause) },
    function () { later(() => this.error(cause)) },
    function () { throw cause },
    async function () { throw cause },
    async function () { await new Promise(setImmediate); throw cause },
    function () { return { then: (_: unknown, reject: (cause: unknown) => void) => reject(cause) } }
  ]
  for (const way of ways) t.match(await judge(way), brokenBy(cause))
})

t.test('several actions in one attempt: the first counts, whatever follows (R-MAP-6)', async t => {
  const actions: Record<string, (actions: Actions) => void> = {
    success: (actions) => actions.success({ username: 'mallory' }),
    fail: (actions) => actions.fail('Basic', 403),
    error: (actions) => actions.error(new Error('late')),
    pass: (actions) => actions.pass(),
    redirect: (actions) => actions.redirect('/'),
    throw: () => { throw new Error('late') }
  }
  for (const [name, second] of Object.entries(actions)) {
    t.same(judge(function () { this.success(ALICE); second(this) }), accepted, `success, then ${name}`)
    t.same(judge(function () { this.fail(); second(this) }), REFUSED, `fail, then ${name}`)
    t.same(await judge(function () { later(() => { this.fail(); if (name !== 'throw') second(this) }) }), REFUSED, `later fail, then ${name}`)
    t.same(await judge(async function () { this.fail(); await null; second(this) }), REFUSED, `fail, then ${name} in a promise`)
  }
})

t.test('actions that are called without this: they work', async t => {
  t.same(await judge(function () { Promise.resolve(ALICE).then(this.success, this.error) }), accepted)
})

t.test('a strategy that stays silent: the deadline ends its attempt, and a later action counts for nothing (R-MAP-6, S14)', async t => {
  let attempt: Actions | undefined
  const verdict = judge(function () { attempt = this }, 1)
  t.match(await verdict, { kind: 'broken', strategy: 'probe', cause: { code: 'FST_PROXY_AUTH_STRATEGY_TIMEOUT', statusCode: 503 } })
  attempt?.success(ALICE)
  t.match(await verdict, { kind: 'broken' })
})

t.test('a verdict in a microtask, or later: no timer is set for the first, and that of the second ends with it', async t => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  let waiting = 0
  t.same(await judge(async function () {
    await null
    waiting = timers()
    this.success(ALICE)
  }), accepted)
  t.equal(waiting, before)
  t.same(await judge(function () {
    later(() => {
      waiting = timers()
      this.success(ALICE)
    })
  }), accepted)
  t.equal(waiting, before + 1)
  t.equal(timers(), before)
})

t.test('a client that leaves: the attempt ends (R-MAP-6)', async t => {
  const left = { kind: 'broken', strategy: 'probe', cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } }
  const controller = new AbortController()
  const silent = foreign('probe', () => {})
  const verdict = run(silent, view(), settings, controller)
  later(() => controller.abort())
  t.match(await verdict, left)
  t.match(await run(silent, view(), settings, controller), left, 'one that has left already')
})

t.test('a verdict with or without a wait: the signal is asked for only in a wait, and not held after it', async t => {
  let asked = 0
  let listeners = 0
  const departure = {
    get signal () {
      asked++
      const { signal } = new AbortController()
      const { addEventListener, removeEventListener } = signal
      signal.addEventListener = (...all: Parameters<typeof addEventListener>) => { listeners++; addEventListener.apply(signal, all) }
      signal.removeEventListener = (...all: Parameters<typeof removeEventListener>) => { listeners--; removeEventListener.apply(signal, all) }
      return signal
    }
  }
  run(foreign('probe', function () { this.success(ALICE) }), view(), settings, departure)
  await run(foreign('probe', async function () { await null; this.success(ALICE) }), view(), settings, departure)
  t.equal(asked, 0)
  let answer = (): void => {}
  const verdict = run(foreign('probe', function () { answer = () => this.success(ALICE) }), view(), settings, departure)
  await new Promise(setImmediate)
  t.same([asked, listeners], [1, 1])
  answer()
  t.same(await verdict, accepted)
  t.same([asked, listeners], [1, 0])
})

t.test('500 attempts at once through one instance: each gets its own user, also where Passport would mix them up (R-MAP-6)', async t => {
  const open: Array<() => void> = []
  const strategy = foreign('probe', function (request) {
    const user = { username: request.headers.authorization }
    open.push(() => this.success(user))
  })
  const names = Array.from({ length: 500 }, (_, n) => `user-${n}`)
  const verdicts = names.map(async (name) => await run(strategy, view(name), settings))
  while (open.length > 0) open.splice(Math.floor(open.length / 3), 1)[0]?.()
  t.same((await Promise.all(verdicts)).map((verdict) => (verdict as { user: { username: string } }).user.username), names)
})

t.test('a strategy that is frozen: it runs as any other', async t => {
  const frozen = Object.freeze(foreign('probe', function () { this.success(ALICE) }))
  t.same(run(frozen, view(), settings), accepted)
})
