import Fastify from 'fastify'
import t from 'tap'
import { Events } from '../../lib/events/events.js'
import { Revocations } from '../../lib/policy/revocations.js'
import { shareState } from '../../lib/registration/shared-state.js'
import { readSharedRedis } from '../../lib/store/shared-redis.js'
import type { SharedRedisOptions } from '../../lib/store/shared-redis.js'
import { fakeRedis } from '../fixtures/fake-redis.js'

const key = 'k'.repeat(32)

/** What is shared over a client that answers as it is told. */
function share (options: Partial<SharedRedisOptions> = {}, commands: Record<string, () => Promise<unknown>> = {}) {
  const app = Fastify()
  const asked: string[] = []
  const answers: Record<string, () => Promise<unknown>> = {
    proxyAuthClaim1: async () => ['lost', 'the epoch'], proxyAuthLastRevoked1: async () => '0-0', proxyAuthRevoked2: async () => ['0-0', [], 0], proxyAuthRevoke1: async () => null, ...commands
  }
  const client = fakeRedis()
  for (const [name, answer] of Object.entries(answers)) {
    Object.assign(client, {
      [name]: async () => {
        asked.push(name)
        return await answer()
      }
    })
  }
  const revocations = new Revocations()
  const events = new Events('gw')
  const told: unknown[] = []
  events.on('store', event => told.push(event))
  const state = shareState(app, readSharedRedis({ client, key, ...options }), { realm: 'Gateway', revocations, events })
  return { app, asked, told, state, revocations }
}

t.test('strategies that ask for what is shared: they get one store, and one key that is not that of the option', async t => {
  const { app, asked, state } = share()
  const { store, key: signs } = state.replays()
  t.equal(state.replays().store, store)
  t.ok(signs.equals(share().state.replays().key), 'the same in each process')
  t.not(signs.export().toString(), key)
  t.same(asked, [])
  await state.prepare()
  t.same(asked.sort(), ['proxyAuthClaim1', 'proxyAuthLastRevoked1'])
  t.equal(store.id, '{fastify-proxy-auth}:v1:the epoch')
  await app.close()
})

t.test('no strategy that asks: there is no store to be asked, and no key is needed', async t => {
  const { app, asked, state } = share({ key: undefined as never })
  await state.prepare()
  t.same(asked, ['proxyAuthLastRevoked1'])
  t.throws(() => state.replays(), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option redis.key must be given, as DigestStrategy needs it/ })
  await app.close()
})

t.test('a user that is revoked: it is here, and is told to the others before the application is closed', async t => {
  const { app, asked, state, revocations } = share()
  const { mark } = revocations
  await state.prepare()
  state.revoke('alice')
  t.ok(revocations.hasEnded('alice', mark))
  await app.close()
  t.ok(asked.includes('proxyAuthRevoke1'))
})

t.test('a Redis that fails at the boot: it goes on, and each use says so in an event', async t => {
  const fails = async () => { throw new Error('away') }
  const { app, state, told } = share({}, { proxyAuthClaim1: fails, proxyAuthLastRevoked1: fails })
  state.replays()
  await state.prepare()
  t.match(told, [{ store: 'revocations', state: 'failed' }, { store: 'nonces', state: 'failed' }])
  await app.close()
})
