/**
 * Stores remember what counts once: the nonces of Digest, the signatures of AWS4.
 *
 * @module
 */
export { MemoryStore } from '../../../lib/index.js'
export type { Claim, MemoryStoreOptions, RedisClient, RedisSubscriber, ReplayStore, SharedRedisOptions } from '../../../lib/index.js'
