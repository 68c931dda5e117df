import type { FastifyBaseLogger } from 'fastify'
import type { Events } from '../events/events.js'
import type { StoreEvent } from '../events/payloads.js'
import type { StoreListener } from '../store/redis-health.js'

type StoreName = keyof typeof MEANWHILE & StoreEvent['store']

/** What comes of it while Redis does not respond, by what is kept there. */
const MEANWHILE = {
  attempts: 'this process counts failed attempts for itself',
  nonces: 'Digest credentials get 503',
  revocations: 'a user is revoked in this process alone'
} as const

/**
 * Makes what tells the log, and who listens to events, how a store in Redis is.
 *
 * @param store - What is kept there.
 */
export function storeListener (log: FastifyBaseLogger, events: Events, store: StoreName): StoreListener {
  return (state, err) => {
    if (state === 'failed') log.warn({ err }, `Redis does not answer: ${MEANWHILE[store]}`)
    else log.info({ store }, 'Redis answers again')
    if (!events.hears('store')) return
    const { code } = (err ?? {}) as { code?: unknown }
    events.tell('store', { store, state, error: typeof code === 'string' ? code : undefined })
  }
}
