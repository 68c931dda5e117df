import t from 'tap'
import { run } from '../../lib/passport/ask-strategy.js'
import type { Verdict } from '../../lib/passport/outcome.js'
import { BasicStrategy, canonicalBasic, readBasicUser } from '../../lib/strategies/basic.js'
import type { VerifyUserPass } from '../../lib/strategies/basic.js'
import { verifyStatic } from '../../lib/users/static.js'
import { basic, view } from '../fixtures/attempt.js'
import { fastifyPassportOrigin, passportOrigin } from '../fixtures/passport-origin.js'

const verify = verifyStatic({ alice: 'alice-secret', J\u00e4s\u00f8n: 'p\u00e4\u00a7s\u20ac:' })
const settings = { name: 'basic', timeout: 1000, options: { realm: 'gw' } }
const judge = async (strategy: BasicStrategy, credentials?: string): Promise<Verdict> =>
  await run(strategy, view(credentials), settings)
const CHALLENGE = 'Basic realm="gw", charset="UTF-8"'

t.test('the right user-id and password: the user is accepted (R-BASIC-4, R-BASIC-5, R-CRED-6)', async t => {
  const strategy = new BasicStrategy({ verify })
  t.same(await judge(strategy, basic('alice', 'alice-secret')), {
    kind: 'accepted', user: { username: 'alice' }, info: { userId: 'alice' }
  })
  t.match(await judge(strategy, basic('J\u00e4s\u00f8n', 'p\u00e4\u00a7s\u20ac:')), { kind: 'accepted' }, 'UTF-8, a colon')
  t.match(await judge(strategy, basic('Ja\u0308s\u00f8n', 'p\u00e4\u00a7s\u20ac:')), { kind: 'accepted' }, 'in another form')
})

t.test('wrong, missing or other credentials: the challenge is the same for all (R-407-12, R-BASIC-1, R-BASIC-2, R-BASIC-3)', async t => {
  const strategy = new BasicStrategy({ verify })
  const refused = { kind: 'failed', challenge: CHALLENGE, status: undefined, note: null }
  for (const credentials of [
    basic('alice', 'wrong'), basic('nobody', 'alice-secret'), basic('', ''), undefined, '', 'Basic', 'Bearer x', 'Digest "'
  ]) {
    t.same(await judge(strategy, credentials), refused, String(credentials))
  }
})

t.test('a verifier that says no in any spelling, or gives an empty user: the credentials are refused', async t => {
  for (const no of [null, undefined, false, ''] as const) {
    const say: VerifyUserPass[] = [() => no as null, async () => no as null]
    for (const verify of say) t.match(await judge(new BasicStrategy({ verify }), basic('a', 'b')), { kind: 'failed' })
  }
})

t.test('malformed credentials: the status is 400, and no verifier is called (R-CRED-5, R-BASIC-6, R-BASIC-7)', async t => {
  const strategy = new BasicStrategy({ verify: () => { throw new Error('not to be called') } })
  for (const credentials of ['Basic !', 'Basic dTpw dTpw', 'Basic\tdTpw', 'Basic bm9jb2xvbg==', 'Basic dTr/', 'Basic realm="x"']) {
    t.match(await judge(strategy, credentials), { kind: 'failed', status: 400, challenge: { statusCode: 400 } }, String(credentials))
  }
})

t.test('credentials in ISO-8859-1: are accepted by option only (R-BASIC-9)', async t => {
  const user: VerifyUserPass = ({ username, password }) => ({ username, password })
  const latin1 = `Basic ${Buffer.from('test:123\u00a3', 'latin1').toString('base64')}`
  t.match(await judge(new BasicStrategy({ verify: user, latin1Fallback: true }), latin1), { user: { password: '123\u00a3' } })
  t.match(await judge(new BasicStrategy({ verify: user }), latin1), { status: 400 })
})

t.test('a verifier that cannot tell: is an error, never a refusal (R-407-15)', async t => {
  const cause = new Error('the directory is away')
  for (const verify of [() => { throw cause }, async () => { throw cause }]) {
    t.match(await judge(new BasicStrategy({ verify }), basic('alice', 'x')), { kind: 'broken', cause: { cause } })
  }
})

t.test('a verifier that gives info: the info is part of the verdict', async t => {
  const strategy = new BasicStrategy({ verify: async () => [{ username: 'alice' }, { proxyAuthenticationInfo: { a: '1' } }] })
  t.same(await judge(strategy, basic('Alice', 'x')), {
    kind: 'accepted', user: { username: 'alice' }, info: { userId: 'Alice', proxyAuthenticationInfo: { a: '1' } }
  })
})

t.test('a challenge for a given realm: names that realm', async t => {
  const strategy = new BasicStrategy({ verify, charset: false })
  t.same(strategy.challenge({ realm: 'x' }), { scheme: 'Basic', params: { realm: 'x' } })
  t.same(new BasicStrategy({ verify, realm: 'own' }).realm, 'own')
})

t.test('what a runner may remember: is said by the cache option, and is nothing by default', async t => {
  t.equal(new BasicStrategy({ verify }).cache, null)
  t.match(new BasicStrategy({ verify, cache: true }).cache, { ttl: 300_000 })
  t.throws(() => new BasicStrategy({ verify, cache: { ttl: 0 } }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a realm that cannot be sent, or no verifier to call: the boot fails (R-CH-6)', async t => {
  t.throws(() => new BasicStrategy({ verify, realm: 'a\r\nSet-Cookie: x=1' }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  for (const none of [{}, undefined, null, { verify, verfy: verify }]) t.throws(() => new BasicStrategy(none as { verify: VerifyUserPass }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('500 attempts at once through one instance: each gets its own user (R-MAP-6)', async t => {
  const open: Array<() => void> = []
  const strategy = new BasicStrategy({
    verify: async ({ username }) => {
      await new Promise<void>((resolve) => open.push(resolve))
      return { username }
    }
  })
  const names = Array.from({ length: 500 }, (_, n) => `user-${n}`)
  const verdicts = names.map(async (name) => await judge(strategy, basic(name, 'x')))
  while (open.length > 0) open.splice(Math.floor(open.length / 3), 1)[0]?.() // in an order that is not that of the requests
  const users = (await Promise.all(verdicts)).map((verdict) => (verdict as { user: { username: string } }).user.username)
  t.same(users, names)
})

t.test('an origin can use it: Passport and @fastify/passport (R-BASIC-1)', async t => {
  for (const create of [passportOrigin, fastifyPassportOrigin]) {
    const origin = await create(t, new BasicStrategy({ verify: async (pair) => verify(pair), realm: 'origin' }))
    const challenge = 'Basic realm="origin", charset="UTF-8"'
    t.match(await origin(), { status: 401, challenge }, create.name)
    t.match(await origin(basic('alice', 'wrong')), { status: 401, challenge })
    t.match(await origin(basic('alice', 'alice-secret')), { status: 200, body: '{"username":"alice"}' })
    t.match(await origin('Basic !'), { status: 400 })
  }
})

t.test('credentials with a right or a wrong password: the user-id can be read', async t => {
  t.equal(readBasicUser(basic('alice', 'wrong')), 'alice')
  t.equal(readBasicUser('Basic'), undefined)
  t.throws(() => readBasicUser('Basic bm9jb2xvbg=='), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' })
})

t.test('called as in passport: the message says what to write (F-35)', async t => {
  t.throws(() => new BasicStrategy((() => null) as never), { message: 'option options must be an object, as { verify: ({ username, password }) => user }, got function' })
})

t.test('texts that mean one pair: are written in one way', async t => {
  const value = canonicalBasic(basic('J\u00e4s\u00f8n', 'x'))
  for (const same of [basic('Ja\u0308s\u00f8n', 'x'), basic('J\u00e4s\u00f8n', 'x').replace('Basic', 'bASIC  ')]) t.equal(canonicalBasic(same), value)
  for (const other of [basic('J\u00e4s\u00f8n', 'y'), basic('j\u00e4s\u00f8n', 'x')]) t.not(canonicalBasic(other), value)
  for (const none of ['Basic', 'Basic !', 'Basic bm9jb2xvbg==', '']) t.equal(canonicalBasic(none), undefined, none)
})

t.test('whether a user has an account: is known only with a verifier that knows its accounts', async t => {
  const [known, unknown] = [new BasicStrategy({ verify }), new BasicStrategy({ verify: ({ username }) => ({ username }) })]
  t.strictSame([known.hasAccount('alice'), known.hasAccount('mallory'), unknown.hasAccount('alice')], [true, false, false])
})

t.test('accounts that are to be read anew: it asks a verifier that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new BasicStrategy({ verify: reloading('verify') }).reload(), undefined)
  t.strictSame(asked, ['verify'])
  t.equal(await new BasicStrategy({ verify: () => null }).reload(), false)
})
