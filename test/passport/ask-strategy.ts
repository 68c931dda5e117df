import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { askStrategy, run, userIdOf } from '../../lib/passport/ask-strategy.js'
import type { PresentedCredentials } from '../../lib/passport/ask-strategy.js'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { DeclaredStrategy } from '../../lib/passport/declaration.js'
import type { Verdict } from '../../lib/passport/outcome.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import type { VerifyUserPass } from '../../lib/strategies/basic.js'
import { basic, view } from '../fixtures/attempt.js'
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
const CREDENTIALS = basic('alice', 'alice-secret')

/** A strategy, and a way to present credentials to it. */
function create (verify: VerifyUserPass, options: Partial<DeclaredStrategy> = {}, verifiers = { concurrency: 1, queue: 1 }) {
  const declared = readDeclaration({ strategy: new BasicStrategy({ verify }), ...options }, { realm: 'gw', verifiers }).resolve()
  let views = 0
  const ask = (credentials: string | undefined, presented: Partial<PresentedCredentials> = {}): Verdict | Promise<Verdict> =>
    askStrategy(declared, { credentials, ...presented }, () => { views++; return view(credentials) }, settings)
  return { declared, ask, views: () => views }
}

t.test('a strategy without a cache: it is asked each time, and gives its verdict at once where it can', async t => {
  let asked = 0
  const { ask, views } = create(() => { asked++; return { username: 'alice' } })
  for (let i = 0; i < 3; i++) t.match(ask(CREDENTIALS), { kind: 'accepted', user: { username: 'alice' } })
  t.match(ask(undefined), { kind: 'failed' })
  t.strictSame([asked, views()], [3, 4])
})

t.test('a strategy with a cache: it is asked once, and the request is not even looked at', async t => {
  let asked = 0
  const { ask, views } = create(async ({ password }) => { asked++; return password === 'alice-secret' ? { id: 7 } : null }, { cache: true })
  t.match(await Promise.all([ask(CREDENTIALS), ask(CREDENTIALS)]), [{ user: { id: 7 } }, { user: { id: 7 } }])
  t.match(ask(CREDENTIALS), { kind: 'accepted', user: { id: 7 } }, 'without a promise')
  t.strictSame([asked, views()], [1, 1])
  t.match(await ask(basic('alice', 'wrong')), { kind: 'failed' })
  t.match(ask(basic('alice', 'wrong')), { kind: 'failed' })
  t.equal(asked, 2)
  t.match(ask(undefined), { kind: 'failed' }, 'nothing is presented')
  t.equal(views(), 3)
})

t.test('a foreign strategy with a cache, whose user has no name in it: it is asked once as well', async t => {
  let asked = 0
  const strategy = foreign('old', function () { asked++; nextTurn().then(() => { this.success({ id: 7 }) }) })
  const declared = readDeclaration({ strategy, scheme: 'Basic', cache: true }, { realm: 'gw' }).resolve()
  const ask = () => askStrategy(declared, { credentials: CREDENTIALS }, () => view(CREDENTIALS), settings)
  await ask()
  t.match(ask(), { user: { id: 7 } })
  t.equal(asked, 1)
  const known: unknown[] = []
  declared.cache!.forget(each => { known.push(each); return false })
  t.match(known, [{ userId: 'alice' }])
})

t.test('too many verifications under way: the outcome is 503, never a refusal', async t => {
  let end!: (user: object) => void
  const { ask } = create(async () => await new Promise<object>(resolve => { end = resolve }))
  const first = ask(CREDENTIALS)
  const second = ask(CREDENTIALS)
  t.match(await ask(CREDENTIALS), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_VERIFIER_BUSY', statusCode: 503, headers: { 'retry-after': '1' } } })
  end({ username: 'alice' })
  t.match(await first, { kind: 'accepted' })
  end({ username: 'bob' })
  t.match(await second, { user: { username: 'bob' } })
})

t.test('a client that leaves before its turn: it waits no longer, and the strategy is not asked', async t => {
  let end!: (user: object) => void
  let asked = 0
  const { ask } = create(async () => { asked++; return await new Promise<object>(resolve => { end = resolve }) })
  const first = ask(CREDENTIALS)
  const gone = new AbortController()
  const second = ask(CREDENTIALS, { signal: gone.signal })
  gone.abort()
  t.match(await second, { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
  end({ username: 'alice' })
  await first
  t.equal(asked, 1)
})

t.test('a client that leaves a verification others wait for too: it waits no longer, and the others get the verdict', async t => {
  let end!: (user: object) => void
  const { ask } = create(async () => await new Promise<object>(resolve => { end = resolve }), { cache: true })
  const [gone, before, stays] = [new AbortController(), new AbortController(), new AbortController()]
  before.abort()
  const left = ask(CREDENTIALS, { signal: gone.signal })
  const others = [ask(CREDENTIALS, { signal: stays.signal }), ask(CREDENTIALS)]
  t.match(await ask(CREDENTIALS, { signal: before.signal }), { cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
  gone.abort()
  t.match(await left, { cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
  await nextTurn()
  end({ username: 'alice' })
  t.match(await Promise.all(others), [{ kind: 'accepted' }, { kind: 'accepted' }])
  t.match(ask(CREDENTIALS), { kind: 'accepted' })
})

t.test('a strategy with a cache, whose user throws when it is looked at: it is broken, or not remembered, and nothing goes unhandled', async t => {
  class User { get id () { throw new Error('not loaded') } }
  const plain = { get id () { throw new Error('not loaded') } }
  for (const [user, verdict] of [[plain, { kind: 'broken', cause: { statusCode: 500 } }], [new User(), { kind: 'accepted' }]] as const) {
    for (const signal of [undefined, new AbortController().signal]) {
      let asked = 0
      const strategy = foreign('orm', function () { asked++; nextTurn().then(() => { this.success(user) }) })
      const declared = readDeclaration({ strategy, scheme: 'Bearer', cache: true }, { realm: 'gw' }).resolve()
      const ask = async () => await askStrategy(declared, { credentials: 'Bearer x', ...(signal && { signal }) }, () => view('Bearer x'), settings)
      t.match(await Promise.all([ask(), ask()]), [verdict, verdict])
      t.match(await ask(), verdict)
      t.equal(asked, 2, 'once for two at a time, and once more')
    }
  }
})

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

t.test('a user id from the strategy, or only in the credentials: it is found, that of the strategy first', async t => {
  t.equal(userIdOf({ userId: 'alice' }, 'Basic', basic('bob', 'x')), 'alice')
  t.equal(userIdOf({ userId: 7 }, 'Basic', basic('bob', 'x')), 'bob')
  t.equal(userIdOf('text', 'Digest', 'Digest username="bob", realm="gw"'), 'bob')
  t.equal(userIdOf({}, 'Bearer', 'Bearer x'), null)
})
