import t from 'tap'
import type { Eventual } from '../../lib/eventual.js'
import { foreignChallenges, ownChallenges } from '../../lib/passport/strategy-challenges.js'
import type { ForeignOffer } from '../../lib/passport/strategy-challenges.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { Strategy } from '../../lib/strategies/strategy.js'
import type { ChallengeContext, Offer } from '../../lib/strategies/strategy.js'
import { view } from '../fixtures/attempt.js'

class Fresh extends Strategy {
  override readonly name = 'fresh'
  override readonly fresh = true
  override readonly scheme: string | null
  private readonly make: (context: ChallengeContext) => Eventual<Offer>

  constructor (make: (context: ChallengeContext) => Eventual<Offer>, scheme: string | null = 'Digest') {
    super()
    this.make = make
    this.scheme = scheme
  }

  override authenticate (): void {}
  override challenge (context: ChallengeContext): Eventual<Offer> { return this.make(context) }
}

const offer = (some: Partial<ForeignOffer>) =>
  foreignChallenges({ name: 'x', scheme: 'Bearer', realm: 'gw', overrideRealm: false, ...some })
const bad = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('a strategy of this package: it makes its challenge, once if it can (R-CH-1, R-CH-4)', async t => {
  const offering = ownChallenges(new BasicStrategy({ verify: () => null }), 'a "b"')
  t.same(offering.lines, ['Basic realm="a \\"b\\"", charset="UTF-8"'])
  t.equal(offering.challengesFor(view()), offering.lines)
  t.equal(offering.challengesIn(offering.lines?.[0]), offering.lines)
  t.equal(offering.afterRefusal, null)
})

t.test('a strategy with fresh challenges: it makes them anew each time, and knows the request (R-407-13, R-CH-11)', async t => {
  let nonce = 0
  const offering = ownChallenges(new Fresh(({ realm, request }) => request?.httpVersion === '2.0'
    ? null
    : ['SHA-256', 'MD5'].map((algorithm) => ({ scheme: 'Digest', params: { realm, algorithm, nonce: String(nonce++) } }))), 'gw')
  t.equal(offering.lines, null)
  t.same(offering.challengesFor(view()), [
    'Digest realm="gw", algorithm=SHA-256, nonce="2"', 'Digest realm="gw", algorithm=MD5, nonce="3"'
  ])
  t.same(offering.challengesFor({ ...view(), httpVersion: '2.0' }), [])
  t.same(offering.challengesIn('Digest realm="gw", nonce="9", stale=true'), ['Digest realm="gw", nonce="9", stale=true'])
})

t.test('a challenge that takes its time: it is awaited, and a failure is passed on', async t => {
  const offering = ownChallenges(new Fresh(async ({ realm }) => ({ scheme: 'Digest', params: { realm, nonce: 'n' } })), 'gw')
  t.same(await offering.challengesFor(view()), ['Digest realm="gw", nonce="n"'])
  const away = ownChallenges(new Fresh(async () => { throw new Error('away') }), 'gw')
  await t.rejects(away.challengesFor(view()) as Promise<unknown>, { message: 'away' })
})

t.test('a strategy without a scheme, or without a challenge: it asks for nothing', async t => {
  const { lines, challengesFor, challengesIn } = ownChallenges(new Fresh(() => ({ scheme: 'X' }), null), 'gw')
  t.same([lines, challengesFor(view()), challengesIn('X')], [[], [], null])
  t.same(offer({ scheme: null }).lines, [])
  t.same(offer({ challenge: null }).lines, [])
  t.equal(offer({ challenge: null }).challengesIn('Bearer realm="Users"'), null)
})

t.test('a challenge that cannot be sent: the boot fails (R-CH-6)', async t => {
  const notRepresentable = { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' }
  t.throws(() => ownChallenges(new BasicStrategy({ verify: () => null }), 'a\r\nb'), notRepresentable)
  t.throws(() => offer({ realm: 'a\0' }), notRepresentable)
  t.throws(() => offer({ params: { 'a b': 'x' } }), notRepresentable)
  t.throws(() => ownChallenges(new Fresh(() => ({ scheme: 'Digest', token68: 'a b' })), 'gw'), notRepresentable)
})

t.test('a foreign strategy: its challenge is the one that its declaration says (R-CH-4, R-CH-9, R-CH-16)', async t => {
  t.same(offer({ params: { scope: 'egress' } }).lines, ['Bearer realm="gw", scope="egress"'])
  t.same(offer({ scheme: 'Negotiate', params: { realm: 'x' } }).lines, ['Negotiate'])
  t.same(offer({ challenge: 'bearer   scope = egress' }).lines, ['Bearer scope="egress"'])
  t.throws(() => offer({ challenge: 'Basic realm="x"' }), bad)
  t.throws(() => offer({ challenge: 'Bearer realm="x' }), bad)
})

t.test('a foreign Digest strategy: its challenge must be a function, as a nonce is used once', async t => {
  t.throws(() => offer({ scheme: 'Digest' }), bad)
  t.throws(() => offer({ scheme: 'Digest', challenge: 'Digest realm="gw", nonce="n"' }), bad)
  const offering = offer({ scheme: 'Digest', challenge: ({ realm }) => `Digest realm="${realm}", nonce="n"` })
  t.same(offering.challengesFor(view()), ['Digest realm="gw", nonce="n"'])
})

t.test('a function for the challenge: it may give challenges or their text, which is checked', async t => {
  t.same(offer({ challenge: () => ({ scheme: 'Bearer', params: { a: '1' } }) }).challengesFor(view()), ['Bearer a="1"'])
  t.throws(() => offer({ challenge: () => 'free text' }), TypeError)
})

t.test('a challenge in fail: it is taken over, in the spelling of this package (R-MAP-2)', async t => {
  const { challengesIn } = offer({})
  t.same(challengesIn('Bearer realm="Users", error=invalid_token'), ['Bearer realm="gw", error="invalid_token"'], 'in our realm (R-REALM-3)')
  t.same(challengesIn('Basic realm="x", bearer error="a", Bearer error="b"'), ['Bearer error="a"', 'Bearer error="b"'])
})

t.test('anything else in fail: it is not taken over (R-SEC-5, R-PARSE-7)', async t => {
  const { challengesIn } = offer({})
  for (const text of [
    'token is not found', 'Unauthorized', 'Bearer', 'Bearer realm="a"b"', 'Bearer realm="x\r\nSet-Cookie: y"', 'Bearer realm="x\0"',
    'Basic realm="x"', '', new Error('No auth token'), { message: 'no' }, 401, null, undefined
  ]) {
    t.equal(challengesIn(text), null, JSON.stringify(String(text)))
  }
  t.equal(offer({ challenge: 'Bearer realm="x"' }).challengesIn('Bearer realm="é"'), null)
  t.equal(offer({ scheme: 'Basic' }).challengesIn('Basic charset="UTF-8"'), null, 'without a realm (R-BASIC-1)')
  const digest = offer({ scheme: 'Digest', challenge: () => 'Digest realm="gw", nonce="n"' })
  t.equal(digest.challengesIn('Digest realm="gw"'), null)
  t.same(digest.challengesIn('Digest realm="gw", nonce="m"'), ['Digest realm="gw", nonce="m"'])
  t.same(offer({ scheme: 'Negotiate' }).challengesIn('Negotiate'), ['Negotiate'])
  t.same(offer({ scheme: 'Negotiate' }).challengesIn('Negotiate YII='), ['Negotiate YII='])
})

t.test('a realm in the declaration and another in the text of a challenge: the first is used', async t => {
  const challenge = 'Bearer realm="mine"'
  const { challengesIn } = offer({ overrideRealm: true, challenge })
  t.same(challengesIn('Bearer realm="Users", error="x"'), ['Bearer realm="gw", error="x"'])
  t.same(offer({ challenge }).challengesIn('Bearer realm="Users", error="x"'), ['Bearer realm="Users", error="x"'], 'beside a challenge of its own only then')
  t.same(challengesIn('Bearer error="x"'), ['Bearer error="x"'])
})

t.test('a bearer token refused without a challenge: it is called an invalid token (R-BEARER-4)', async t => {
  t.same(offer({ params: { scope: 'a' } }).afterRefusal, ['Bearer realm="gw", scope="a", error="invalid_token"'])
  t.equal(offer({ scheme: 'Basic' }).afterRefusal, null)
})
