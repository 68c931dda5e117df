import type { FastifyInstance } from 'fastify'
import type { Events } from '../events/events.js'
import { SharedRevocations } from '../policy/shared-revocations.js'
import type { Revocations } from '../policy/revocations.js'
import { RedisStore } from '../store/redis-store.js'
import { insistOnKey, keyFor } from '../store/shared-redis.js'
import type { SharedRedis } from '../store/shared-redis.js'
import type { SharedReplays } from '../strategies/strategy.js'
import { storeListener } from './store-listener.js'

/** What a registration has together with those of other processes. */
export interface SharedState {
  /**
   * What strategies remember, and sign with.
   *
   * @throws {BadOption} The option `redis` has no key.
   */
  replays (): SharedReplays
  /**
   * Begins, and asks Redis for what should be known before the first request. It does not reject.
   */
  prepare (): Promise<void>
  /** Ends what goes on in the name of a user, in all processes. */
  revoke (name: string): void
}

/** What belongs to the registration. */
export interface OwnState {
  readonly realm: string
  readonly revocations: Revocations
  readonly events: Events
}

/** Shares over Redis what processes share, until the application closes. */
export function shareState (
  app: FastifyInstance, redis: SharedRedis, { realm, revocations, events }: OwnState
): SharedState {
  const shared = new SharedRevocations(redis, realm, revocations, storeListener(app.log, events, 'revocations'))
  app.addHook('onClose', async () => { await shared.close() })
  let store: RedisStore | undefined
  return {
    replays () {
      const key = insistOnKey(redis, 'DigestStrategy')
      const onStore = storeListener(app.log, events, 'nonces')
      store ??= new RedisStore({ client: redis.client, prefix: redis.name, key: key.export(), onStore })
      return { store, key: keyFor(key, 'nonces') }
    },
    async prepare () { await Promise.all([shared.start(), store?.prepare()]) },
    revoke (name) { shared.revoke(name) }
  }
}
