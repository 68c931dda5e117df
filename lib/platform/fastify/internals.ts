import { METHODS } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { BadRegistration } from '../../errors.js'

// The places where Fastify's public surface does not reach. Each looks a symbol up by its
// description and fails the boot when it is gone, so that a new Fastify shows in a test and not in
// a request.

/**
 * Lets routes of `scope`, and of no other, take every method that node parses, none of them with a
 * body that Fastify would parse. `addHttpMethod` would do it for the whole server, and widen the
 * application's `app.all`.
 *
 * @param scope - An encapsulated instance, ours alone.
 * @throws {BadRegistration} This Fastify keeps its methods elsewhere.
 * @quirk fastify-methods
 */
export function acceptEveryMethod (scope: FastifyInstance): void {
  const key = symbolOf(scope, 'fastify.acceptedHTTPMethods')
  Object.defineProperty(scope, key, { value: { bodyless: new Set(METHODS), bodywith: new Set<string>() } })
}

/**
 * The servers beside `app.server`: with `listen({ host: 'localhost' })` Fastify opens one for each
 * address of the name, and copies to them only the `upgrade` event of the first.
 *
 * @returns The further servers, empty before `listen`.
 * @quirk fastify-further-servers
 */
export function furtherServers (app: FastifyInstance): Server[] {
  const key = symbolOf(app, 'fastify.serverBindings')
  return (app as unknown as Record<symbol, Server[]>)[key]!
}

/** Fastify's option `rewriteUrl`, as far as it is needed. What it returns may be anything. */
export type RewriteUrl = (this: FastifyInstance, request: IncomingMessage) => unknown

/**
 * That option of an application.
 *
 * @quirk fastify-rewrite-url
 */
export function rewriteUrlOf (app: FastifyInstance): RewriteUrl | undefined {
  const key = symbolOf(app, 'fastify.options')
  return (app as unknown as Record<symbol, { readonly rewriteUrl?: RewriteUrl }>)[key]!.rewriteUrl
}

/** What a request is to match, by the names of constraints. */
export type Constraints = Record<string, unknown>

/** Of a request, what the router goes by. */
export interface RoutedRequest { readonly method: string, readonly url: string }

/**
 * What the router finds. It has no `store` where the router responds by itself: a path that does
 * not decode, a parameter too long.
 */
export interface FoundRoute { readonly store: { readonly config?: { readonly proxy?: unknown } } | null }

type Derived = (failure: Error | null, constraints?: Constraints) => void

/** The part of find-my-way, which is Fastify's router, that is asked here. */
export interface Router {
  /** The route of a method and a path with these constraints, as a request would find it. */
  find (method: string, path: string, constraints?: Constraints): FoundRoute | null
  readonly constrainer: {
    /**
     * Called once for each request. With `done` when a constraint of the application needs time.
     */
    deriveConstraints (request: RoutedRequest, context: unknown, done?: Derived): Constraints | undefined
  }
}

/**
 * The router that Fastify finds routes with. Fastify keeps it to itself, but it calls `hasRoute` of
 * it, and its router for not-found handlers is one of the same class.
 *
 * @throws {BadRegistration} This Fastify has no such router.
 * @quirk fastify-router-hidden
 */
export function routerOf (app: FastifyInstance): Router {
  const key = symbolOf(app, 'fastify.404')
  const beside = (app as unknown as Record<symbol, { router?: object }>)[key]?.router
  const prototype = beside && Object.getPrototypeOf(beside) as { hasRoute?: unknown }
  let router: Partial<Router> | undefined
  if (typeof prototype?.hasRoute === 'function') {
    const { hasRoute } = prototype
    prototype.hasRoute = function (this: Router) {
      router = this
      return false
    }
    try {
      app.hasRoute({ method: 'GET', url: '/' })
    } finally {
      prototype.hasRoute = hasRoute
    }
  }
  if (typeof router?.find === 'function' && typeof router.constrainer?.deriveConstraints === 'function') return router as Router
  throw new BadRegistration('this version of Fastify has no router that can be asked')
}

function symbolOf (instance: object, description: string): symbol {
  for (let at: object | null = instance; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description)
    if (found !== undefined) return found
  }
  throw new BadRegistration(`this version of Fastify has no ${description}`)
}
