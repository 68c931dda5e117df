import type { RouteHandlerMethod } from 'fastify'
import { RefusedCall } from '../../errors.js'

/**
 * Makes of the handler of a proxy route one for requests that the gate has let in, and no others.
 * Fastify goes on to the handler past all hooks that are left, the gate's too, where a hook of the
 * application throws `undefined`, and while the gate still asks where one is done twice.
 */
export function onlyAdmitted (handler: RouteHandlerMethod): RouteHandlerMethod {
  return function (request, reply) {
    if (request.proxyAuth == null) {
      throw new RefusedCall({ cause: new Error('a hook of the application threw undefined, or was done twice') })
    }
    return handler.call(this, request, reply)
  }
}
