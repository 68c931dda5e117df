import { Authenticator } from '@fastify/passport'
import t from 'tap'
import { MalformedCredentials } from '../../lib/errors.js'
import { createChain } from '../../lib/passport/create-chain.js'
import type { AttemptInput } from '../../lib/passport/attempt-input.js'
import { ChainAttempt } from '../../lib/passport/chain.js'
import type { Chain } from '../../lib/passport/chain.js'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { Declared, StrategyDeclaration } from '../../lib/passport/declaration.js'
import { broken } from '../../lib/passport/outcome.js'
import type { Outcome, RefusalReason } from '../../lib/passport/outcome.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import type { AttemptOptions, AttemptRequest } from '../../lib/strategies/strategy.js'
import { verifyStatic } from '../../lib/users/static.js'
import { attemptInput, basic } from '../fixtures/attempt.js'
import { foreign, oldBearer } from '../fixtures/foreign-strategies.js'
import type { Authenticate } from '../fixtures/foreign-strategies.js'
import { createPassport } from '../fixtures/passport.js'

const chainOf = (...declarations: StrategyDeclaration[]): Chain =>
  createChain(declarations.map((declaration) => readDeclaration(declaration, { realm: 'gw' }).resolve()), { timeout: 10_000 })
const ask = async (chain: Chain, credentials?: string): Promise<Outcome> => await chain.authenticate(attemptInput(credentials))

const ours = new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })
const tokens = new BearerStrategy({ verify: (token) => token === 'alice-token' ? { username: 'alice' } : null })
const certificate = (authenticate: Authenticate): StrategyDeclaration => ({ strategy: foreign('certificate', authenticate), scheme: null })
const never = (name: string): Authenticate => () => { throw new Error(`${name} must not run`) }

const ALICE = basic('alice', 'alice-secret')
const BASIC = 'Basic realm="gw", charset="UTF-8"'
const BEARER = 'Bearer realm="gw"'
const refused = (reason: string, challenges: string[], scheme: string | null = null) =>
  ({ kind: 'refused', status: 407, reason, challenges, scheme, cause: null, note: null })

t.test('right credentials: they are accepted, without a promise where the strategy needs none (R-CRED-6)', async t => {
  t.same(chainOf(ours).authenticate(attemptInput(ALICE)), {
    kind: 'granted', user: { username: 'alice' }, info: { userId: 'alice' }, scheme: 'Basic', realm: 'gw', strategy: 'basic', userId: 'alice'
  })
  const later = chainOf(new BasicStrategy({ verify: async () => ({ id: 7 }) })).authenticate(attemptInput(ALICE))
  t.ok(later instanceof Promise)
  t.match(await later, { kind: 'granted', user: { id: 7 }, userId: 'alice' })
})

t.test('wrong credentials, or none: they get the challenges of all, in their order (R-407-1, R-407-2, R-MAP-5, SM-1, SM-3)', async t => {
  for (const chain of [chainOf(ours, tokens)]) {
    t.same(await ask(chain), refused('missing', [BASIC, BEARER]))
    t.same(await ask(chain, basic('alice', 'wrong')), refused('rejected', [BASIC, BEARER], 'Basic'))
    t.same(await ask(chain, basic('nobody', 'alice-secret')), refused('rejected', [BASIC, BEARER], 'Basic'))
    t.same(await ask(chain, 'Bearer wrong'), refused('rejected', [BASIC, 'Bearer realm="gw", error="invalid_token"'], 'Bearer'))
  }
  t.same(await ask(chainOf(tokens, ours)), refused('missing', [BEARER, BASIC]))
})

t.test('a scheme that is not offered: it is like no credentials, and the rest is not read (R-CRED-2, SM-2, CR-26, CR-28)', async t => {
  const chain = chainOf(ours, tokens)
  for (const credentials of ['Digest username="', 'Unknown \0', 'dTpw', 'Basics dTpw']) {
    t.same(await ask(chain, credentials), refused('not offered', [BASIC, BEARER]))
  }
})

t.test('the scheme alone: it is like no credentials (CR-5)', async t => {
  for (const credentials of ['Basic', 'Basic ', ' basic']) {
    t.same(await ask(chainOf(ours), credentials), refused('missing', [BASIC], 'Basic'))
  }
  t.same(await ask(chainOf({ strategy: oldBearer, scheme: 'Bearer' }), 'Bearer'), refused('missing', ['Bearer realm="gw"'], 'Bearer'))
})

t.test('an empty field, or one without a scheme: it is malformed (R-CRED-5, CR-25)', async t => {
  for (const credentials of ['', ' ', '"Basic" dTpw', ', Basic dTpw', '\0']) {
    t.match(await ask(chainOf(ours, certificate(never('certificate'))), credentials), {
      kind: 'refused', status: 400, reason: 'malformed', challenges: [], scheme: null, cause: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }, note: null
    })
  }
})

t.test('malformed credentials of an offered scheme: they are 400 and reach no verifier (R-CRED-1, R-CRED-5, R-CRED-7, SM-7)', async t => {
  const strict: StrategyDeclaration = { strategy: foreign('strict', never('strict')), scheme: 'Hawk' }
  const chain = chainOf(ours, strict, certificate(never('certificate')))
  for (const credentials of ['Basic dTpw, Basic dTpx', 'Basic\tdTpw', 'Basic !', 'Basic bm9jb2xvbg==', 'Hawk a="', 'Hawk a="1", a="2"']) {
    const outcome = await ask(chain, credentials)
    t.match(outcome, { kind: 'refused', status: 400, reason: 'malformed', cause: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' } }, credentials)
    t.same((outcome as { challenges: unknown }).challenges, [])
  }
})

t.test('an opaque strategy: it gets the text as it came', async t => {
  const declaration: StrategyDeclaration = {
    strategy: foreign('opaque', function ({ headers }) { this.success({ text: headers.authorization }) }), scheme: 'X-Odd', grammar: 'opaque'
  }
  t.match(await ask(chainOf(declaration), 'x-odd a;b="'), { kind: 'granted', user: { text: 'x-odd a;b="' } })
})

t.test('credentials of one scheme: they never reach the verifier of another (R-CRED-3)', async t => {
  const seen: unknown[] = []
  const spy = (name: string): Authenticate => function ({ headers }) {
    seen.push([name, headers.authorization])
    this.fail()
  }
  const chain = chainOf(
    { strategy: foreign('a', spy('a')), scheme: 'A' }, { strategy: foreign('none', spy('none')), scheme: null },
    { strategy: foreign('b', spy('b')), scheme: 'B' }
  )
  await ask(chain, 'B x')
  await ask(chain, 'C x')
  await ask(chain)
  t.same(seen, [['b', 'B x'], ['none', undefined], ['none', undefined], ['none', undefined]])
})

t.test('several strategies of one scheme: they try in their order until one accepts, and share one challenge (R-MAP-5)', async t => {
  const issuer = (name: string): StrategyDeclaration => ({
    strategy: foreign(name, async function ({ headers }) {
      if (headers.authorization === `Bearer ${name}`) this.success({ name })
      else this.fail(`Bearer realm="gw", error="invalid_token", error_description="not of ${name}"`)
    }),
    scheme: 'bearer'
  })
  const chain = chainOf(issuer('one'), ours, issuer('two'))
  t.match(await ask(chain, 'Bearer one'), { kind: 'granted', strategy: 'one' })
  t.match(await ask(chain, 'Bearer two'), { kind: 'granted', strategy: 'two', scheme: 'Bearer' })
  t.same(await ask(chain, 'Bearer three'), refused('rejected', [
    'Bearer realm="gw", error="invalid_token", error_description="not of one"', BASIC
  ], 'Bearer'))
  t.same(await ask(chain), refused('missing', [BEARER, BASIC]))
})

t.test('a strategy without a scheme: it runs after the presented one, and without the field', async t => {
  const order: string[] = []
  const spy: StrategyDeclaration = { strategy: foreign('spy', function () { order.push('spy'); this.fail() }), scheme: 'Spy' }
  const chain = chainOf(certificate(function () { order.push('certificate'); this.success({ subject: 'alice' }) }), spy)
  t.match(await ask(chain, 'Spy x'), { kind: 'granted', scheme: null, strategy: 'certificate', userId: null })
  t.match(await ask(chain), { kind: 'granted', user: { subject: 'alice' } })
  t.match(await ask(chain, 'Other x'), { kind: 'granted' })
  t.same(order, ['spy', 'certificate', 'certificate', 'certificate'])
  t.equal(chain.admitsWithoutCredentials, true)
  t.equal(chainOf(ours).admitsWithoutCredentials, false)
})

t.test('no challenge that could be sent: the refusal is 403, never a bare 407 (R-407-1)', async t => {
  for (const chain of [chainOf(certificate(function () { this.fail() })), chainOf({ strategy: oldBearer, scheme: 'Bearer', challenge: null }), chainOf()]) {
    for (const credentials of [undefined, 'Bearer wrong', 'Other x']) {
      t.match(await ask(chain, credentials), { kind: 'refused', status: 403, challenges: [] })
    }
  }
})

t.test('a refusal with 403 or 429: it stays, with the challenge of that strategy alone (R-407-4, R-407-16, SM-10, SM-11, SM-14)', async t => {
  const scoped = new BearerStrategy({ verify: async () => ({ error: 'insufficient_scope', scope: 'egress' }) })
  const chain = chainOf(ours, scoped, certificate(never('certificate')))
  t.same(await ask(chain, 'Bearer x'), {
    kind: 'refused', status: 403, reason: 'forbidden', challenges: ['Bearer realm="gw", scope="egress", error="insufficient_scope"'], scheme: 'Bearer', cause: null, note: null
  })
  t.match(await ask(chainOf(ours, certificate(function () { this.fail(429) }))), { status: 429, challenges: [] })
})

t.test('the challenge of a failed strategy: it is taken if it is one, else made from the declaration (R-MAP-2)', async t => {
  const jwt = (authenticate: Authenticate): Chain => chainOf(ours, { strategy: foreign('jwt', authenticate), scheme: 'Bearer' })
  const said = async (challenge: unknown, status?: number): Promise<unknown> =>
    (await ask(jwt(function () { this.fail(challenge, status) }), 'Bearer x') as { challenges: unknown }).challenges
  t.same(await said('Bearer realm="Users", error="x"', 401), [BASIC, 'Bearer realm="gw", error="x"'])
  const invalid = [BASIC, 'Bearer realm="gw", error="invalid_token"']
  for (const other of ['token is not found', new Error('expired'), 'Bearer realm="a"b"', 'Bearer x="\r\nSet-Cookie: y"', undefined]) {
    t.same(await said(other), invalid, String(other))
  }
  t.same(await said(400), invalid, 'and a foreign 400 is no 400')
})

t.test('a broken strategy: it is no refusal, and nothing runs after it (R-407-15, R-MAP-6, S14)', async t => {
  const ways: Record<string, Authenticate> = {
    throws: function () { throw new Error('x') },
    rejects: async function () { throw new Error('x') },
    errs: function () { this.error(new Error('x')) },
    redirects: function () { this.redirect('/login') },
    500: function () { this.fail('x', 500) },
    succeeds: function () { this.success(true) }
  }
  for (const [name, authenticate] of Object.entries(ways)) {
    const chain = chainOf({ strategy: foreign('first', authenticate), scheme: 'X' }, { strategy: foreign('second', never(name)), scheme: 'X' })
    t.match(await ask(chain, 'X y'), { kind: 'broken', strategy: 'first', cause: { statusCode: 500 } }, name)
  }
  const silent = createChain([readDeclaration(certificate(() => {}), { realm: 'gw' }).resolve()], { timeout: 1 })
  t.match(await ask(silent), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_STRATEGY_TIMEOUT' } })
})

t.test('a pass, or a success without a user: the request is refused (S49)', async t => {
  const ways: Authenticate[] = [function () { this.pass() }, function () { this.success(false) }, async function () { this.success(null) }]
  for (const authenticate of ways) {
    t.match(await ask(chainOf(ours, certificate(authenticate))), { kind: 'refused', status: 407, challenges: [BASIC] })
  }
})

t.test('a client that leaves: the attempt ends (R-MAP-6)', async t => {
  const controller = new AbortController()
  const input: AttemptInput = { ...attemptInput(), signal: controller.signal }
  const outcome = chainOf(certificate(() => { setImmediate(() => controller.abort()) })).authenticate(input)
  t.match(await outcome, { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_CLIENT_LEFT' } })
})

t.test('a challenge that must be made anew: it is, and a strategy that cannot make it is broken (R-407-13, R-407-15)', async t => {
  let nonce = 0
  const digest = (later: boolean): StrategyDeclaration => ({
    strategy: foreign('digest', never('digest')),
    scheme: 'Digest',
    challenge: ({ realm, request }) => {
      if (request?.method === 'POST') throw new Error('away')
      if (request !== undefined) nonce++
      const challenge = { scheme: 'Digest', params: { realm, nonce: `n${nonce}` } }
      return later ? Promise.resolve(challenge) : challenge
    }
  })
  t.same(await ask(chainOf(digest(false), ours)), refused('missing', ['Digest realm="gw", nonce="n1"', BASIC]))
  t.same(await ask(chainOf(digest(true), ours), basic('alice', 'x')), refused('rejected', ['Digest realm="gw", nonce="n2"', BASIC], 'Basic'))
  const input = attemptInput()
  t.match(await chainOf(digest(false)).authenticate({ ...input, raw: { ...input.raw, method: 'POST' } }), { kind: 'broken', strategy: 'digest' })
})

t.test('credentials in other fields: they count only where they are declared, for that strategy alone (R-CRED-4)', async t => {
  const keyed: Authenticate = function (request) {
    const key = request.get('X-Proxy-Key')
    if (key === 'alice-key') this.success({ username: 'alice' })
    else this.fail()
  }
  const input = { ...attemptInput(undefined, { 'x-proxy-key': 'alice-key' }) }
  const undeclared = chainOf(ours, certificate(keyed), { strategy: oldBearer, scheme: 'Bearer', reads: ['X-Proxy-Key', 'x-other'] })
  t.match(await undeclared.authenticate(input), { kind: 'refused' })
  t.same(undeclared.reads, ['x-proxy-key', 'x-other'])
  const declared = chainOf(ours, { strategy: foreign('key', keyed), scheme: null, reads: ['X-Proxy-Key'] })
  t.match(await declared.authenticate(input), { kind: 'granted', user: { username: 'alice' } })
})

t.test('a token of the target in its URL or content: it is no proxy credential (R-CRED-4, R-BEARER-6)', async t => {
  const chain = chainOf({ strategy: oldBearer, scheme: 'Bearer' })
  const input: AttemptInput = { ...attemptInput('Bearer wrong'), url: 'http://origin.test/?access_token=alice-token' }
  Object.assign(input.raw, { query: { access_token: 'alice-token' }, body: { access_token: 'alice-token' } })
  t.match(await chain.authenticate(input), { kind: 'refused', status: 407 })
  t.match(await ask(chain, 'Bearer alice-token'), { kind: 'granted', info: { scope: 'all' } })
})

t.test('strategies named in passport or in @fastify/passport: they run unchanged (R-MAP-1)', async t => {
  for (const passport of [createPassport(), new Authenticator()]) {
    passport.use(oldBearer as never)
    passport.use('basic', ours as never)
    const declare = (declaration: StrategyDeclaration) => readDeclaration(declaration, { realm: 'gw', passport }).resolve()
    const chain = createChain([declare('basic'), declare({ strategy: 'old-bearer', scheme: 'Bearer' })], { timeout: 10_000 })
    t.match(await ask(chain, ALICE), { kind: 'granted', strategy: 'basic' })
    t.match(await ask(chain, 'Bearer alice-token'), { kind: 'granted', strategy: 'old-bearer' })
    t.same(await ask(chain), refused('missing', [BASIC, BEARER]))
  }
})

t.test('one strategy instance in two registrations: their realms stay apart', async t => {
  const chains = ['one', 'two'].map((realm) => createChain([readDeclaration(ours, { realm }).resolve()], { timeout: 10_000 }))
  for (const credentials of [undefined, basic('alice', 'wrong')]) {
    const outcomes = await Promise.all(chains.map(async (chain) => await ask(chain, credentials)))
    t.match(outcomes, ['one', 'two'].map((realm) => ({ challenges: [`Basic realm="${realm}", charset="UTF-8"`] })))
  }
  t.match(await ask(chains[1]!, ALICE), { kind: 'granted', realm: 'two' })
})

t.test('strategies for the presented scheme that cover the content: the hashes they want are listed, and they get them (R-DIG-45)', async t => {
  const seen: unknown[] = []
  class Covering extends BasicStrategy {
    override readonly coversContent = true
    constructor (private readonly hash: string | null) { super({ verify: () => null }) }
    override contentHashFor (request: AttemptRequest, options?: AttemptOptions): string | null {
      seen.push([request.headers.authorization, options?.realm])
      return this.hash
    }

    override authenticate (request: AttemptRequest): void {
      seen.push(request.contentHash)
      this.fail()
    }
  }
  const hashesOf = (credentials: string | undefined, ...hashes: Array<string | null>): readonly string[] =>
    chainOf(tokens, ...hashes.map((hash) => new Covering(hash)), certificate(never('another'))).contentHashes(attemptInput(credentials))
  t.same(hashesOf(ALICE, 'md5', 'sha256', null, 'md5'), ['md5', 'sha256'])
  t.same(seen, Array.from({ length: 4 }, () => [ALICE, 'gw']))
  seen.length = 0
  for (const credentials of ['Bearer x', 'Unknown x', '', undefined]) t.same(hashesOf(credentials, 'md5'), [])
  t.same(seen, [])

  const chain = chainOf(new Covering('md5'), ours)
  t.equal(chain.coversContent, true)
  t.equal(chainOf(ours, tokens).coversContent, false)
  t.equal(chainOf({ strategy: Object.assign(foreign('foreign', never('foreign')), { coversContent: true }), scheme: 'Basic' }).coversContent, false)
  const input = { ...attemptInput(ALICE), contentHash: { md5: 'ab' } }
  t.match(await chain.authenticate(input), { kind: 'granted' })
  t.match(await chain.authenticate(attemptInput(ALICE)), { kind: 'granted' })
  t.same(seen, [{ md5: 'ab' }, undefined])
})

t.test('a strategy of this package whose credentials cover fields: it gets the lines of those fields, and of no others (R-AWS-3, R-CRED-4)', async t => {
  const seen: unknown[] = []
  class Signed extends BasicStrategy {
    override coveredFields ({ headers }: AttemptRequest, options?: AttemptOptions): readonly string[] {
      return headers.authorization === ALICE && options?.realm === 'gw' ? ['x-signed', 'cookie', 'absent'] : []
    }

    override authenticate (request: AttemptRequest): void {
      seen.push([request.fieldLines, request.headers])
      this.fail()
    }
  }
  const rawHeaders = ['X-Signed', '1', 'Cookie', 'sid=1', 'Authorization', 'Bearer x', 'x-signed', '2']
  const input = (credentials: string) => {
    const { raw, ...rest } = attemptInput(credentials)
    return { ...rest, raw: { ...raw, rawHeaders } }
  }
  const chain = chainOf(new Signed({ verify: () => null }))
  await chain.authenticate(input(ALICE))
  await chain.authenticate(input(basic('bob', 'x')))
  t.match(seen, [
    [{ 'x-signed': ['1', '2'], cookie: ['sid=1'] }, { authorization: ALICE, cookie: undefined, 'x-signed': undefined }],
    [undefined, { authorization: basic('bob', 'x') }]
  ])
  t.same(Object.keys((seen as object[][])[0]![0]!).sort(), ['cookie', 'x-signed'])
})

t.test('content that is yet to be read: the strategies that cover it are told so, and no others (R-DIG-45)', async t => {
  const seen: unknown[] = []
  class Probe extends BasicStrategy {
    constructor (override readonly coversContent: boolean) { super({ verify: () => null }) }
    override authenticate (request: AttemptRequest): void {
      seen.push([this.coversContent, 'readsContent' in request])
      if (request.readsContent === true) this.fail(undefined, undefined, { reason: 'content', userId: null, guess: false, needsContent: true })
      else this.fail()
    }
  }
  const chain = chainOf(new Probe(false), new Probe(true))
  const said = async (more: Partial<AttemptInput>): Promise<Outcome> => await chain.authenticate({ ...attemptInput(ALICE), ...more })
  t.match(await said({ readsContent: true }), { kind: 'refused', needsContent: true })
  t.same(seen.splice(0), [[false, false], [true, true]])
  for (const more of [{ readsContent: true, contentHash: { md5: 'ab' } }, { readsContent: false }]) {
    t.match(await said(more), { kind: 'refused', needsContent: undefined })
    t.same(seen.splice(0), [[false, false], [true, false]])
  }
})

t.test('a foreign strategy that only looks like one of this package: it need not know of covered fields or content', async t => {
  const strategy = { name: 'like', scheme: 'Basic', challenge: () => ({ scheme: 'Basic' }), authenticate (this: { success: (user: string) => void }) { this.success('a') } }
  t.match(await ask(chainOf({ strategy, scheme: 'Basic' }), ALICE), { kind: 'granted' })
})

t.test('500 requests at once through one chain: each gets its own user (R-MAP-6)', async t => {
  const open: Array<() => void> = []
  const wait = async (): Promise<void> => await new Promise((resolve) => open.push(resolve))
  const chain = chainOf(
    { strategy: foreign('no', async function () { await wait(); this.fail() }), scheme: 'Basic' },
    new BasicStrategy({ verify: async ({ username }) => { await wait(); return { username } } })
  )
  const names = Array.from({ length: 500 }, (_, n) => `user-${n}`)
  const outcomes = Promise.all(names.map(async (name) => await ask(chain, basic(name, 'x'))))
  while (open.length > 0) {
    open.splice(Math.floor(open.length / 3), 1)[0]?.()
    await new Promise(setImmediate)
  }
  t.same((await outcomes).map((outcome) => (outcome as { userId: string }).userId), names)
  t.same((await outcomes).map((outcome) => (outcome as { user: { username: string } }).user.username), names)
})

const declared = (declaration: StrategyDeclaration): Declared => readDeclaration(declaration, { realm: 'gw' }).resolve()
const unrun = foreign('jwt', () => {})
const own = declared(new BearerStrategy({ verify: () => null }))
const jwt = declared({ strategy: unrun, scheme: 'Bearer' })
const opaque = declared({ strategy: unrun, scheme: 'Bearer', grammar: 'opaque' })
const unschemed = declared({ strategy: unrun, scheme: null })

const walk = (reason: RefusalReason = 'rejected', credentials = 'Bearer x'): ChainAttempt => new ChainAttempt(credentials, reason)
const failed = (challenge?: unknown, status?: number) => ({ kind: 'failed', challenge, status, note: null }) as const

t.test('a verdict that accepts: the user is granted under the scheme and realm of the strategy', async t => {
  const verdict = { kind: 'accepted', user: { id: 7 }, info: { scope: 'all' } } as const
  t.same(walk().conclude(jwt, verdict), {
    kind: 'granted', user: { id: 7 }, info: { scope: 'all' }, scheme: 'Bearer', realm: 'gw', strategy: 'jwt', userId: null
  })
  const basics = declared({ strategy: unrun, scheme: 'Basic' })
  t.match(walk('rejected', basic('alice', 'x')).conclude(basics, verdict), { scheme: 'Basic', userId: 'alice' })
  t.match(new ChainAttempt(undefined, 'missing').conclude(unschemed, verdict), { scheme: null, userId: null })
})

t.test('a broken strategy: it ends the walk (R-407-15)', async t => {
  const verdict = broken('jwt', new Error('away'))
  t.equal(walk().conclude(jwt, verdict), verdict)
})

t.test('no status, 401, or one without a meaning here: the refusal is 407 (R-MAP-2)', async t => {
  for (const status of [undefined, 401, 407, 400, 404, 200, 302, 0, NaN, null as never, '403' as never]) {
    const state = walk()
    t.equal(state.conclude(jwt, failed('free text', status)), undefined)
    t.match(state, { status: 407, reason: 'rejected', challenges: jwt.afterRefusal, cause: null }, String(status))
  }
})

t.test('a refusal with 403 or 429: the status stays, with what the strategy said (R-407-4, R-407-16, R-MAP-3)', async t => {
  for (const status of [403, 429] as const) {
    const state = walk()
    t.equal(state.conclude(jwt, failed('Bearer error="insufficient_scope"', status)), undefined)
    t.match(state, { status, reason: 'forbidden', challenges: ['Bearer error="insufficient_scope"'] })
    const silent = walk()
    silent.conclude(jwt, failed(undefined, status))
    t.match(silent, { status, reason: 'forbidden', challenges: null })
  }
})

t.test('a leg of a handshake: it is no refusal to be held against a user', async t => {
  const negotiate = declared({ strategy: unrun, scheme: 'Negotiate' })
  const state = walk('rejected', 'Negotiate YII=')
  state.conclude(negotiate, failed('Negotiate oYH2'))
  t.match(state, { reason: 'continued', challenges: ['Negotiate oYH2'] })
  const ended = walk('rejected', 'Negotiate YII=')
  ended.conclude(negotiate, failed('Negotiate'))
  t.match(ended, { reason: 'rejected', challenges: ['Negotiate'] })
})

t.test('several strategies that say why: the first of ours stands, and a foreign one does not count', async t => {
  const note = { reason: 'nonce', userId: 'alice', guess: false }
  const state = walk()
  state.conclude(jwt, { ...failed(), note: { ...note, reason: 'foreign' } })
  state.conclude(own, { ...failed(), note })
  state.conclude(own, { ...failed(), note: { ...note, reason: 'second' } })
  t.same(state.note, note)
})

t.test('a failure with 5xx: it is no refusal (R-407-15, R-MAP-3)', async t => {
  const cause = new Error('directory')
  t.match(walk().conclude(jwt, failed(cause, 500)), { kind: 'broken', cause: { statusCode: 500, cause: { cause } } })
  t.match(walk().conclude(jwt, failed(undefined, 503)), { kind: 'broken', cause: { statusCode: 503 } })
  t.match(walk().conclude(jwt, failed(undefined, 599)), { kind: 'broken', cause: { statusCode: 500 } })
})

t.test('a 400 of a strategy of ours, whose grammar it is: the status stays (R-CRED-5, R-BEARER-4, SM-7, SM-8)', async t => {
  const malformed = new MalformedCredentials('no colon')
  const state = walk()
  state.conclude(own, failed(malformed, 400))
  t.match(state, { status: 400, reason: 'malformed', challenges: null })
  t.equal(state.cause, malformed)
  const other = walk()
  other.conclude(own, failed('Bearer realm="gw", error="invalid_request"', 400))
  t.match(other, { status: 400, challenges: ['Bearer realm="gw", error="invalid_request"'], cause: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' } })
})

t.test('several refusals: the first status other than 407 stands, with its challenges', async t => {
  const state = walk()
  state.conclude(jwt, failed('Bearer error="first"'))
  state.conclude(jwt, failed('Bearer error="second"', 403))
  state.conclude(jwt, failed('Bearer error="third"', 429))
  state.conclude(jwt, failed('Bearer error="fourth"'))
  t.match(state, { status: 403, challenges: ['Bearer error="second"'] })
})

t.test('several challenges: the first that says something stands', async t => {
  const state = walk()
  const basics = declared({ strategy: unrun, scheme: 'Basic' })
  state.conclude(basics, failed('free text'))
  t.equal(state.challenges, null)
  state.conclude(basics, failed('Basic realm="gw", a="1"'))
  state.conclude(basics, failed('Basic realm="gw", b="2"'))
  t.same(state.challenges, ['Basic realm="gw", a="1"'])
})

t.test('a scheme without credentials: it is not an invalid token (R-BEARER-3)', async t => {
  const state = walk('missing', 'Bearer')
  state.conclude(jwt, failed(undefined))
  t.equal(state.challenges, null)
})

t.test('credentials that do not follow the grammar: a foreign strategy sees them only if it says it takes all (R-CRED-5)', async t => {
  const state = walk('rejected', 'Bearer a b')
  t.equal(state.mayRun(opaque), true)
  t.equal(state.mayRun(own), true, 'which checks itself')
  t.equal(state.mayRun(unschemed), true, 'which sees nothing of it')
  t.equal(state.status, 407)
  t.equal(state.mayRun(jwt), false)
  t.equal(state.mayRun(jwt), false)
  t.match(state, { status: 400, reason: 'malformed', cause: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' } })
  t.equal(new ChainAttempt(undefined, 'missing').mayRun(jwt), true, 'nothing to check')
  const right = walk()
  t.equal(right.mayRun(jwt), true)
  t.equal(right.mayRun(jwt), true)
  t.equal(right.status, 407)
})

t.test('a strategy of ours that needs the content: ends the walk where it may ask for it (R-DIG-45)', async t => {
  const said = { reason: 'content', userId: 'alice', guess: false }
  const note = { ...said, needsContent: true } as const
  const verdict = { ...failed(), note }
  t.match(walk().conclude(own, verdict, true), { kind: 'refused', status: 407, reason: 'rejected', challenges: [], scheme: 'Bearer', note, needsContent: true })
  t.equal(walk().conclude(own, verdict), undefined, 'it may not')
  t.equal(walk().conclude(jwt, verdict, true), undefined, 'a foreign one')
  t.equal(walk().conclude(own, { ...verdict, note: said }, true), undefined, 'it does not need it')
})

t.test('info that throws when it is looked at: the strategy is broken', async t => {
  const info = { get userId () { throw new Error('not loaded') } }
  t.match(walk().conclude(jwt, { kind: 'accepted', user: { id: 7 }, info }), { kind: 'broken', strategy: 'jwt', cause: { statusCode: 500 } })
})
