import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { DeclaredStrategy } from '../../lib/passport/declaration.js'
import { askStrategy } from '../../lib/passport/ask-strategy.js'
import type { PresentedCredentials } from '../../lib/passport/ask-strategy.js'
import type { Verdict } from '../../lib/passport/run.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import type { VerifyUserPass } from '../../lib/strategies/basic.js'
import { basic, view } from '../fixtures/attempt.js'
import { foreign } from '../fixtures/foreign-strategies.js'

const ALICE = basic('alice', 'alice-secret')
const settings = { name: 'basic', timeout: 10_000 }

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
  for (let i = 0; i < 3; i++) t.match(ask(ALICE), { kind: 'accepted', user: { username: 'alice' } })
  t.match(ask(undefined), { kind: 'failed' })
  t.strictSame([asked, views()], [3, 4])
})

t.test('a strategy with a cache: it is asked once, and the request is not even looked at', async t => {
  let asked = 0
  const { ask, views } = create(async ({ password }) => { asked++; return password === 'alice-secret' ? { id: 7 } : null }, { cache: true })
  t.match(await Promise.all([ask(ALICE), ask(ALICE)]), [{ user: { id: 7 } }, { user: { id: 7 } }])
  t.match(ask(ALICE), { kind: 'accepted', user: { id: 7 } }, 'without a promise')
  t.strictSame([asked, views()], [1, 1])
  t.match(await ask(basic('alice', 'wrong')), { kind: 'failed' })
  t.match(ask(basic('alice', 'wrong')), { kind: 'failed' })
  t.equal(asked, 2)
  t.match(ask(undefined), { kind: 'failed' }, 'nothing is presented')
  t.equal(views(), 3)
})

t.test('a foreign strategy with a cache, whose user has no name in it: it is asked once as well', async t => {
  let asked = 0
  const strategy = foreign('old', function () { asked++; setImmediate().then(() => { this.success({ id: 7 }) }) })
  const declared = readDeclaration({ strategy, scheme: 'Basic', cache: true }, { realm: 'gw' }).resolve()
  const ask = () => askStrategy(declared, { credentials: ALICE }, () => view(ALICE), settings)
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
  const first = ask(ALICE)
  const second = ask(ALICE)
  t.match(await ask(ALICE), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_VERIFIER_BUSY', statusCode: 503, headers: { 'retry-after': '1' } } })
  end({ username: 'alice' })
  t.match(await first, { kind: 'accepted' })
  end({ username: 'bob' })
  t.match(await second, { user: { username: 'bob' } })
})

t.test('a client that leaves before its turn: it waits no longer, and the strategy is not asked', async t => {
  let end!: (user: object) => void
  let asked = 0
  const { ask } = create(async () => { asked++; return await new Promise<object>(resolve => { end = resolve }) })
  const first = ask(ALICE)
  const gone = new AbortController()
  const second = ask(ALICE, { signal: gone.signal })
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
  const left = ask(ALICE, { signal: gone.signal })
  const others = [ask(ALICE, { signal: stays.signal }), ask(ALICE)]
  t.match(await ask(ALICE, { signal: before.signal }), { cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
  gone.abort()
  t.match(await left, { cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
  await setImmediate()
  end({ username: 'alice' })
  t.match(await Promise.all(others), [{ kind: 'accepted' }, { kind: 'accepted' }])
  t.match(ask(ALICE), { kind: 'accepted' })
})

t.test('a strategy with a cache, whose user throws when it is looked at: it is broken, or not remembered, and nothing goes unhandled', async t => {
  class User { get id () { throw new Error('not loaded') } }
  const plain = { get id () { throw new Error('not loaded') } }
  for (const [user, verdict] of [[plain, { kind: 'broken', cause: { statusCode: 500 } }], [new User(), { kind: 'accepted' }]] as const) {
    for (const signal of [undefined, new AbortController().signal]) {
      let asked = 0
      const strategy = foreign('orm', function () { asked++; setImmediate().then(() => { this.success(user) }) })
      const declared = readDeclaration({ strategy, scheme: 'Bearer', cache: true }, { realm: 'gw' }).resolve()
      const ask = async () => await askStrategy(declared, { credentials: 'Bearer x', ...(signal && { signal }) }, () => view('Bearer x'), settings)
      t.match(await Promise.all([ask(), ask()]), [verdict, verdict])
      t.match(await ask(), verdict)
      t.equal(asked, 2, 'once for two at a time, and once more')
    }
  }
})
