import t from 'tap'
import { readAttempts } from '../../../lib/policy/attempts/attempts-options.js'
import type { AttemptsSettings } from '../../../lib/policy/attempts/attempts-options.js'
import { createAttempts } from '../../../lib/policy/attempts/create-attempts.js'
import { readSharedRedis } from '../../../lib/store/shared-redis.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'

const trial = (user: string, presented: string) => ({ address: '192.0.2.1', user: () => user, presented, showsSecret: true })

t.test('wrong secrets: address, user and guess are counted apart', async t => {
  const attempts = await createAttempts(readAttempts({ perAddress: 2, perUser: 1 }), 'Gateway', () => {})
  const wrong = async (user: string, presented: string) => {
    const entry = await attempts.enter(trial(user, presented))
    if (typeof entry === 'number') return entry > 0
    await entry.refused()
    entry.leave()
    return false
  }
  t.same([await wrong('alice', '1'), await wrong('alice', '1'), await wrong('alice', '2')], [false, true, true], 'the user')
  t.same([await wrong('bob', '3'), await wrong('carol', '4')], [false, true], 'the address')
})

t.test('counts in Redis: their keys name what is counted and the realm, and a failure of Redis is reported', async t => {
  const troubles: unknown[] = []
  const keys: string[] = []
  const away = new Error('away')
  const multi = {
    get (key: string) {
      keys.push(key)
      return multi
    },
    pttl: () => multi,
    exec: async () => { throw away }
  }
  const redis = { ...fakeRedis(), multi: () => multi }
  const KEY = 'k'.repeat(32)
  const ask = async (settings: AttemptsSettings) => {
    const attempts = await createAttempts(settings, 'Gateway', (...told) => troubles.push(told))
    t.not(typeof await attempts.enter(trial('alice', '1')), 'number', 'nobody is locked out for it')
  }
  await ask(readAttempts({ redis, key: KEY }))
  t.same(keys.splice(0).map(key => key.split(':', 3).join(':')), ['address', 'user'].map(what => `fastify-proxy-auth:${what}:Gateway`))
  t.same(troubles, [['failed', away]], 'once, whatever is counted')
  await ask(readAttempts({}, readSharedRedis({ client: redis, key: KEY })))
  t.same(keys.map(key => key.split(':', 5).join(':')), ['address', 'user'].map(what => `{fastify-proxy-auth}:v1:attempts:${what}:Gateway`))
})

t.test('an address tries endless names: what was counted for a user stays counted, and its further names are one to it alone', async t => {
  const attempts = await createAttempts(readAttempts({ perAddress: 0, perUser: 2 }), 'Gateway', () => {})
  const mayTry = async (user: string, secret: string, address = '192.0.2.1') => {
    const entry = await attempts.enter({ ...trial(user, `${user}:${secret}`), address })
    if (typeof entry === 'number') return false
    await entry.refused()
    entry.leave()
    return true
  }
  t.same([await mayTry('alice', '1'), await mayTry('alice', '2'), await mayTry('alice', '3')], [true, true, false])
  const tried: string[] = []
  for (let i = 0; i < 1_100; i++) if (await mayTry(`user ${i}`, 'x')) tried.push(`user ${i}`)
  t.equal(tried.length, 1_001, 'its share, and two of what is beyond')
  t.equal(await mayTry('alice', '4'), false)
  t.equal(await mayTry('bob', '1'), false)
  t.same([await mayTry('alice', '4', '198.51.100.1'), await mayTry('bob', '1', '198.51.100.1')], [false, true])
})
