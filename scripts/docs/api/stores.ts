/**
 * Stores remember what counts once: the nonces of Digest, the signatures of AWS4.
 *
 * @module
 */
export { MemoryStore, RedisStore } from '../../../lib/index.js'
export type { Claim, MemoryStoreOptions, RedisClient, RedisStoreOptions, RedisSubscriber, ReplayStore, SharedRedisOptions, StoreListener } from '../../../lib/index.js'
