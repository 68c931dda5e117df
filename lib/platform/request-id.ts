import type { FastifyRequest } from 'fastify'

/** The client may have chosen it (`requestIdHeader` of Fastify). */
const SENDABLE = /^[\x20-\x7e]{1,100}$/

/**
 * The id of a request that its client may be told, so that it can be found in the log. Only a user
 * who has authenticated is: Fastify's own ids tell how many requests there were.
 *
 * @returns `undefined` also for what is not printable ASCII of up to 100 chars.
 */
export function tellableId ({ id, proxyAuth }: Pick<FastifyRequest, 'id' | 'proxyAuth'>): string | undefined {
  const isKnown = typeof proxyAuth === 'object' && proxyAuth !== null
  return isKnown && typeof id === 'string' && SENDABLE.test(id) ? id : undefined
}
