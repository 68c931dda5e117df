import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Forbidden } from '../errors.js'
import type { AttemptInput, Chain } from '../passport/chain.js'
import type { Granted, Refused } from '../passport/outcome.js'
import type { ProxyUser } from '../types.js'
import { consume, readCredentials } from './credentials-field.js'
import { addStrategyInfo } from './info.js'
import type { Mode } from './mode.js'
import { nameOf } from './principal.js'
import type { Principal } from './principal.js'

export interface AdmitOptions {
  readonly mode: Mode
  readonly chain: Chain
  /** The strategies for a client that speaks in the clear from elsewhere, when that is refused. */
  readonly chainInTheClear: Chain
  readonly principal?: Principal | undefined
}

/**
 * Decides about a request: sets `request.proxyAuth` and returns `null`, or returns the refusal to be answered with
 * `mode.status`. Whatever comes of it, the credentials are gone from the request afterwards.
 *
 * @throws {DuplicateField} Two fields where one may be.
 * @throws {MalformedCredentials} The credentials do not follow their grammar.
 * @throws {Forbidden} A strategy says no to a user it knows, or there is nothing to be asked for.
 * @throws {StrategyFailed} {@link StrategyUnavailable} {@link StrategyTimeout} {@link ClientLeft} Nobody could tell.
 */
export async function admit (request: FastifyRequest, reply: FastifyReply, options: AdmitOptions): Promise<Refused | null> {
  if (request.proxyAuth !== null) return null
  const { mode, principal } = options
  const chain = isInTheClear(request) ? options.chainInTheClear : options.chain
  const attempt = new Attempt(request, reply, readCredentials(request.raw, mode.credentials))
  try {
    const pending = chain.authenticate(attempt)
    const outcome = 'then' in pending ? await pending : pending
    if (outcome.kind === 'broken') throw outcome.cause
    if (outcome.kind === 'refused') return refusal(outcome, reply, mode)
    grant(request, reply, outcome, mode, principal)
    return null
  } finally {
    attempt.close()
    consume(request.raw, mode.credentials === 'authorization' ? ['authorization', 'proxy-authorization'] : ['proxy-authorization'])
    if (chain.reads.length > 0) consume(request.raw, chain.reads)
  }
}

function grant (request: FastifyRequest, reply: FastifyReply, granted: Granted, mode: Mode, principal?: Principal): void {
  const { user, info, scheme, realm } = granted
  request.proxyAuth = { user: user as ProxyUser, name: nameOf(granted, principal), info, scheme, realm }
  addStrategyInfo(reply, info, mode)
}

/** Passes a 407 on; any other status is an error like others, and goes to the application's error handler. */
function refusal (refused: Refused, reply: FastifyReply, mode: Mode): Refused {
  const { status, challenges, cause, reason } = refused
  if (status === 407) return refused
  if (challenges.length > 0) reply.header(mode.challenge, [...challenges])
  const error = cause ?? new Forbidden(reason)
  throw Object.assign(error, { statusCode: status })
}

/** Where Basic and Bearer can be read by whoever is in between. */
function isInTheClear ({ raw: { socket } }: FastifyRequest): boolean {
  return !('encrypted' in socket) && !isLoopback(socket)
}

function isLoopback ({ remoteAddress }: Socket): boolean {
  return remoteAddress === undefined || remoteAddress === '::1' || /^(?:::ffff:)?127\./.test(remoteAddress)
}

/** What the strategies are told of a request. A class, for the getter: few attempts wait, and look at the signal. */
class Attempt implements AttemptInput {
  readonly raw
  readonly url
  readonly ip
  private controller: AbortController | undefined
  private leave: (() => void) | undefined

  constructor (request: FastifyRequest, private readonly reply: FastifyReply, readonly credentials: string | undefined) {
    this.raw = request.raw
    this.url = request.originalUrl
    this.ip = request.ip
  }

  get signal (): AbortSignal {
    if (this.controller === undefined) {
      const controller = this.controller = new AbortController()
      this.leave = () => controller.abort()
      this.reply.raw.once('close', this.leave)
      if (this.reply.raw.destroyed) controller.abort()
    }
    return this.controller.signal
  }

  close (): void {
    if (this.leave !== undefined) this.reply.raw.removeListener('close', this.leave)
  }
}
