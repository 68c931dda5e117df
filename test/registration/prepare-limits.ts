import Fastify from 'fastify'
import t from 'tap'
import { Events } from '../../lib/events/events.js'
import type { LimitOptions, LimitStoreOptions } from '../../lib/policy/limits/limits-options.js'
import { readLimits } from '../../lib/policy/limits/limits-options.js'
import { prepareLimits } from '../../lib/registration/prepare-limits.js'
import { readSharedRedis } from '../../lib/store/shared-redis.js'
import { fakeRedis } from '../fixtures/fake-redis.js'
import { Log } from '../fixtures/log.js'
import { newFile, sqlite } from '../fixtures/sqlite.js'

const alice = { user: 'alice', groups: [], rule: null, kind: 'tunnel' } as const
async function prepared (limits: LimitOptions[], store?: LimitStoreOptions) {
  const { stream, lines } = new Log()
  const app = Fastify({ logger: { stream } })
  const events = new Events('gw')
  const redis = readSharedRedis(fakeRedis({ status: 'end' }))
  const made = await prepareLimits(app, { limits: readLimits(limits, store), redis: store?.file === undefined ? redis : undefined }, events)
  return { app, lines, events, made: made! }
}
const refused = { code: 'FST_PROXY_AUTH_LIMIT_REACHED' }

t.test('no limits: there is nothing to prepare', async t => {
  const { made } = await prepared([])
  t.equal(made, undefined)
})

t.test('a limit that is reached: who listens to events is told, and who does not costs nothing', async t => {
  const { made, events } = await prepared([{ name: 'none', bandwidth: { up: 5 }, tunnels: 0 }], { whenFailing: 'allow' })
  await t.rejects(async () => await made.admit(alice, 'req-1', () => {}), refused)
  const told: unknown[] = []
  events.on('limited', event => told.push(event))
  await t.rejects(async () => await made.admit(alice, 'req-2', () => {}), refused)
  t.same(told, [{ gateway: 'gw', id: 'req-2', user: 'alice', limit: 'none', kind: 'tunnels', retryAfterMs: null, ended: false }])
})

t.test('a Redis that is away: the log and who listens to events are told', async t => {
  for (const [whenFailing, message] of [['refuse', 'Redis does not answer: requests that limits hold get 503'], ['allow', 'Redis does not answer: what limits hold is not counted']] as const) {
    const { made, lines, events } = await prepared([{ tunnels: 1 }], { whenFailing })
    const told: unknown[] = []
    events.on('store', event => told.push(event))
    await Promise.allSettled([made.admit(alice, 'req-1', () => {})])
    t.match(lines, [{ level: 40, msg: message }])
    t.match(told, [{ store: 'limits', state: 'failed' }])
  }
})

t.test('an application that ends: the file of quotas is closed', { skip: sqlite.skip }, async t => {
  const { made, app, lines } = await prepared([{ quota: { octets: 5, per: 'day' } }], { file: newFile(t) })
  await app.close()
  await t.rejects(async () => await made.admit(alice, 'req-1', () => {}), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  t.match(lines.at(-1), { level: 40, msg: 'The store of limits does not answer: requests that limits hold get 503' })
})
