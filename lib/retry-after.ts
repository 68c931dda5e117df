import type { Milliseconds } from './types.js'

/**
 * The field that says when to come back: in whole seconds, one or more (RFC 9110, 10.2.3).
 */
export function retryAfter (wait: Milliseconds): { readonly 'retry-after': string } {
  return { 'retry-after': String(Math.max(1, Math.ceil(wait / 1000))) }
}
