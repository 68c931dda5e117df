import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { lookupStatic, verifyStatic } from '../../lib/users/static.js'
import { proxyAuthenticate } from '../../lib/index.js'
import { basic as pair } from '../fixtures/attempt.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { inJava, isRefusal, java } from '../fixtures/java.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'
import { redis, startRedis } from '../fixtures/redis.js'
import { until } from '../fixtures/until.js'

const KEY = 'a key for tests, of 32 octets and more'

/** One request on a connection of its own; `fields` beside the credentials. */
async function ask (t: Test, { port, origin }: Surroundings, form: Form, credentials?: string, fields: string[] = []): Promise<Answer> {
  const client = await RawClient.to(t, port)
  const own = credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]
  const text = await client.send(message(form, origin.authority, [...own, ...fields])).until(text => text.includes('\r\n\r\n'))
  client.socket.destroy()
  return readAnswer(text)
}

/** Basic that counts how often it was asked. */
function counted (): { strategy: BasicStrategy, asked: () => number } {
  const verify = verifyStatic({ alice: 'alice-secret', bob: 'bob-secret' })
  let asked = 0
  const strategy = new BasicStrategy({
    verify (given) {
      asked++
      return verify(given)
    }
  })
  return { strategy, asked: () => asked }
}

for (const form of FORMS) {
  t.test(`${form}: guesses end in 429, with nothing to answer and the time to wait (R-SEC-2, R-MAP-3)`, async t => {
    const { strategy, asked } = counted()
    const around = await surroundings(t, { strategies: [strategy], attempts: { perUser: 3 } })
    t.equal((await ask(t, around, form, ALICE)).status, 200, 'the victim has been here')
    for (const secret of ['1', '2', '3']) t.equal((await ask(t, around, form, pair('alice', secret))).status, 407)
    const before = asked()
    const { status, fields } = await ask(t, around, form, pair('alice', '4'))
    t.equal(status, 429)
    const seconds = Number(fields['retry-after'])
    t.ok(seconds > 800 && seconds <= 900, String(seconds))
    t.notOk('proxy-authenticate' in fields, 'a client that answered would only make it worse')
    t.equal(asked(), before, 'nobody was asked')
    t.equal((await ask(t, around, form, ALICE)).status, 200, 'the victim is not locked out by the stranger')
    t.equal((await ask(t, around, form, BOB)).status, 200)
    t.equal((await ask(t, around, form)).status, 407, 'who has yet to be asked is asked')
    t.match(around.log.find(({ refusal }) => (refusal as { status?: number })?.status === 429), { refusal: { reason: 'limited', address: '127.0.0.1' } })
    t.equal(around.origin.seen.length, form === 'CONNECT' ? 0 : 3)
  })

  t.test(`${form}: one wrong password, sent again and again, locks nobody out (R-SEC-2)`, async t => {
    const around = await surroundings(t, { attempts: { perUser: 2, perAddress: 2 } })
    for (let i = 0; i < 20; i++) t.equal((await ask(t, around, form, pair('alice', 'mistyped'))).status, 407)
    t.equal((await ask(t, around, form, ALICE)).status, 200)
  })

  t.test(`${form}: Digest, where the password does not show (R-SEC-2)`, async t => {
    const strategies = [new DigestStrategy(lookupStatic({ alice: 'alice-secret', bob: 'bob-secret' }))]
    const around = await surroundings(t, { strategies, attempts: { perUser: 2, perAddress: 0 } })
    const session = await DigestSession.start(t, around, form)
    const bob = { username: 'bob', password: 'bob-secret', qop: 'auth' as const }
    t.equal((await session.send('/', bob)).status, 200)
    for (let i = 0; i < 39; i++) t.equal((await session.send('/', { password: 'mistyped', qop: 'auth' })).status, 407, String(i))
    t.equal((await session.send('/', { qop: 'auth' })).status, 200, 'twice Java, and the right one is taken')
    t.equal((await session.send('/', { password: 'mistyped', qop: 'auth' })).status, 407)
    t.equal((await session.send('/', { username: 'carol', qop: 'auth' })).status, 407)
    t.equal((await session.send('/', bob)).status, 200)
  })
}

t.test('an address that guesses for many users: it is stopped, whatever its fields say about it', async t => {
  const around = await surroundings(t, { attempts: { perAddress: 3 } })
  for (const name of ['a', 'b', 'c']) t.equal((await ask(t, around, 'absolute-form', pair(name, 'spring'))).status, 407)
  const forged = ['X-Forwarded-For: 203.0.113.7', 'Forwarded: for=203.0.113.7', 'X-Real-IP: 203.0.113.7']
  t.equal((await ask(t, around, 'absolute-form', pair('d', 'spring'), forged)).status, 429)
})

t.test('a client behind a proxy that Fastify trusts: it counts by the address that the proxy names', async t => {
  const around = await surroundings(t, { attempts: { perAddress: 1 }, fastify: { trustProxy: '127.0.0.1' } })
  const from = (address: string) => [`X-Forwarded-For: ${address}`]
  t.equal((await ask(t, around, 'absolute-form', pair('a', 'x'), from('2001:db8::1'))).status, 407)
  t.equal((await ask(t, around, 'absolute-form', pair('b', 'x'), from('2001:db8::2'))).status, 429, 'the same network of 64 bits')
  t.equal((await ask(t, around, 'absolute-form', pair('b', 'x'), from('2001:db8:0:1::2'))).status, 407)
})

t.test('too many attempts on an own route of the application: 429 is an error like any other', async t => {
  const { app } = await gateway(t, {
    attempts: { perUser: 1 },
    after: app => app.get('/own', { onRequest: proxyAuthenticate }, async () => 'own')
  })
  const ask = async (credentials: string) => await app.inject({ url: '/own', headers: { 'proxy-authorization': credentials } })
  t.equal((await ask(pair('alice', '1'))).statusCode, 407)
  const { statusCode, headers, body } = await ask(pair('alice', '2'))
  t.match({ statusCode, body: JSON.parse(body), headers }, {
    statusCode: 429, body: { code: 'FST_PROXY_AUTH_TOO_MANY_ATTEMPTS' }, headers: { 'retry-after': /^\d+$/, 'proxy-authenticate': undefined }
  })
})

t.test('a Java client that repeats a wrong password: its user is not locked out (R-SEC-2)', { skip: java.skip }, async t => {
  for (const strategies of [undefined, [new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))]] as Array<GatewayOptions['strategies']>) {
    const around = await surroundings(t, { attempts: { perUser: 2, perAddress: 2 }, ...(strategies && { strategies }) })
    const fetch = async (password: string) =>
      (await inJava(t, 'HttpURLConnection', [{ port: around.port, username: 'alice', password, url: around.origin.url }]))[0]
    const said = await fetch('mistyped')
    t.ok(isRefusal(said), String(said))
    const sent = around.log.filter(({ refusal }) => refusal !== undefined).length
    t.ok(sent >= 10, `${sent} times`)
    t.equal(await fetch('alice-secret'), '200')
  }
})

t.test('attempts counted in Redis: processes count together, or each for itself while it is away', { skip: redis.skip }, async t => {
  t.test('processes that share one count together, and the window ends (R-SEC-2)', async t => {
    const { client } = await startRedis(t)
    const attempts = async () => ({ perUser: 2, key: KEY, redis: await client() })
    const one = await surroundings(t, { attempts: await attempts() })
    const other = await surroundings(t, { attempts: await attempts() })
    t.equal((await ask(t, one, 'absolute-form', pair('alice', '1'))).status, 407)
    t.equal((await ask(t, other, 'absolute-form', pair('alice', '1'))).status, 407, 'the same guess')
    t.equal((await ask(t, other, 'absolute-form', pair('alice', '2'))).status, 407)
    for (const gate of [one, other]) t.equal((await ask(t, gate, 'absolute-form', ALICE)).status, 429)

    const own = await client()
    const keys = await own.keys('*')
    t.equal(keys.length, 4, 'an address, a user, two guesses')
    for (const key of keys) {
      t.match(key, /^fastify-proxy-auth:(address|user|guess):Gateway:[\w-]{43}$/, 'without names and secrets')
      t.ok(await own.pttl(key) > 0)
      await own.pexpire(key, 1)
    }
    await until(async () => (await own.keys('*')).length === 0)
    t.equal((await ask(t, one, 'absolute-form', ALICE)).status, 200)
  })

  t.test('one that is away: each process counts for itself, and says so (R-SEC-2)', async t => {
    const { client, stop } = await startRedis(t)
    const around = await surroundings(t, { attempts: { perUser: 2, key: KEY, redis: await client() } })
    t.equal((await ask(t, around, 'absolute-form', pair('alice', '1'))).status, 407)
    await stop()
    t.equal((await ask(t, around, 'absolute-form', BOB)).status, 200, 'nobody is locked out for it')
    for (const secret of ['2', '3']) t.equal((await ask(t, around, 'absolute-form', pair('alice', secret))).status, 407)
    t.equal((await ask(t, around, 'absolute-form', pair('alice', '4'))).status, 429, 'and nobody is unlimited')
    t.equal(around.log.filter(({ msg }) => /Redis/.test(String(msg))).length, 1, 'once')
  })
})
