import type { Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Forbidden, StrategyFailed, StrategyUnavailable } from '../errors.js'
import type { AttemptInput, Chain } from '../passport/chain.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { ConnectionIdentities, Leg } from '../passport/connection-identity.js'
import type { Granted, Refused } from '../passport/outcome.js'
import { closeBehind } from '../platform/http1/close-behind.js'
import { closeHead } from '../platform/http2/close-head.js'
import { once } from '../platform/guarded.js'
import { addressGroup } from '../policy/attempts/address-group.js'
import { Identity } from '../policy/revocations.js'
import type { Revocations } from '../policy/revocations.js'
import type { ProxyUser } from '../types.js'
import { hashesOfNothing, hashesToRead, readCovered } from './content/verified-content.js'
import type { ContentHashes } from './content/verified-content.js'
import { consume, readCredentials } from './role/credentials-field.js'
import { addFinalToken, addStrategyInfo } from './role/authentication-info.js'
import type { ContentKeeper } from './content/buffered-content.js'
import type { Role } from './role/role.js'
import { nameOf } from './principal.js'
import type { Principal } from './principal.js'
import { protectResponse } from './content/auth-int.js'

/** What one gate works with. An identity counts at the gate that made it, and at no other. */
export interface AdmitOptions {
  readonly mode: Role
  readonly chain: Chain
  /** The strategies for a client that speaks in the clear from elsewhere, when that is refused. */
  readonly chainInTheClear: Chain
  /**
   * The fields that carry credentials of any strategy here, on whichever route. In lower case; none
   * is forwarded.
   */
  readonly reads: readonly string[]
  readonly principal?: Principal | undefined
  /** What client connections stand for, where a scheme is bound to the connection. */
  readonly connections?: ConnectionIdentities | undefined
  /** Where content stays that credentials cover, until the answer is out. */
  readonly keeper: ContentKeeper
  /** Who is to be asked anew. */
  readonly revocations: Revocations
  /**
   * The name of clients without credentials, which no user may have. `undefined`: none is let in
   * without.
   */
  readonly reserved?: string | undefined
  /** The most octets of an answer to such credentials to hold until its end. */
  readonly maxAnswer: number
}

/**
 * Decides about a request: sets `request.proxyAuth` and returns `null`, or returns the refusal.
 * Whatever comes of it, the credentials are gone from the request afterwards.
 *
 * @throws {DuplicateField} Two fields where one may be.
 * @throws {StrategyFailed} {@link StrategyUnavailable} {@link StrategyTimeout} {@link ClientLeft}
 *   There is no verdict.
 * @throws {BadRequest} The client did not wait for the answer within a handshake.
 * @throws {ContentTooLarge} {@link ContentNotKept} The credentials cover content that cannot be
 *   kept.
 */
export async function admit (
  request: FastifyRequest, reply: FastifyReply, options: AdmitOptions
): Promise<Refused | null> {
  const { mode, connections } = options
  let attempt: AdmitAttempt | undefined
  let continues = false
  closeHead(request.raw, reply.raw)
  try {
    if (isAdmitted(request, options)) return null
    request.proxyAuth = null
    const chain = isInTheClear(request) ? options.chainInTheClear : options.chain
    attempt = new AdmitAttempt(request, reply, readCredentials(request.raw, mode.credentials))
    if (connections !== undefined) {
      if (attempt.credentials === undefined && remember(request, connections)) return null
      attempt.leg = begin(attempt, reply, connections)
    }
    const hashes = chain.coversContent ? hashesToRead(request, chain, attempt) : NO_HASHES
    if (hashes.length > 0) attempt.covers(hashesOfNothing(request, hashes))
    let name = ''
    for (let asked = 0; asked < MAX_ASKED; asked++) {
      const { mark } = options.revocations
      const pending = chain.authenticate(attempt)
      // Nothing is awaited that is there already: each turn of the queue costs as much as the
      // verdict on a password.
      const outcome = 'then' in pending ? await pending : pending
      if (outcome.kind === 'broken') throw outcome.cause
      if (outcome.kind === 'refused') {
        if (outcome.needsContent === true) {
          attempt.contentHash = await readCovered(request, reply, hashes, options.keeper)
          asked -= 1 // once: the next outcome cannot need it
          continue
        }
        continues = outcome.continues === true
        return outcome
      }
      const granted = grant(request, reply, outcome, mark, options)
      if (granted === 'reserved') return refusalOfName(outcome)
      if (granted === 'yes') {
        if (isConnectionBound(outcome.scheme)) attempt.leg?.authenticate(request.proxyAuth!)
        return null
      }
      name = outcome.strategy
    }
    throw new StrategyUnavailable(name)
  } finally {
    attempt?.close(continues)
    consume(request.raw, OURS[mode.status])
    // Of all strategies: what is not asked here, or not without TLS, has still been sent to us and
    // not to the origin.
    if (options.reads.length > 0) consume(request.raw, options.reads)
  }
}

/**
 * Whether this gate has let the request in before, in another hook. Of another registration, role
 * or list of strategies an identity says nothing here, nor does one that the application has made
 * itself.
 */
function isAdmitted ({ proxyAuth }: FastifyRequest, gate: AdmitOptions): boolean {
  // Where a hook is used outside its scope, the request has no such member yet.
  return typeof proxyAuth === 'object' && proxyAuth !== null && Identity.isMadeBy(proxyAuth, gate)
}

/** Lets in a request that says nothing of who it is, where its connection does. */
function remember (request: FastifyRequest, connections: ConnectionIdentities): boolean {
  const identity = connections.identityOf(request.raw)
  if (identity === undefined) return false
  request.proxyAuth = identity
  return true
}

function begin (attempt: AttemptInput, reply: FastifyReply, connections: ConnectionIdentities): Leg | undefined {
  try {
    return connections.begin(attempt.raw, attempt.credentials, attempt)
  } catch (error) {
    closeBehind(reply) // what follows may be of the same kind
    throw error
  }
}

/** Where the route is an origin, what was meant for a proxy goes no further either. */
const OURS = { 407: ['proxy-authorization'], 401: ['authorization', 'proxy-authorization'] } as const

const NO_HASHES: readonly string[] = []

/**
 * How often a user is looked up who is revoked meanwhile. Where that goes on, the verifier itself
 * revokes the users that it accepts.
 */
const MAX_ASKED = 3

/**
 * Sets `proxyAuth`, last of all: not for a user without a name, or with something to be told that
 * cannot be sent; nor for one that has been revoked since the mark, as what was found may be what
 * no longer counts.
 *
 * @returns `no`: ask anew. `reserved`: the user has the name of those without credentials, and
 *   would be taken for one of them.
 */
function grant (request: FastifyRequest, reply: FastifyReply, granted: Granted, mark: number, options: AdmitOptions): 'yes' | 'no' | 'reserved' {
  const { mode, principal, maxAnswer, revocations } = options
  const { user, info, scheme, realm, strategy } = granted
  try {
    const name = nameOf(granted, principal)
    if (granted.name === undefined && name === options.reserved) return 'reserved'
    if (revocations.hasEnded(name, mark)) return 'no'
    addStrategyInfo(reply, info, mode)
    addFinalToken(reply, info, mode)
    protectResponse(reply, info, mode, maxAnswer)
    request.proxyAuth = new Identity({ user: user as ProxyUser, name, info, scheme, realm }, mark, options)
    return 'yes'
  } catch (cause) {
    throw new StrategyFailed(strategy, { cause })
  }
}

function refusalOfName ({ scheme }: Granted): Refused {
  return { kind: 'refused', status: 403, reason: 'forbidden', challenges: [], scheme, cause: new Forbidden('the name is reserved'), note: null }
}

/** Where Basic and Bearer can be read by whoever is in between. */
function isInTheClear ({ raw: { socket } }: FastifyRequest): boolean {
  return !('encrypted' in socket) && !isLoopback(socket)
}

function isLoopback ({ remoteAddress }: Socket): boolean {
  return remoteAddress === undefined || remoteAddress === '::1' || /^(?:::ffff:)?127\./.test(remoteAddress)
}

/**
 * What the strategies are told of a request. A class, for the getter: few attempts wait, and look
 * at the signal.
 */
class AdmitAttempt implements AttemptInput {
  readonly raw
  readonly url
  readonly ip
  contentHash: ContentHashes | undefined
  readsContent = false
  leg: Leg | undefined
  private controller: AbortController | undefined
  private leave: (() => void) | undefined

  constructor (
    request: FastifyRequest,
    private readonly reply: FastifyReply,
    readonly credentials: string | undefined
  ) {
    this.raw = request.raw
    this.url = request.originalUrl
    this.ip = request.ip
  }

  /** @param hashes - Of the content; `undefined`: it is still to be read. */
  covers (hashes: ContentHashes | undefined): void {
    this.contentHash = hashes
    this.readsContent = hashes === undefined
  }

  get from (): string { return addressGroup(this.ip) }

  get signal (): AbortSignal {
    if (this.controller === undefined) {
      const controller = this.controller = new AbortController()
      this.leave = () => controller.abort()
      once(this.reply.raw, 'close', this.leave)
      if (isGone(this.reply)) controller.abort()
    }
    return this.controller.signal
  }

  close (continues: boolean): void {
    this.leg?.close(continues)
    if (this.leave !== undefined) this.reply.raw.removeListener('close', this.leave)
  }
}

/** Whether the client has left. Node's answers over HTTP/2 do not say so, their streams do. */
function isGone ({ raw }: FastifyReply): boolean {
  const { stream } = raw as { stream?: Http2Stream }
  return stream === undefined ? raw.destroyed : stream.closed
}
