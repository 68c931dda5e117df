import type { FastifyRequest, RouteHandlerMethod } from 'fastify'
import { RefusedCall } from '../../errors.js'
import type { Hook } from '../../platform/hook.js'

const kAdmission = Symbol('fastify-proxy-auth.admission')
/** What a request has that a handler has been called for, be it to refuse it. */
const HANDLED = Symbol('fastify-proxy-auth.handled')
type AdmittedRequest = FastifyRequest & { [kAdmission]?: OnlyAdmitted | typeof HANDLED }

/**
 * Lets the handlers of proxy routes serve the requests that the gate of these routes has let in,
 * and no others. Fastify goes on to the handler past all hooks that are left, the gate's too, where
 * a hook of the application throws `undefined`, and while the gate still asks where one is done
 * twice. An identity alone says little: another gate may have given it, or the application.
 *
 * @example
 * const admitted = new OnlyAdmitted()
 * scope.addHook('preHandler', admitted.by(authenticate))
 * scope.get('*', admitted.only(forward))
 */
export class OnlyAdmitted {
  /** Makes the gate's hook one that notes whom it lets in. */
  by (gate: Hook): Hook {
    return (request: AdmittedRequest, reply, done) => gate(request, reply, (error) => {
      if (error === undefined && request[kAdmission] !== HANDLED) request[kAdmission] = this
      done(error)
    })
  }

  /**
   * Makes of a handler one that fails for all others, and for those whose identity is gone. It is
   * called once: Fastify calls it again where a hook is done twice, and the request would go to its
   * target again.
   */
  only (handler: RouteHandlerMethod): RouteHandlerMethod {
    const admission = this
    return function (request: AdmittedRequest, reply) {
      const admitted = request[kAdmission]
      if (admitted === HANDLED) return
      request[kAdmission] = HANDLED
      if (admitted !== admission || request.proxyAuth == null) {
        throw new RefusedCall({ cause: new Error('a hook of the application threw undefined, or was done twice') })
      }
      return handler.call(this, request, reply)
    }
  }
}
