import type { onSendHookHandler } from 'fastify'
import type { Exchanges } from './exchanges.js'

/**
 * An `onSend` hook that ends the connection behind an answer while the server stops. A request that
 * waited for a verdict is none of the exchanges, and its connection would be waited for once it is
 * idle.
 */
export function closeWhileDraining (exchanges: Exchanges): onSendHookHandler {
  return (_request, reply, payload, done) => {
    if (exchanges.closing) reply.raw.shouldKeepAlive = false
    done(null, payload)
  }
}
