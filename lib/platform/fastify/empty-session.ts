import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * An `onRequest` hook for requests whose target is no path. `@fastify/session` gives them, as all
 * that is outside the path of its cookie, an empty object for a session, and `@fastify/passport`
 * fails on that with a 500. They get a session that holds nothing and keeps nothing; whatever else
 * is there stays.
 *
 * @quirk session-empty-object
 */
export function emptySession (request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  const marked = request as { session?: unknown }
  if (isBare(marked.session)) marked.session = new NobodysSession()
  done()
}

/** As much of a session as plugins ask of one. */
class NobodysSession {
  get (): undefined {}
  set (): void {}
  data (): object { return {} }
}

function isBare (session: unknown): boolean {
  return typeof session === 'object' && session !== null && Object.getPrototypeOf(session) === Object.prototype && Object.keys(session).length === 0
}
