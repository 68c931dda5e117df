import { METHODS } from 'node:http'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { BadRegistration } from '../errors.js'

// The two places where Fastify's public surface does not reach. Both look a symbol up by its description and
// fail the boot when it is gone, so that a new Fastify shows in a test and not in a request.

/**
 * Lets routes of `scope`, and of no other, take every method that node parses, none of them with a body that
 * Fastify would parse. `addHttpMethod` would do it for the whole server, and widen the application's `app.all`.
 *
 * @param scope - An encapsulated instance, ours alone.
 * @throws {BadRegistration} This Fastify keeps its methods elsewhere.
 */
export function acceptEveryMethod (scope: FastifyInstance): void {
  const key = symbolOf(scope, 'fastify.acceptedHTTPMethods')
  Object.defineProperty(scope, key, { value: { bodyless: new Set(METHODS), bodywith: new Set<string>() } })
}

/**
 * The servers beside `app.server`: with `listen({ host: 'localhost' })` Fastify opens one for each address of the
 * name, and copies to them only the `upgrade` event of the first.
 *
 * @returns The further servers, empty before `listen`.
 */
export function furtherServers (app: FastifyInstance): Server[] {
  const key = symbolOf(app, 'fastify.serverBindings')
  return (app as unknown as Record<symbol, Server[]>)[key]!
}

function symbolOf (instance: object, description: string): symbol {
  for (let at: object | null = instance; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find(symbol => symbol.description === description)
    if (found !== undefined) return found
  }
  throw new BadRegistration(`this version of Fastify has no ${description}`)
}
