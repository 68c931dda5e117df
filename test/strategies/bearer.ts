import t from 'tap'
import { run } from '../../lib/passport/ask-strategy.js'
import type { Verdict } from '../../lib/passport/outcome.js'
import { BearerStrategy } from '../../lib/strategies/bearer.js'
import type { BearerOptions, VerifyToken } from '../../lib/strategies/bearer.js'
import { view } from '../fixtures/attempt.js'
import { fastifyPassportOrigin, passportOrigin } from '../fixtures/passport-origin.js'

const verify: VerifyToken = (token) => {
  if (token === 'alice-token') return { username: 'alice' }
  if (token === 'weak-token') return { error: 'insufficient_scope', scope: 'egress', description: 'needs "egress"' }
  if (token === 'odd-token') return { error: 'invalid_request' }
  return null
}
const settings = { name: 'bearer', timeout: 1000, options: { realm: 'gw' } }
const judge = async (options: Partial<BearerOptions>, credentials?: string): Promise<Verdict> =>
  await run(new BearerStrategy({ verify, ...options }), view(credentials), settings)

t.test('a token that the verifier knows: the user is accepted, with scope in info', async t => {
  t.same(await judge({}, 'Bearer alice-token'), { kind: 'accepted', user: { username: 'alice' }, info: {} })
  t.same(await judge({ verify: async () => ['alice', { scope: 'egress' }] }, 'bearer x'), {
    kind: 'accepted', user: 'alice', info: { scope: 'egress' }
  })
})

t.test('no Bearer credentials: the challenge names no error (R-BEARER-3, R-CRED-2)', async t => {
  for (const credentials of [undefined, '', 'Bearer', 'Basic dTpw', 'Digest "']) {
    t.same(await judge({}, credentials), { kind: 'failed', challenge: 'Bearer realm="gw"', status: undefined, note: null }, String(credentials))
  }
})

t.test('each error of a token: has its status, with 407 where an origin has 401 (R-BEARER-4, SM-8, SM-9, SM-10)', async t => {
  t.same(await judge({}, 'Bearer wrong'), {
    kind: 'failed', challenge: 'Bearer realm="gw", error="invalid_token"', status: undefined, note: null
  })
  t.same(await judge({}, 'Bearer weak-token'), {
    kind: 'failed',
    challenge: 'Bearer realm="gw", scope="egress", error="insufficient_scope", error_description="needs \'egress\'"',
    status: 403,
    note: null
  })
  t.same(await judge({}, 'Bearer odd-token'), {
    kind: 'failed', challenge: 'Bearer realm="gw", error="invalid_request"', status: 400, note: null
  })
})

t.test('malformed credentials: the status is 400, and no verifier is called (R-BEARER-7, R-CRED-5)', async t => {
  const never: VerifyToken = () => { throw new Error('not to be called') }
  for (const credentials of ['Bearer a b', 'Bearer\ta', 'Bearer secret-token:abc', 'Bearer token="x"', 'Bearer a, Bearer b']) {
    t.match(await judge({ verify: never }, credentials), {
      kind: 'failed', challenge: 'Bearer realm="gw", error="invalid_request"', status: 400, note: null
    }, String(credentials))
  }
})

t.test('a token with other characters: is accepted by option (R-BEARER-7)', async t => {
  const token: VerifyToken = (token) => ({ token })
  t.match(await judge({ verify: token, lenient: true }, 'Bearer secret-token:abc'), { user: { token: 'secret-token:abc' } })
})

t.test('a verifier that cannot tell: is an error, never a refusal (R-407-15)', async t => {
  t.match(await judge({ verify: async () => { throw new Error('away') } }, 'Bearer x'), { kind: 'broken' })
})

t.test('a scope in the options: is announced in the challenge, and checked at the boot (R-BEARER-2, R-BEARER-5)', async t => {
  t.match(await judge({ scope: ['egress', 'admin'] }), { challenge: 'Bearer realm="gw", scope="egress admin"' })
  t.match(await judge({ scope: 'egress' }, 'Bearer wrong'), {
    challenge: 'Bearer realm="gw", scope="egress", error="invalid_token"'
  })
  t.same(new BearerStrategy({ verify, scope: 'a b' }).challenge({ realm: 'x' }).params, { realm: 'x', scope: 'a b' })
  for (const scope of ['a"b', 'a  b', ['a b'], ['é']]) {
    t.throws(() => new BearerStrategy({ verify, scope }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
})

t.test('a realm that cannot be sent, or no verifier to call: the boot fails (R-CH-6)', async t => {
  t.throws(() => new BearerStrategy({ verify, realm: 'a\0' }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  for (const none of [{}, undefined, null, { verify, scop: 'a' }]) t.throws(() => new BearerStrategy(none as BearerOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('tokens in the query and the content: are not read (R-BEARER-6, R-CRED-4)', async t => {
  const request = { ...view(), query: { access_token: 'alice-token' }, body: { access_token: 'alice-token' } }
  t.match(await run(new BearerStrategy({ verify }), request, settings), { kind: 'failed' })
})

t.test('an origin can use it: Passport and @fastify/passport (R-BEARER-4)', async t => {
  for (const create of [passportOrigin, fastifyPassportOrigin]) {
    const origin = await create(t, new BearerStrategy({ verify: async (token) => await verify(token), realm: 'origin' }))
    t.match(await origin(), { status: 401, challenge: 'Bearer realm="origin"' }, create.name)
    t.match(await origin('Bearer x'), { status: 401, challenge: 'Bearer realm="origin", error="invalid_token"' })
    t.match(await origin('Bearer weak-token'), { status: 403 })
    t.match(await origin('Bearer a b'), { status: 400 })
    t.match(await origin('Bearer alice-token'), { status: 200, body: '{"username":"alice"}' })
  }
})

t.test('what a runner may remember: is said by the cache option, and is nothing by default', async t => {
  const verify = () => null
  t.equal(new BearerStrategy({ verify }).cache, null)
  t.match(new BearerStrategy({ verify, cache: { ttl: 7 } }).cache, { ttl: 7 })
  t.throws(() => new BearerStrategy({ verify, cache: 7 as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('called as in passport: the message says what to write (F-35)', async t => {
  t.throws(() => new BearerStrategy((() => null) as never), { message: 'option options must be an object, as { verify: (token) => user }, got function' })
})

t.test('accounts that are to be read anew: it asks a verifier that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new BearerStrategy({ verify: reloading('verify') }).reload(), undefined)
  t.strictSame(asked, ['verify'])
  t.equal(await new BearerStrategy({ verify: () => null }).reload(), false)
})
