import t from 'tap'
import { request } from 'undici'
import { StoreFull, StoreUnavailable, TooManyHandshakes, VerifierBusy } from '../../lib/errors.js'
import { areWrong, broken, isWrongSecret } from '../../lib/passport/outcome.js'
import { closedPort } from '../fixtures/closed-port.js'
import { rawServer } from '../fixtures/raw-server.js'

t.test('a strategy that failed, or is unavailable: the status is 500 or 503, neither is a mistake of the client (R-407-15, R-MAP-3, SM-12, SM-13)', async t => {
  for (const cause of [new Error('x'), 'text', null, undefined, Object.assign(new Error('x'), { statusCode: 401 }), { code: 7 }]) {
    t.match(broken('jwt', cause), {
      kind: 'broken', strategy: 'jwt', cause: { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500, cause }
    })
  }
  for (const cause of [{ statusCode: 503 }, { status: 503 }, { code: 'ECONNREFUSED' }, { code: 'ENOTFOUND' }]) {
    t.match(broken('jwt', cause), { cause: { code: 'FST_PROXY_AUTH_STRATEGY_UNAVAILABLE', statusCode: 503, cause } })
  }
})

t.test('what a strategy asks is away, by whatever client: 503, and when to come back (F-38)', async t => {
  const dead = `http://127.0.0.1:${await closedPort()}/`
  const silent = `http://127.0.0.1:${await rawServer(t)}/`
  const failing: Record<string, () => Promise<unknown>> = {
    'node\'s fetch': () => fetch(dead),
    'a fetch that was wrapped': () => fetch(dead).catch(cause => { throw new Error('cannot ask', { cause }) }),
    'fetch with a time limit': () => fetch(silent, { signal: AbortSignal.timeout(20) }),
    'fetch that is aborted': () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      return fetch(silent, { signal: controller.signal })
    },
    'undici\'s request': () => request(dead),
    'undici\'s request, with its own limit': () => request(silent, { headersTimeout: 20 }),
    'a name with two addresses': () => Promise.reject(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })),
    'a resolver': () => Promise.reject(Object.assign(new Error('x'), { code: 'ESERVFAIL' }))
  }
  for (const [what, ask] of Object.entries(failing)) {
    const cause: unknown = await ask().then(() => t.fail('answered'), (error: unknown) => error)
    t.match(broken('idp', cause).cause, { code: 'FST_PROXY_AUTH_STRATEGY_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '10' }, cause }, what)
  }
})

t.test('every code for what is away: 503 (F-38)', async t => {
  for (const code of [
    'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN',
    'EAI_FAIL', 'ESERVFAIL', 'ETIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT'
  ]) t.match(broken('idp', { code }).cause, { statusCode: 503 }, code)
  for (const code of ['ENOENT', 'NOT_UND_ERR_SOCKET']) t.match(broken('idp', { code }).cause, { statusCode: 500 }, code)
})

t.test('a mistake in the code, however it is wrapped: it stays one, with 500 (F-38)', async t => {
  const invalid = await fetch('nothing').then(() => undefined, (error: unknown) => error)
  const loop: { cause?: unknown } = {}
  loop.cause = loop
  for (const cause of [invalid, { code: 'UND_ERR_INVALID_ARG' }, { code: 'UND_ERR_NOT_SUPPORTED' }, { cause: 'text' }, { cause: null }, loop, { name: 'TypeError', cause: new Error('x') }]) {
    t.match(broken('idp', cause).cause, { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500 })
  }
})

t.test('an error that says 503 and when to come back: Retry-After says it in seconds (F-38)', async t => {
  for (const [retryAfter, seconds] of [[30_000, '30'], [1, '1'], [1_001, '2'], [0, '10'], [-1, '10'], [NaN, '10'], [Infinity, '10'], ['30', '10'], [undefined, '10']]) {
    const { headers } = broken('idp', { cause: { statusCode: 503, retryAfter } }).cause as unknown as { headers: unknown }
    t.strictSame(headers, { 'retry-after': seconds }, String(retryAfter))
  }
})

t.test('a failed strategy: the message names it and says nothing of the cause', async t => {
  const { cause } = broken('jwt', new Error('alice-secret'))
  t.match(cause.message, /jwt/)
  t.notMatch(cause.message, /alice-secret/)
})

t.test('a full store, too many handshakes, a busy verifier: the error stays as it is, with the time to come back (R-MAP-3)', async t => {
  const full = new StoreFull(7000)
  t.strictSame(broken('digest', full), { kind: 'broken', cause: full, strategy: 'digest' })
  const away = new StoreUnavailable(7000, { cause: new Error('away') })
  t.match(broken('digest', away).cause, { statusCode: 503, headers: { 'retry-after': '7' }, message: /^[^{]*$/, cause: { message: 'away' } })
  t.equal(broken('digest', away).cause, away)
  const many = new TooManyHandshakes(7000)
  t.strictSame(broken('ntlm', many), { kind: 'broken', cause: many, strategy: 'ntlm' })
  const busy = new VerifierBusy(7000)
  t.strictSame(broken('ldap', busy), { kind: 'broken', cause: busy, strategy: 'ldap' })
})

t.test('what a refusal says of the credentials: the note of a strategy goes before the reason', async t => {
  const note = (guess: boolean, wrong?: true) => ({ reason: 'x', userId: null, guess, ...(wrong && { wrong }) })
  const rows = [
    [{ reason: 'rejected', note: null }, true, true],
    [{ reason: 'missing', note: null }, false, false],
    [{ reason: 'rejected', note: note(false) }, false, false],
    [{ reason: 'forbidden', note: note(true) }, true, true],
    [{ reason: 'rejected', note: note(false, true) }, false, true]
  ] as const
  for (const [refused, secret, any] of rows) t.strictSame([isWrongSecret(refused), areWrong(refused)], [secret, any], JSON.stringify(refused))
})

t.test('what throws when it is looked at: the strategy has failed, and nothing is told of that', async t => {
  const unreadable = { get status (): unknown { throw new Error('unreadable') } }
  const { cause } = broken('jwt', unreadable)
  t.match(cause, { code: 'FST_PROXY_AUTH_STRATEGY_FAILED', statusCode: 500, cause: { message: 'what was thrown cannot be read' } })
})
