/**
 * What was thrown, as an error. Code of the application's may throw anything: Fastify takes
 * `undefined` for no failure at all, and text for the content of a response.
 */
export function asError (cause: unknown): Error {
  return cause instanceof Error ? cause : new Error('what was thrown is no error', { cause })
}
