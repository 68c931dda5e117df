import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticationRequired } from '../errors.js'
import { admit } from './admit.js'
import type { AdmitOptions } from './admit.js'
import { refuse, setChallenges } from './four-oh-seven.js'
import { PROXY } from './mode.js'
import { refusalBodies } from './refusal-body.js'

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | void>

/** The hook of proxy routes: lets the request through, or answers 407 itself. Nothing else writes that answer. */
export function proxyRouteHook (options: AdmitOptions, realm: string): Hook {
  const bodies = refusalBodies(options.mode.status, realm)
  return async (request, reply) => {
    const refused = await admit(request, reply, options)
    if (refused !== null) return refuse(reply, options.mode, refused.challenges, bodies)
  }
}

const kChallenges = Symbol('fastify-proxy-auth.challenges')
/** On the application's own routes: challenges that are to go out if the answer becomes a 407. */
type Pending = FastifyRequest & { [kChallenges]?: { readonly challenges: readonly string[], failed: boolean } }

/**
 * The hook for the application's own routes, `app.proxyAuthenticate`. It fails with an error, which the application's
 * error handler answers, and which other functions of `app.auth([...])` may overrule.
 */
export function ownRouteHook (options: AdmitOptions): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const refused = await admit(request, reply, options)
    if (refused === null) return
    ;(request as Pending)[kChallenges] = { challenges: refused.challenges, failed: false }
    reply.code(PROXY.status)
    throw new AuthenticationRequired()
  }
}

/**
 * Writes the challenges of {@link ownRouteHook} when, and only when, the answer goes out with status 407: a success of
 * another function leaves nothing behind. `@fastify/auth` then sets the status back; when all of its functions fail it
 * keeps our 407 but fails with the last error, whose own 401 would win.
 */
export function addChallengeHooks (app: FastifyInstance): void {
  app.addHook('onError', (request, reply, _error, done) => {
    const pending = (request as Pending)[kChallenges]
    if (pending !== undefined) pending.failed = reply.statusCode === PROXY.status
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    const pending = (request as Pending)[kChallenges]
    if (pending?.failed) reply.code(PROXY.status)
    if (reply.statusCode === PROXY.status) {
      reply.removeHeader(PROXY.info)
      if (pending !== undefined) setChallenges(reply, PROXY, pending.challenges)
    }
    done(null, payload)
  })
}
