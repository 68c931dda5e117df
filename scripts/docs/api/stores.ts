/**
 * Stores remember what counts once: the nonces of Digest, the signatures of AWS4.
 *
 * @module
 */
export { MemoryStore } from '../../../lib/index.js'
export type { Claim, MemoryStoreOptions, ReplayStore } from '../../../lib/index.js'
