import type { FastifySchema } from 'fastify'

/**
 * Makes the `schema` of a proxy route: @fastify/swagger leaves the route out of OpenAPI documents,
 * which describe what the application does itself. It would find an operation for each method that
 * node parses.
 *
 * @returns An object of its own, since Fastify writes into it.
 */
export function hiddenSchema (): FastifySchema {
  return { hide: true } as FastifySchema
}
