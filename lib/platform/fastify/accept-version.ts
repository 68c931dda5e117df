import type { FastifyInstance } from 'fastify'
import { guardedOr } from '../guarded.js'
import { routerOf } from './internals.js'
import type { Constraints, FoundRoute, RoutedRequest, Router } from './internals.js'

const prepared = new WeakSet<Router>()

/**
 * Lets requests with `Accept-Version` reach reverse routes. As soon as the application has one
 * versioned route anywhere, the router keeps such requests from every route without a version.
 *
 * The router itself is asked twice, so that its options, methods, constraints, parameters and
 * nested prefixes decide as ever: a versioned route of the application that matches takes the
 * request. Else the field is overlooked, but only where the request without it is one for a reverse
 * route: the application's other routes stay closed to it, as Fastify has it. The field itself is
 * not touched.
 *
 * @throws {BadRegistration} This Fastify has no router that can be asked.
 * @quirk fastify-accept-version
 */
export function ignoreVersions (app: FastifyInstance): void {
  const router = routerOf(app)
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
