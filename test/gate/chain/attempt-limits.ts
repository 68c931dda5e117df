import { createSecretKey } from 'node:crypto'
import t from 'tap'
import { withAttemptLimits } from '../../../lib/gate/chain/attempt-limits.js'
import { createChain } from '../../../lib/passport/create-chain.js'
import type { Chain } from '../../../lib/passport/chain.js'
import { readDeclaration } from '../../../lib/passport/declaration.js'
import type { StrategyDeclaration } from '../../../lib/passport/declaration.js'
import type { Outcome } from '../../../lib/passport/outcome.js'
import { GuessLimiter } from '../../../lib/policy/attempts/attempts.js'
import { createCounter } from '../../../lib/policy/attempts/counter.js'
import { loadRateLimiters } from '../../../lib/policy/rate-limiters.js'
import { BasicStrategy } from '../../../lib/strategies/basic.js'
import { DigestStrategy } from '../../../lib/strategies/digest/strategy.js'
import { lookupStatic, verifyStatic } from '../../../lib/users/static.js'
import { attemptInput, basic } from '../../fixtures/attempt.js'
import { DigestClient } from '../../fixtures/digest.js'
import { foreign } from '../../fixtures/foreign-strategies.js'

const limiters = await loadRateLimiters('a test')
const ours = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
const later = new BasicStrategy({ verify: async ({ username, password }) => password === 'alice-secret' ? { username } : null })
const key: StrategyDeclaration = {
  strategy: foreign('key', function ({ headers }) { headers['x-key'] === 'right' ? this.success({ username: 'key' }) : this.fail() }),
  scheme: null,
  reads: ['x-key']
}

function chainOf (strategies: StrategyDeclaration[], most = { perAddress: 2, perUser: 2 }, timeout = 10_000): Chain {
  const counter = (name: string) => createCounter({ limiters, name, timeWindow: 60_000 })
  const attempts = new GuessLimiter({ ...most, key: createSecretKey(Buffer.alloc(32)) }, {
    address: counter('address'), user: counter('user'), guess: counter('guess')
  })
  const declared = strategies.map(each => readDeclaration(each, { realm: 'gw' }).resolve())
  return withAttemptLimits(createChain(declared, { timeout }), attempts, declared)
}
const ask = async (chain: Chain, credentials?: string, headers: Record<string, string> = {}): Promise<Outcome> =>
  await chain.authenticate(attemptInput(credentials, headers))
const statusOf = async (...question: Parameters<typeof ask>): Promise<number> => {
  const outcome = await ask(...question)
  return outcome.kind === 'refused' ? outcome.status : outcome.kind === 'granted' ? 200 : 500
}

for (const [when, strategy] of [['at once', ours], ['later', later]] as const) {
  t.test(`too many wrong secrets are 429, with the time to wait; a strategy that answers ${when} (R-SEC-2)`, async t => {
    const chain = chainOf([strategy])
    t.equal(await statusOf(chain, basic('alice', 'alice-secret')), 200)
    for (const secret of ['1', '1', '1', '2']) t.equal(await statusOf(chain, basic('alice', secret)), 407)
    t.match(await ask(chain, basic('alice', '3')), {
      kind: 'refused',
      status: 429,
      reason: 'limited',
      challenges: [],
      cause: { code: 'FST_PROXY_AUTH_TOO_MANY_ATTEMPTS', headers: { 'retry-after': '60' } }
    })
    t.equal(await statusOf(chain, basic('alice', 'alice-secret')), 200, 'a right one that is known')
    t.equal(await statusOf(chain), 407, 'who presents nothing is asked')
  })
}

t.test('right credentials that are known already: the verdict costs no promise', async t => {
  const chain = chainOf([ours])
  await ask(chain, basic('alice', 'alice-secret'))
  t.notOk('then' in chain.authenticate(attemptInput(basic('alice', 'alice-secret'))))
  t.match(await ask(chain, basic('alice', 'alice-secret').replace('Basic', 'bASIC ')), { kind: 'granted' })
})

t.test('an attempt without a wrong secret: it does not count', async t => {
  const answers = foreign('answers', function ({ headers }) {
    const said = headers.authorization!.split(' ')[1]!
    if (said === 'broken') this.error(new Error('down'))
    else if (said === 'leg') this.fail('Negotiate oYH2')
    else this.fail(Number(said))
  })
  const chain = chainOf([{ strategy: answers, scheme: 'Negotiate' }, ours], { perAddress: 1, perUser: 1 })
  for (const credentials of ['Negotiate broken', 'Negotiate leg', 'Negotiate 403', 'Negotiate 503', 'Basic', 'Basic !', 'Other x', ',', undefined]) {
    t.not(await statusOf(chain, credentials), 200)
    t.not(await statusOf(chain, credentials && `${credentials} `), 429, credentials ?? 'none')
  }
  t.equal(await statusOf(chain, basic('alice', 'alice-secret')), 200)
})

t.test('Digest: a right response with an old nonce counts for nothing, a wrong one for a twentieth', async t => {
  let now = Date.UTC(2026, 10, 22)
  const strategy = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), clock: () => now })
  const chain = chainOf([strategy], { perAddress: 1, perUser: 1 })
  const signed = async (password: string) => await new DigestClient(strategy, { password, uri: '/path?q=1' }, 'gw').credentials()
  for (let i = 0; i < 25; i++) {
    const credentials = await signed('alice-secret')
    now += 600_000
    t.match(await ask(chain, credentials), { status: 407, note: { reason: 'nonce' } })
  }
  for (let i = 0; i < 20; i++) t.match(await ask(chain, await signed('wrong')), { status: 407, note: { reason: 'response' } })
  t.match(await ask(chain, await signed('alice-secret')), { status: 429 })
})

t.test('wrong secrets in fields that only a strategy knows: they count as well', async t => {
  for (const credentials of [undefined, 'Other x']) {
    const chain = chainOf([ours, key])
    for (const value of ['1', '1', '2']) t.equal(await statusOf(chain, credentials, { 'x-key': value }), 407)
    t.equal(await statusOf(chain, credentials, { 'x-key': 'right' }), 429)
  }
})

t.test('credentials that are no guess beside a wrong secret in another field: they do not hide it', async t => {
  let now = Date.UTC(2026, 10, 22)
  const stale = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), clock: () => now })
  const old = await new DigestClient(stale, { uri: '/path?q=1' }, 'gw').credentials()
  now += 600_000
  const ntlm: StrategyDeclaration = { strategy: foreign('ntlm', function () { this.fail() }), scheme: 'NTLM' }
  for (const [strategy, credentials, httpVersion] of [[stale, old, '1.1'], [ntlm, 'NTLM TlRMTVNTUAAB', '1.0']] as const) {
    const chain = chainOf([strategy, ours, key])
    const statuses = []
    for (const value of ['1', '2', 'right']) {
      const input = attemptInput(credentials, { 'x-key': value })
      const outcome = await chain.authenticate({ ...input, raw: { ...input.raw, httpVersion } })
      statuses.push((outcome as { status?: number }).status)
    }
    t.strictSame(statuses, [407, 407, 429], credentials.slice(0, 6))
  }
})

t.test('wrong secrets of a client that another strategy accepts: they count, and more of them get 429 (R-SEC-2)', async t => {
  const certificate: StrategyDeclaration = { strategy: foreign('certificate', function () { this.success({ username: 'cert' }) }), scheme: null }
  const chain = chainOf([ours, certificate])
  for (const secret of ['1', '1', '2']) t.match(await ask(chain, basic('alice', secret)), { user: { username: 'cert' } })
  t.equal(await statusOf(chain, basic('alice', '1')), 429)
  t.equal(await statusOf(chain, basic('alice', 'alice-secret')), 429, 'nothing of that is known to be right')
  for (let i = 0; i < 5; i++) t.equal(await statusOf(chain, `Other ${i}`), 200, 'a scheme that nobody looks at')
  t.equal(await statusOf(chain), 200)
  const keys = chainOf([key, certificate])
  for (const value of ['1', '2']) t.match(await ask(keys, undefined, { 'x-key': value }), { user: { username: 'cert' } })
  t.equal(await statusOf(keys, undefined, { 'x-key': '3' }), 429)
  t.match(await ask(chainOf([key, certificate]), undefined, { 'x-key': 'right' }), { user: { username: 'key' } })
})

t.test('a client without an address: it is counted by user alone', async t => {
  const chain = chainOf([ours], { perAddress: 1, perUser: 2 })
  const of = async (name: string, secret: string) => await chain.authenticate({ ...attemptInput(basic(name, secret)), ip: undefined as never })
  t.match(await of('alice', '1'), { status: 407 })
  t.match(await of('bob', '1'), { status: 407 })
  t.match(await of('alice', '2'), { status: 407 })
  t.match(await of('alice', '3'), { status: 429 })
})

t.test('a verdict that does not come in time: counts as a wrong secret, once it is over (F-66)', async t => {
  const silent = new BasicStrategy({ verify: async () => await new Promise<never>(() => {}) })
  const chain = chainOf([silent], { perAddress: 10, perUser: 3 }, 1)
  // One that were not left would count beside what it has been counted as.
  for (const secret of ['1', '2', '3']) t.match(await ask(chain, basic('alice', secret)), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_STRATEGY_TIMEOUT' } })
  t.match(await ask(chain, basic('alice', '4')), { status: 429, cause: { headers: { 'retry-after': '60' } } })
})

t.test('a user under a limit whom Digest calls by a hash: waits, whether the secret is right or wrong (F-67)', async t => {
  for (const password of ['alice-secret', 'wrong']) {
    const strategy = new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))
    const chain = chainOf([strategy], { perAddress: 10, perUser: 1 })
    const client = new DigestClient(strategy, { uri: '/path?q=1' }, 'gw')
    const hashed = await client.credentials({ password })
    t.match(hashed, 'userhash=true')
    client.challenges = client.challenges.map(({ scheme, params }) => ({ scheme, params: { ...params, userhash: 'false' } }))
    for (let i = 0; i < 20; i++) t.match(await ask(chain, await client.credentials({ password: 'wrong' })), { status: 407 })
    t.match(await ask(chain, hashed), { status: 429, cause: { headers: { 'retry-after': '60' } } }, password)
  }
})
