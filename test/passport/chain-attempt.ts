import t from 'tap'
import { MalformedCredentials } from '../../lib/errors.js'
import { readDeclaration } from '../../lib/passport/declaration.js'
import type { Declared, StrategyDeclaration } from '../../lib/passport/declaration.js'
import { broken } from '../../lib/passport/outcome.js'
import type { RefusalReason } from '../../lib/passport/outcome.js'
import { ChainAttempt } from '../../lib/passport/chain-attempt.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import { basic } from '../fixtures/attempt.js'
import { foreign } from '../fixtures/foreign-strategies.js'

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
