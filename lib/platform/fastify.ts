import { METHODS } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifySchema, FastifyReply, FastifyRequest } from 'fastify'
import { BadRegistration } from '../errors.js'
import { guardedOr } from './guarded.js'

// What Fastify and its plugins need to be told. Where the public surface does not reach, a symbol
// is looked up by its description, and the boot fails when it is gone: so a new Fastify shows in a
// test and not in a request.

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
 * Makes the `schema` of a proxy route: @fastify/swagger leaves the route out of OpenAPI documents,
 * which describe what the application does itself. It would find an operation for each method that
 * node parses.
 *
 * @returns An object of its own, since Fastify writes into it.
 */
export function hiddenSchema (): FastifySchema {
  return { hide: true } as FastifySchema
}

/**
 * Adds a hook for requests whose target is no path. `@fastify/session` gives them, as all that is
 * outside the path of its cookie, an empty object for a session, and `@fastify/passport` fails on
 * that with a 500. They get a session that holds nothing and keeps nothing; whatever else is there
 * stays.
 *
 * Sessions are made on `onRequest`. Where the plugin for them comes later than `scope`, so does its
 * hook; what looks into them then comes later still.
 *
 * @param scope - The routes for such requests.
 * @quirk session-empty-object
 */
export function replaceEmptySessions (scope: FastifyInstance): void {
  if (scope.hasRequestDecorator('session')) scope.addHook('onRequest', replaceEmptySession)
  else scope.addHook('preParsing', (request, reply, _payload, done) => replaceEmptySession(request, reply, done))
}

function replaceEmptySession (request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
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

/**
 * Calls `attach` with each server of the application: now with `app.server`, and once it listens
 * with those that `listen({ host: 'localhost' })` opens beside it.
 *
 * @quirk fastify-further-servers
 */
export function onEveryServer (app: FastifyInstance, attach: (server: Server) => void): void {
  attach(app.server)
  app.addHook('onListen', async () => furtherServers(app).forEach(attach))
}

/**
 * The addresses that the application listens on. Asked for every target, so kept once they are
 * known: a socket's address costs a system call.
 *
 * @param further - Those of listeners beside it, known before it listens. Default none.
 */
export function ownAddresses (app: FastifyInstance, further: readonly AddressInfo[] = []): () => AddressInfo[] {
  const ask = () => [...app.addresses().filter((address) => typeof address === 'object'), ...further]
  let known: AddressInfo[] | undefined
  app.addHook('onListen', async () => { known = ask() })
  return () => known ?? ask()
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

const prepared = new WeakSet<Router>()

/**
 * Lets requests with `Accept-Version` reach reverse routes. As soon as the application has one
 * versioned route anywhere, the router keeps such requests from every route without a version.
 * Where it has none once it is ready, there is nothing to do.
 *
 * The router itself is asked twice, so that its options, methods, constraints, parameters and
 * nested prefixes decide as ever: a versioned route of the application that matches takes the
 * request. Else the field is overlooked, but only where the request without it is one for a reverse
 * route: the application's other routes stay closed to it, as Fastify has it. The field itself is
 * not touched.
 *
 * The boot fails with `BadRegistration` where this Fastify has no router that can be asked.
 *
 * @quirk fastify-accept-version
 */
export function ignoreVersions (app: FastifyInstance): void {
  app.addHook('onReady', async () => {
    if (app.hasConstraintStrategy('version')) overlookVersions(routerOf(app))
  })
}

function overlookVersions (router: Router): void {
  if (prepared.has(router)) return
  prepared.add(router)
  const { constrainer } = router
  const derive = constrainer.deriveConstraints.bind(constrainer)
  // What fails here has no route.
  const overlook = guardedOr<Constraints | undefined, unknown, Parameters<typeof overlooking>>({ version: 'failed' }, overlooking)
  constrainer.deriveConstraints = (request, context, done) => {
    if (done === undefined) return overlook(router, request, derive(request, context))
    return derive(request, context, (failure, constraints) => {
      done(failure, overlook(router, request, constraints))
    })
  }
}

function overlooking (
  router: Router, { method, url }: RoutedRequest, constraints: Constraints | undefined
): Constraints | undefined {
  if (constraints?.['version'] === undefined || isRoute(router.find(method, url, constraints))) return constraints
  const unversioned = { ...constraints, version: undefined }
  const found = router.find(method, url, unversioned)
  return isRoute(found) && found.store.config?.proxy === 'reverse' ? unversioned : constraints
}

/** Whether a route was found, and not what the router has for a path that it cannot take. */
function isRoute (found: FoundRoute | null): found is FoundRoute & { store: object } {
  return found !== null && found.store !== null
}

function symbolOf (instance: object, description: string): symbol {
  for (let at: object | null = instance; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description)
    if (found !== undefined) return found
  }
  throw new BadRegistration(`this version of Fastify has no ${description}`)
}
