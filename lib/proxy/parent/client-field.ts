import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { valuesOf } from '../../fields/raw-list.js'
import type { Parents } from '../../policy/parent/parents.js'

/** What clients sent, where nothing but this file finds it. */
const kept = new WeakMap<IncomingMessage, string>()

/**
 * An `onRequest` hook, to run before the gate's: keeps the client's own credentials for a parent
 * with `passthrough`. The gate takes the field off the request, for the sake of all that comes
 * behind it.
 */
export function keepClientField ({ raw }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  const [value] = valuesOf(raw.rawHeaders, 'proxy-authorization')
  if (value !== undefined) kept.set(raw, value)
  done()
}

/** The value of the field that {@link keepClientField} has kept, if there was one. */
export function clientFieldOf (request: IncomingMessage): string | undefined {
  return kept.get(request)
}

/** Whether that field may be wanted. A function may give any parent later. */
export function mayPassThrough ({ all }: Pick<Parents, 'all'>): boolean {
  return all.length === 0 || all.some(({ passthrough }) => passthrough)
}
