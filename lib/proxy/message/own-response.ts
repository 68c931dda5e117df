import type { FastifyReply } from 'fastify'
import { OWN_FIELDS } from '../../fields/spelling.js'
import { spellFields } from '../../platform/http1/spell-fields.js'
import { limitReading } from '../../platform/limit-reading.js'
import { dropRawFields, keptFields, restoreFields } from './response-head.js'

/**
 * An `onSend` hook for proxy routes: responses of our own (407, 403, 502) leave without what the
 * application's hooks put on them, unless the route keeps it: cookies, CSP or CORS are for the
 * application's own pages, and a browser would take them for the origin's. A route's own hooks run
 * last, so nothing comes after it. A refusal has to be read in time.
 */
export function sendOwn (
  _request: unknown, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void
): void {
  dropForeignFields(reply)
  if (reply.statusCode >= 400) limitReading(reply.raw)
  done(null, payload)
}

/** Takes off a reply what the application's hooks put on it, unless the route keeps it. */
export function dropForeignFields (reply: FastifyReply): void {
  const kept = keptFields(reply)
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (!OWN_FIELDS.has(name) || (name === 'cache-control' && value !== 'no-store')) reply.removeHeader(name)
  }
  dropRawFields(reply.raw)
  restoreFields(reply, kept)
  spellFields(reply.raw, OWN_FIELDS)
}
