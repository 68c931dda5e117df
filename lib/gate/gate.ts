import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { AuthenticationRequired, Forbidden } from '../errors.js'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import { OWN_FIELDS } from '../fields/spelling.js'
import { areWrong } from '../passport/outcome.js'
import type { Refused } from '../passport/outcome.js'
import { asError } from '../platform/as-error.js'
import { guarded } from '../platform/guarded.js'
import type { Hook } from '../platform/hook.js'
import { limitReading } from '../platform/limit-reading.js'
import { leaveCause } from '../platform/http1/refusal-cause.js'
import { spellFields } from '../platform/http1/spell-fields.js'
import { admit } from './admit.js'
import type { AdmitOptions } from './admit.js'
import { coveredContent } from './content/verified-content.js'
import { refuse, setChallenges } from './refusal/four-oh-seven.js'
import { dropAuthenticationInfo, respondAs } from './role/authentication-info.js'
import { PROXY } from './role/role.js'
import type { Milliseconds } from '../types.js'
import { logRefusal } from './refusal/log.js'
import { refusalBodies } from './refusal/body.js'
import { isLastRefusal } from './chain/wrong-credentials.js'
import { readPages } from './refusal/page.js'
import type { Pages } from './refusal/page.js'

/**
 * The hook of proxy routes: lets the request through, or answers 407 itself. Nothing else writes
 * that answer. Content that had to be read for the verdict is the body of the request, as a stream.
 *
 * Behind a refusal it is never done. Fastify goes on to the route when a hook is done and the
 * response is not sent; a client that leaves before its end would be served as if it were known.
 *
 * What {@link admit} throws, and refusals with another status (400, 403, 429), it hands on.
 */
export function proxyRouteHook (options: AdmitOptions, realm: string, pages: Pages = readPages()): Hook {
  const { mode, events } = options
  const bodies = refusalBodies(mode.status, realm, pages)

  /** Responds to a 407 itself; returns what Fastify is to respond to for any other refusal. */
  function respond (
    request: FastifyRequest, reply: FastifyReply, refused: Refused, began: Milliseconds
  ): 'responded' | Error {
    logRefusal(request, refused, events, began)
    const closes = isLastRefusal(request.raw, refused)
    if (refused.status === 407) {
      if (areWrong(refused)) leaveCause(reply.raw, NOT_ACCEPTED)
      refuse(reply, mode, refused, bodies, closes)
      return 'responded'
    }
    if (closes) reply.header('connection', 'close')
    if (refused.challenges.length > 0) reply.header(mode.challenge, [...refused.challenges])
    return errorOf(refused)
  }

  function settle (
    request: FastifyRequest, reply: FastifyReply, refused: Refused | null, began: Milliseconds,
    done: HookHandlerDoneFunction
  ): void {
    let error: 'responded' | Error | undefined
    try {
      if (refused !== null) error = respond(request, reply, refused, began)
      else if (request.raw.readableEnded) openContent(request) // it was read for the verdict
    } catch (cause) {
      error = asError(cause)
    }
    if (error === undefined) done()
    else if (error !== 'responded') fail(reply, error, done)
  }

  return (request, reply, done) => {
    const began = performance.now()
    let refused: Eventual<Refused | null>
    try {
      if (mode !== PROXY) respondAs(reply, mode)
      refused = admit(request, reply, options, began)
    } catch (error) {
      return fail(reply, error, done)
    }
    if (isThenable(refused)) {
      const { raw } = reply // `done` leads into Fastify and the application's hooks, which may throw
      const judged = guarded((later: Refused | null) => settle(request, reply, later, began, done), raw)
      refused.then(judged, guarded((cause) => fail(reply, cause, done), raw))
    } else settle(request, reply, refused, began, done)
  }
}

/**
 * What the status line of a CONNECT says: that there were credentials, and they are wrong. In what
 * they are is not said.
 */
const NOT_ACCEPTED = Object.freeze({ statusCode: 407, code: 'FST_PROXY_AUTH_REQUIRED' })

function fail (reply: FastifyReply, cause: unknown, done: HookHandlerDoneFunction): void {
  const error = asError(cause)
  leaveCause(reply.raw, error)
  done(error)
}

function openContent (request: FastifyRequest): void {
  const content = coveredContent(request)
  if (content !== undefined) request.body = content.open()
}

const kRefused = Symbol('fastify-proxy-auth.refused')
/**
 * On the application's own routes: a refusal whose challenges are to go out if the answer has its
 * status.
 */
interface Pending {
  readonly refused: Refused
  /** The status that the error would have by itself, when it came of our 407 all the same. */
  overruled: number | null
}
type RefusedRequest = FastifyRequest & { [kRefused]?: Pending }

/** Requests on the application's own routes about which there is no verdict. */
const failed = new WeakSet<FastifyRequest>()

/**
 * The hook for the application's own routes: `proxyAuthenticate`. It fails with an error, which the
 * application's error handler answers, and which other functions of `app.auth([...])` may overrule.
 *
 * @throws What {@link admit} throws, and every refusal.
 */
export function ownRouteHook (options: AdmitOptions): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const began = performance.now()
    let refused: Refused | null
    try {
      refused = await admit(request, reply, options, began)
      if (refused !== null) logRefusal(request, refused, options.events, began)
    } catch (cause) {
      failed.add(request)
      throw asError(cause) // @fastify/auth takes what is empty for a success
    }
    if (refused === null) return
    ;(request as RefusedRequest)[kRefused] = { refused, overruled: null }
    if (refused.status === 407) reply.code(407)
    throw errorOf(refused)
  }
}

function errorOf ({ status, cause }: Refused): Error {
  if (status === 407) return new AuthenticationRequired()
  const error = cause ?? new Forbidden(status === 429 ? 'too many attempts' : 'access refused')
  return Object.assign(error, { statusCode: status })
}

/**
 * Writes the challenges of {@link ownRouteHook} when, and only when, the answer goes out with the
 * status they belong to: a success of another function leaves nothing behind. `@fastify/auth` then
 * sets the status back; when all of its functions fail it keeps our 407 but fails with the last
 * error, whose own status would win: it is put right here, unless an error handler has chosen
 * another one.
 */
export function addChallengeHooks (app: FastifyInstance): void {
  app.addHook('onError', (request, reply, error, done) => {
    const pending = (request as RefusedRequest)[kRefused]
    if (pending?.refused.status === 407 && reply.statusCode === 407) pending.overruled = statusOf(error)
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    const pending = (request as RefusedRequest)[kRefused]
    if (pending !== undefined) {
      if (reply.statusCode === pending.overruled) {
        reply.code(407)
        payload = rewritten(payload, pending.overruled)
      }
      const { refused } = pending
      const { status, challenges } = refused
      if (reply.statusCode === status) {
        if (isLastRefusal(request.raw, refused)) reply.header('connection', 'close')
        if (challenges.length > 0) setChallenges(reply, PROXY, challenges)
        spellFields(reply.raw, OWN_FIELDS)
      }
    }
    if (reply.statusCode === 407) dropAuthenticationInfo(reply)
    if (reply.statusCode >= 400 && (pending !== undefined || failed.has(request))) limitReading(reply.raw)
    done(null, payload)
  })
}

/** As Fastify reads it. */
function statusOf ({ statusCode, status }: FastifyError & { status?: number }): number | null {
  return statusCode ?? status ?? null
}

/**
 * Fastify's own error body says the status, and why; any other was written on purpose, and
 * stays.
 */
function rewritten (payload: unknown, overruled: number): unknown {
  if (typeof payload !== 'string' || !payload.startsWith(`{"statusCode":${overruled},`)) return payload
  const { code, message } = new AuthenticationRequired()
  return JSON.stringify({ statusCode: 407, code, error: STATUS_CODES[407], message })
}
