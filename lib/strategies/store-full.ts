import { StoreFull } from '../errors.js'
import type { Milliseconds } from '../types.js'

/** Says that a store has no room for another key, and when to come back: `Retry-After` goes with it. */
export function storeFull (retryAfter: Milliseconds): Error {
  const seconds = Math.max(1, Math.ceil(retryAfter / 1000))
  return Object.assign(new StoreFull(seconds), { headers: { 'retry-after': String(seconds) } })
}
