import type { FastifyReply, FastifyRequest } from 'fastify'
import { Forbidden, StrategyFailed, StrategyUnavailable } from '../errors.js'
import type { Events } from '../events/events.js'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import type { AttemptInput } from '../passport/attempt-input.js'
import type { Chain } from '../passport/chain.js'
import { isConnectionBound } from '../schemes/traits.js'
import type { ConnectionIdentities, Leg } from '../passport/connection-identity.js'
import type { Granted, Outcome, Refused } from '../passport/outcome.js'
import { isInTheClear } from '../platform/connection.js'
import { closeBehind } from '../platform/http1/close-behind.js'
import { endWhenReset } from '../platform/http2/client-reset.js'
import { once } from '../platform/guarded.js'
import { isGone, streamOf } from '../platform/message-state.js'
import { addressGroup } from '../policy/attempts/address-group.js'
import { Identity, nameOf } from '../policy/identity.js'
import type { Principal } from '../policy/identity.js'
import type { Revocations } from '../policy/revocations.js'
import type { Milliseconds, ProxyUser } from '../types.js'
import { hashesOfNothing, hashesToRead, readCovered } from './content/verified-content.js'
import type { ContentHashes } from './content/verified-content.js'
import { consume, consumeReplaced, readCredentials } from './role/credentials-field.js'
import { addFinalToken, addStrategyInfo } from './role/authentication-info.js'
import type { KnownUsers } from './refusal/known-users.js'
import type { ContentKeeper } from './content/buffered-content.js'
import type { Role } from './role/role.js'
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
  readonly events: Events
  /**
   * The name of clients without credentials, which no user may have. `undefined`: none is let in
   * without.
   */
  readonly reserved?: string | undefined
  /** The most octets of an answer to such credentials to hold until its end. */
  readonly maxAnswer: number
  /** The names that the log may have; gates may share them. */
  readonly knownUsers: KnownUsers
}

/**
 * Decides about a request: sets `request.proxyAuth` and returns `null`, or returns the refusal.
 * Whatever comes of it, the credentials are gone from the request afterwards.
 *
 * @param began - When the verdict was asked for, by `performance.now()`. Default: now.
 * @throws {DuplicateField} Two fields where one may be.
 * @throws {StrategyFailed} {@link StrategyUnavailable} {@link StrategyTimeout} {@link ClientLeft}
 *   There is no verdict.
 * @throws {BadRequest} The client did not wait for the answer within a handshake.
 * @throws {ContentTooLarge} {@link ContentNotKept} The credentials cover content that cannot be
 *   kept.
 */
export function admit (
  request: FastifyRequest, reply: FastifyReply, options: AdmitOptions, began: Milliseconds = performance.now()
): Eventual<Refused | null> {
  const stream = streamOf(request.raw)
  if (stream !== undefined) endWhenReset(stream, request.raw, reply.raw)
  const attempt = new AdmitAttempt(request, reply, options, began)
  // Nothing is awaited that is there already: each turn of the queue costs as much as the verdict
  // on a password.
  let refused: Eventual<Refused | null>
  try {
    refused = decide(attempt)
  } catch (error) {
    attempt.close()
    throw error
  }
  if (isThenable(refused)) return Promise.resolve(refused).finally(() => attempt.close())
  attempt.close()
  return refused
}

function decide (attempt: AdmitAttempt): Eventual<Refused | null> {
  const { request, options: { mode, connections, chain, chainInTheClear } } = attempt
  attempt.chain = chain !== chainInTheClear && isInTheClear(request.raw.socket) ? chainInTheClear : chain
  if (isAdmitted(attempt)) return null
  request.proxyAuth = null
  attempt.credentials = readCredentials(attempt.raw, mode.credentials)
  if (connections !== undefined) {
    if (attempt.credentials === undefined && remember(request, connections)) {
      tellGranted(attempt)
      return null
    }
    attempt.leg = begin(attempt, connections)
  }
  if (attempt.chain.coversContent) {
    attempt.hashes = hashesToRead(request, attempt.chain, attempt)
    if (attempt.hashes.length > 0) attempt.covers(hashesOfNothing(request, attempt.hashes))
  }
  return ask(attempt, MAX_ASKED)
}

/** @param left - How often the strategies may be asked still. */
function ask (attempt: AdmitAttempt, left: number): Eventual<Refused | null> {
  const { mark } = attempt.options.revocations
  const outcome = attempt.chain.authenticate(attempt)
  return 'then' in outcome
    ? outcome.then((later) => conclude(attempt, later, mark, left))
    : conclude(attempt, outcome, mark, left)
}

/** @param mark - The revocations that were known before the strategies were asked. */
function conclude (
  attempt: AdmitAttempt, outcome: Outcome, mark: number, left: number
): Eventual<Refused | null> {
  const { leg, options: { knownUsers } } = attempt
  if (outcome.kind === 'broken') throw outcome.cause
  if (outcome.kind === 'refused') {
    if (outcome.needsContent === true) return readContent(attempt, left)
    attempt.continues = outcome.continues === true
    return knownUsers.addTo(outcome, attempt.credentials)
  }
  const { userId } = outcome
  if (userId !== null && !knownUsers.has(userId)) knownUsers.add(userId)
  const granted = grant(attempt, outcome, mark)
  if (granted === 'reserved') return refusalOfName(outcome)
  if (granted === 'no') {
    if (left === 1) throw new StrategyUnavailable(outcome.strategy)
    return ask(attempt, left - 1)
  }
  if (leg !== undefined && isConnectionBound(outcome.scheme)) leg.authenticate(attempt.request.proxyAuth!)
  tellGranted(attempt)
  return null
}

/** Asks anew, with the content. It happens once: the next outcome cannot need it. */
async function readContent (attempt: AdmitAttempt, left: number): Promise<Refused | null> {
  const { request, reply, hashes, options: { keeper } } = attempt
  attempt.contentHash = await readCovered(request, reply, hashes, keeper)
  return await ask(attempt, left)
}

/**
 * Whether this gate has let the request in before, in another hook. Of another registration, role
 * or list of strategies an identity says nothing here, nor does one that the application has made
 * itself.
 */
function isAdmitted ({ request: { proxyAuth }, options }: AdmitAttempt): boolean {
  // Where a hook is used outside its scope, the request has no such member yet.
  return typeof proxyAuth === 'object' && proxyAuth !== null && Identity.isMadeBy(proxyAuth, options)
}

/** Lets in a request that says nothing of who it is, where its connection does. */
function remember (request: FastifyRequest, connections: ConnectionIdentities): boolean {
  const identity = connections.identityOf(request.raw)
  if (identity === undefined) return false
  request.proxyAuth = identity
  return true
}

function tellGranted ({ request, options: { events }, began }: AdmitAttempt): void {
  if (!events.hears('granted')) return
  const { id, ip, method, proxyAuth } = request
  const { name: user, scheme, realm } = proxyAuth!
  events.tell('granted', { id, client: ip ?? null, method, user, scheme, realm, durationMs: performance.now() - began })
}

function begin (attempt: AdmitAttempt, connections: ConnectionIdentities): Leg | undefined {
  try {
    return connections.begin(attempt.raw, attempt.credentials, attempt)
  } catch (error) {
    closeBehind(attempt.reply) // what follows may be of the same kind
    throw error
  }
}

/** Where the route is an origin, what was meant for a proxy goes no further either. */
const OURS = { 407: ['proxy-authorization'], 401: ['authorization', 'proxy-authorization'] } as const

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
function grant (
  { request, reply, options }: AdmitAttempt, granted: Granted, mark: number
): 'yes' | 'no' | 'reserved' {
  const { mode, principal, maxAnswer, revocations } = options
  const { user, info, scheme, realm, strategy } = granted
  try {
    const name = nameOf(granted, principal)
    if (granted.name === undefined && name === options.reserved) return 'reserved'
    if (revocations.mark > mark && revocations.hasEnded(name, mark)) return 'no'
    if (isForResponse(info)) {
      addStrategyInfo(reply, info, mode)
      addFinalToken(reply, info, mode)
      protectResponse(reply, info, mode, maxAnswer)
    }
    request.proxyAuth = new Identity({ user: user as ProxyUser, name, info, scheme, realm }, mark, options)
    return 'yes'
  } catch (cause) {
    throw new StrategyFailed(strategy, { cause })
  }
}

/** Whether the strategy has something for the response to say; of Basic and Bearer none has. */
function isForResponse (info: unknown): boolean {
  const { proxyAuthenticationInfo, proxyAuthenticate, digest } = info as Record<string, unknown>
  return proxyAuthenticationInfo !== undefined || proxyAuthenticate !== undefined || digest !== undefined
}

function refusalOfName ({ scheme }: Granted): Refused {
  return { kind: 'refused', status: 403, reason: 'forbidden', challenges: [], scheme, cause: new Forbidden('the name is reserved'), note: null }
}

/**
 * One request at a gate, and what the strategies are told of it. A class, for the getters: few
 * attempts wait, and look at the signal.
 */
class AdmitAttempt implements AttemptInput {
  readonly raw
  readonly url
  /** The strategies to ask, chosen by the connection. */
  chain!: Chain
  credentials: string | undefined
  /** Those to make of the content, by node's names. */
  hashes: readonly string[] = []
  contentHash: ContentHashes | undefined
  readsContent = false
  leg: Leg | undefined
  /** Whether the handshake goes on behind the response. */
  continues = false
  private controller: AbortController | undefined
  private leave: (() => void) | undefined

  constructor (
    readonly request: FastifyRequest,
    readonly reply: FastifyReply,
    readonly options: AdmitOptions,
    readonly began: Milliseconds
  ) {
    this.raw = request.raw
    this.url = request.originalUrl
  }

  /** Asks the system at its first use, as few attempts do. */
  get ip (): string { return this.request.ip }

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
      if (isGone(this.reply.raw)) controller.abort()
    }
    return this.controller.signal
  }

  /** Whatever came of it, the credentials are gone from the request from here on. */
  close (): void {
    const { mode, reads } = this.options
    this.leg?.close(this.continues)
    if (this.leave !== undefined) this.reply.raw.removeListener('close', this.leave)
    consume(this.raw, OURS[mode.status])
    // Of all strategies: what is not asked here, or not without TLS, has still been sent to us and
    // not to the origin.
    if (reads.length > 0) consume(this.raw, reads)
    if (this.request.headers !== this.raw.headers) consumeReplaced(this.request, [...OURS[mode.status], ...reads])
  }
}
