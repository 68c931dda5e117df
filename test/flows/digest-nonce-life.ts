import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { parseChallenges } from '../../lib/fields/challenge.js'
import { MemoryStore } from '../../lib/store/memory.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import type { DigestOptions } from '../../lib/strategies/digest/options.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, surroundings } from '../fixtures/forms.js'
import type { Surroundings } from '../fixtures/forms.js'
import { gateway } from '../fixtures/gateway.js'
import { wholeAnswer } from '../fixtures/whole-answer.js'
import type { WholeAnswer } from '../fixtures/whole-answer.js'

const digest = (options: Partial<DigestOptions> = {}) =>
  new DigestStrategy({ lookup: username => username === 'alice' ? { password: 'alice-secret' } : null, ...options })
const around = async (t: Test, options: Partial<DigestOptions> = {}): Promise<Surroundings> => await surroundings(t, { strategies: [digest(options)] })

const AUTH = { qop: 'auth' } as const
/** Whether a 407 says that the password was right and only the nonce was not. */
const isStale = ({ status, headers }: WholeAnswer): boolean =>
  status === 407 && parseChallenges(headers['proxy-authenticate']!).every(({ params }) => params?.stale === 'true')

for (const form of FORMS) {
  t.test(`${form}: the life of a nonce: at first nothing is said, then its successor, then it is stale (R-DIG-16, R-DIG-49, R-DIG-50, R-DIG-51, R-DIG-52)`, async t => {
    const time = { now: Date.UTC(2026, 10, 21) }
    const surrounded = await around(t, { nonceLifetime: 1000, clock: () => time.now })
    const [session, loyal] = [await DigestSession.start(t, surrounded, form), await DigestSession.start(t, surrounded, form)]
    time.now += 749
    t.equal(session.follow(await session.send('/', AUTH)), false)
    time.now += 1
    const near = await session.send('/', AUTH)
    t.match(session.verify(near), { rspauth: 'right' })
    t.equal(session.follow(near), true)
    t.equal((await loyal.send('/', AUTH)).status, 200, 'who does not follow goes on')
    t.equal((await session.send('/', AUTH)).status, 200)
    t.equal(session.nc, 1)
    time.now += 250
    t.equal((await session.send('/', AUTH)).status, 200, 'the successor has a life of its own')
    const late = await loyal.send('/', AUTH)
    t.ok(isStale(late))
    t.notOk(isStale(await loyal.send('/', { ...AUTH, password: 'wrong' })), 'a wrong password still asks for another')
    loyal.follow(late)
    t.equal((await loyal.send('/', AUTH)).status, 200)
  })

  t.test(`${form}: one-time nonces are followed without a 407, and none is good for two (R-DIG-34, R-DIG-50, R-DIG-52)`, async t => {
    const session = await DigestSession.start(t, await around(t, { oneTimeNonces: true }), form)
    for (let n = 0; n < 5; n++) {
      const before = session.challenges
      const answer = await session.send('/', AUTH)
      t.equal(answer.status, 200)
      t.match(session.verify(answer), { rspauth: 'right' })
      t.ok(session.follow(answer))
      t.not(session.challenges, before)
    }
    await session.send('/', AUTH)
    t.ok(isStale(await session.send('/', AUTH)), 'another count does not help')
  })

  t.test(`${form}: after a restart, and in another process, a nonce is stale and never accepted, unless they share keys and store (R-DIG-8, R-DIG-34, S6)`, async t => {
    const keys = [randomBytes(32)]
    const store = new MemoryStore()
    const strategies = { apart: {}, 'with the same keys': { keys }, 'with keys and store': { keys, store } }
    for (const [name, options] of Object.entries(strategies)) {
      const surrounded = await around(t, options)
      const session = await DigestSession.start(t, surrounded, form)
      t.equal((await session.send('/', AUTH)).status, 200)
      const { port } = await gateway(t, { strategies: [digest(options)], reverse: [{ prefix: '/api', upstream: surrounded.origin.url }] })
      Object.assign(session, { around: { ...surrounded, port } })
      const replayed = await session.send('/', { ...AUTH, nc: 1 })
      t.ok(isStale(replayed), name)
      const elsewhere = await session.send('/', AUTH)
      if (name === 'with keys and store') t.equal(elsewhere.status, 200)
      else t.ok(isStale(elsewhere), name)
      t.notOk(isStale(await session.send('/', { ...AUTH, password: 'wrong' })))
      session.follow(replayed)
      t.equal((await session.send('/', AUTH)).status, 200)
    }
  })
}

t.test('a parameter of 64 KiB: it is refused, or not even read (S10, S1)', async t => {
  const long = 'x'.repeat(65_536)
  for (const [options, statuses] of [[{}, [431]], [{ http: { maxHeaderSize: 1_000_000 } }, [400, 407]]] as const) {
    const { origin, ...surrounded } = await surroundings(t, { strategies: [digest({ store: new MemoryStore({ maxWindows: 10 }) })], fastify: options as never })
    const session = await DigestSession.start(t, { origin, ...surrounded })
    session.sign('/', AUTH)
    const params = session.signed.credentials.slice('Digest '.length).split(', ').map(param => param.split('=')[0]!)
    t.ok(params.length >= 9)
    for (const name of [...params, 'username*', 'userhash', 'unknown', long]) {
      const value = name === 'username*' ? `UTF-8''${long}` : name === long ? '1' : long
      const others = session.signed.credentials.slice('Digest '.length).split(', ').filter(param => !param.startsWith(`${name}=`))
      const credentials = `Digest ${[...others, `${name}="${value}"`].join(', ')}`
      const { status } = await wholeAnswer(t, { port: surrounded.port, path: `http://${origin.authority}/`, headers: { 'Proxy-Authorization': credentials } })
      // What is not known is passed over, whatever its length: the first such request is right, the next a replay.
      const expected: readonly number[] = name === 'unknown' ? [...statuses, 200] : statuses
      t.ok(expected.includes(status), `${name.slice(0, 20)}: ${status}`)
    }
    t.equal((await session.send('/', AUTH)).status, 200, 'and the next client is served')
  }
})
