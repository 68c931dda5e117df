import type { FastifyBaseLogger } from 'fastify'
import type { Events } from '../events/events.js'
import type { StoreEvent } from '../events/payloads.js'
import type { StoreListener } from '../store/store-health.js'

/** What comes of it while a store does not respond, by what is kept there. */
const MEANWHILE = {
  attempts: 'this process counts failed attempts for itself',
  nonces: 'Digest credentials get 503',
  revocations: 'a user is revoked in this process alone',
  limits: 'requests that limits hold get 503'
} as const

/**
 * Makes what tells the log, and who listens to events, how a store is.
 *
 * @param store - What is kept there.
 * @param name - What it is.
 * @param meanwhile - What comes of it while it does not respond.
 */
export function storeListener (
  log: FastifyBaseLogger, events: Events, store: StoreEvent['store'], name = 'Redis', meanwhile: string = MEANWHILE[store]
): StoreListener {
  return (state, err) => {
    if (state === 'failed') log.warn({ err }, `${name} does not answer: ${meanwhile}`)
    else log.info({ store }, `${name} answers again`)
    if (!events.hears('store')) return
    const { code } = (err ?? {}) as { code?: unknown }
    events.tell('store', { store, state, error: typeof code === 'string' ? code : undefined })
  }
}
