import type { Milliseconds } from '../types.js'
import type { RedisClient } from './shared-redis.js'
import { StoreHealth } from './store-health.js'
import type { StoreListener } from './store-health.js'

/** How long Redis may take, unless something else is said. */
export const REDIS_TIMEOUT: Milliseconds = 1000

/**
 * Asks Redis. See {@link StoreHealth}.
 *
 * @example
 * const health = new RedisHealth(client, (state) => log.warn(state))
 * await health.ask(async () => await client.get('key'))
 */
export class RedisHealth extends StoreHealth {
  /**
   * @param clock - The time, from any point.
   * @param timeout - How long it may take. Default 1000 (1 second).
   */
  constructor (
    client: Pick<RedisClient, 'status' | 'connect'>, tell: StoreListener, clock?: () => Milliseconds, timeout = REDIS_TIMEOUT
  ) {
    super({ name: 'Redis', timeout, tell, clock, isReady: () => client.status === 'ready' })
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: nothing but a command would connect it
  }
}
