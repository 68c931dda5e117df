import type { ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { ClientLeft, ParentContent, ParentProtocol, ParentTimeout, ParentUnreachable } from '../../../errors.js'
import { isThenable } from '../../../eventual.js'
import type { Eventual } from '../../../eventual.js'
import type { FieldRecord } from '../../../fields/hop-by-hop.js'
import { valuesOf } from '../../../fields/raw-list.js'
import { isGone } from '../../../platform/message-state.js'
import { guardMethod, guarded } from '../../../platform/guarded.js'
import type { Milliseconds } from '../../../types.js'
import type { Tally } from '../../message/forwarded-request.js'
import { Attempt } from '../../upstream/attempt.js'
import type { Args, Attempted, Controller, Sender } from '../../upstream/attempt.js'
import type { Requester } from '../../upstream/pinned-connections.js'
import type { AbsoluteClient, ParentAccount } from './client.js'
import type { Blame } from '../blame.js'
import { RepeatableContent } from './repeatable-content.js'
import { LANE_CLOSED } from './lanes.js'
import type { Lane, LaneOwner } from './lanes.js'
import type { LoginAttempt, LoginFields } from '../login/login.js'
import { mayGoAnotherWay } from '../other-way.js'
import type { OtherWay } from '../other-way.js'
import { parentFailure, refusedLogin } from '../parent-failure.js'
import { withCredentials } from '../with-credentials.js'

/** A request on its way to a parent. */
export interface AbsoluteRequest {
  /** The absolute-form, as it is sent. */
  readonly url: string
  readonly method: string
  /** What `Host` has. */
  readonly authority: string
  /** A flat raw list, this hop's fields removed and ours added. */
  readonly fields: readonly string[]
  readonly content: AsyncGenerator<Buffer> | null
  readonly requester: Requester
}

/** What all exchanges of a proxy share. */
export interface AbsoluteContext {
  readonly client: AbsoluteClient
  readonly blame: Blame
}

/** What the parent said to us and to no other. */
interface Reply {
  readonly status: number
  readonly challenges: readonly string[]
  readonly info: readonly string[]
}

/** The most content of such a response that is read, and how long that may take. */
const MAX_DROPPED = 65_536
const DROP_TIME: Milliseconds = 1_000
/**
 * How often a request begins anew on another connection: once for one that was kept and has ended,
 * and once for a parent that closes within the handshake.
 */
const MAX_RESTARTS = 2

/**
 * A request in absolute-form and its response, by way of a parent that may ask for credentials. A
 * 407 of the parent goes no further. Content is sent once the credentials for it are expected to be
 * enough: before that the parent is asked by an OPTIONS for the same target. And it is kept, up to
 * a limit, for a parent that asks all the same.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.7 RFC 9110, 11.7}
 */
export class AbsoluteExchange implements Dispatcher.DispatchHandler {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ handler }) => ({ destroy: (failure) => handler.onResponseError?.(undefined as never, failure) })) }

  private readonly owner: LaneOwner | undefined
  private readonly content: RepeatableContent | null
  private lane: Lane | undefined
  private attempt: LoginAttempt | undefined
  /** The credentials that were sent last, or will be next. */
  private given: LoginFields | null = null
  /** Whether the lane has seen credentials of this attempt. */
  private isBound = false
  private restarts = 0
  /** How to ask the parent: so that it does not ask the target, as any request, or no more. */
  private probe: 'limited' | 'plain' | 'over' = 'limited'
  private isAsking = false
  private isChallenged = false
  /** Whether what was sent last has begun to be, and whether it has a response. */
  private progress: 'none' | 'started' | 'responded' = 'none'
  private since: Milliseconds = 0
  private isOver = false
  private reply: Reply | undefined
  private dropped = 0
  private timer: NodeJS.Timeout | undefined
  private controller: Controller | undefined
  /** What has come of the response while it is being verified. */
  private held: Array<() => void> | undefined

  /**
   * @param handler - Gets the response, or the failure.
   * @param response - The client's.
   * @param otherwise - Gets the failure instead, where the parent has failed before anything of the
   *   request was sent.
   */
  constructor (
    private readonly context: AbsoluteContext,
    private readonly account: ParentAccount,
    private readonly request: AbsoluteRequest,
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly response: ServerResponse,
    private readonly otherwise?: OtherWay
  ) {
    const { client } = context
    const { content, requester, authority, fields } = request
    this.owner = client.ownerFor(account, requester, authority, fields)
    this.content = content === null ? null : new RepeatableContent(content, client.room, requester.name)
  }

  /** Sends the request, on a connection that was kept if there is one. */
  begin (): void {
    const { owner, account, context: { client } } = this
    if (owner !== undefined) this.lane = client.take(owner)
    // It is the connection that is authenticated, and not each request.
    const isIn = account.login.bindsConnection && this.lane?.isAuthenticated === true
    if (isIn && !client.isForgotten(account)) this.send(null)
    else this.logIn()
  }

  onRequestStart (...args: Args<'onRequestStart'>): void {
    this.progress = 'started'
    this.isBound ||= this.given !== null
    this.controller = args[0]
    this.handler.onRequestStart?.(...args)
  }

  onResponseStart (controller: Controller, status: number, headers: FieldRecord, reason?: string): void {
    if (status < 200) {
      if (!this.isAsking) this.handler.onResponseStart?.(controller, status, headers, reason)
      return
    }
    this.progress = 'responded'
    this.context.blame.praise(this.account.parent)
    const challenges = linesOf(headers, 'proxy-authenticate')
    const info = linesOf(headers, 'proxy-authentication-info')
    if (status === 407 || this.isAsking) return this.drop(controller, { status, challenges, info })
    this.content?.release()
    const verified = this.attempt?.succeeded(info, challenges)
    if (isThenable(verified)) this.hold(controller, verified)
    this.deliver(() => this.handler.onResponseStart?.(controller, status, headers, reason))
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    if (this.reply === undefined) {
      this.handler.onResponseData?.(controller, chunk)
      return
    }
    this.dropped += chunk.length
    if (this.dropped > MAX_DROPPED) controller.abort(new ClientLeft('response'))
  }

  onResponseEnd (controller: Controller, trailers?: FieldRecord): void {
    if (this.reply !== undefined) return this.dropAll()
    this.deliver(() => {
      this.isOver = true
      this.content?.end()
      this.handler.onResponseEnd?.(controller, trailers!)
      if (this.lane === undefined) return
      this.lane.isAuthenticated = true
      this.lane.isKnown ||= this.attempt === undefined
      this.context.client.give(this.lane, this.owner!)
    })
  }

  onResponseError (_controller: Controller | undefined, error: Error): void {
    if (this.isOver) return
    if (this.reply !== undefined) {
      this.loseLane()
      this.dropAll()
    } else if (error === LANE_CLOSED) this.startAgain()
    else this.fail(error)
  }

  /** Begins with the credentials that can be sent unasked. */
  private logIn (): void {
    const { account: { login }, request: { url, method, authority }, owner } = this
    if (owner !== undefined && this.lane === undefined) return this.open(() => this.logIn())
    this.settle(() => {
      const { certificate } = this.lane ?? {}
      this.attempt = login.attempt({ method, uri: url, authority, content: this.content !== null, certificate })
      return this.attempt.first()
    }, (credentials) => this.send(credentials))
  }

  private open (then: () => void): void {
    this.progress = 'none'
    this.since = performance.now()
    this.settle(() => this.context.client.open(this.account.parent), (lane) => {
      this.lane = lane
      then()
    })
  }

  /** Sends the request with these credentials, or asks with them whether it may be sent. */
  private send (credentials: LoginFields | null): void {
    const { response, owner, content, request: { method, url, fields } } = this
    if (isGone(response)) return this.end()
    if (owner !== undefined && this.lane === undefined) return this.open(() => this.send(credentials))
    this.given = credentials
    this.isAsking = content !== null && this.attempt?.ready === false && this.probe !== 'over'
    if (this.isAsking) {
      this.dispatch({ path: url, method: 'OPTIONS', headers: withCredentials(this.asking(), credentials), body: null })
    } else if (content?.hasBegun === true && !content.isKept) {
      this.fail(new ParentContent())
    } else {
      const sent: Pick<Tally, 'endedAt'> = {}
      const body = (content?.from(sent) ?? null) as never
      const headers = withCredentials(fields, credentials)
      this.dispatch({ path: url, method: method as 'GET', headers, body }, sent)
    }
  }

  /** The fields by which the parent is asked: none of the client's that are for the target. */
  private asking (): string[] {
    const { authority, fields } = this.request
    const via = valuesOf(fields, 'via').flatMap((value) => ['Via', value])
    const limit = this.probe === 'limited' ? ['Max-Forwards', '0'] : []
    return ['Host', authority, ...via, ...limit]
  }

  /** @param sent - Says when the content is sent, if there is any. */
  private dispatch (options: Omit<Dispatcher.DispatchOptions, 'origin'>, sent?: Pick<Tally, 'endedAt'>): void {
    const { context: { client }, account, owner, lane } = this
    const { method, body } = options
    const { headersTimeout } = client
    this.progress = 'none'
    this.since = performance.now()
    const again: Sender<Attempted>['again'] = (_sent, attempt) => {
      this.progress = 'none'
      client.again(account, options, attempt)
    }
    const sender = lane === undefined
      ? { headersTimeout, again, ended: () => client.ended(account) }
      : { headersTimeout, again: () => this.startAgain(), ended: () => {} }
    const tally = body === null ? undefined : sent as Tally
    // A connection that also stands for a user at the target has no equal.
    const mayRepeat = owner === undefined || owner.key === account.key
    const attempt = new Attempt(this, sender, { method, content: body, tally }, mayRepeat)
    if (lane === undefined) client.send(account, options, attempt)
    else lane.send(options, attempt)
  }

  /** Reads what is left of a response that goes no further, within limits, and then goes on. */
  private drop (controller: Controller, reply: Reply): void {
    this.reply = reply
    this.dropped = 0
    this.timer = setTimeout(guarded(() => controller.abort(new ClientLeft('response'))), DROP_TIME)
  }

  private dropAll (): void {
    clearTimeout(this.timer)
    const reply = this.reply!
    this.reply = undefined
    // Not before that has undici given back the connection.
    process.nextTick(guarded(() => { setImmediate(guarded(() => this.goOn(reply))) }))
  }

  private goOn ({ status, challenges, info }: Reply): void {
    const { context: { client }, account, attempt, owner, lane } = this
    const { login } = account
    const isLost = owner !== undefined && lane === undefined
    if (isGone(this.response)) return this.end()
    if (attempt === undefined) {
      if (lane?.isKnown === false) client.forget(account)
      return this.startAgain(lane)
    }
    if (isLost && login.bindsConnection && this.isBound) return this.startAgain()
    if (status === 407) {
      this.isChallenged = true
      return this.settle(() => attempt.next(challenges), (next) => {
        if (next === null) this.fail(refusedLogin(login.account))
        else this.send(next)
      })
    }
    if (this.probe === 'limited' && !this.isChallenged) {
      // Some respond to that before they look at credentials.
      this.probe = 'plain'
      return this.send(this.given)
    }
    this.probe = 'over'
    if (!login.bindsConnection) return this.send(this.given)
    this.settle(() => attempt.succeeded(info, challenges), () => {
      this.attempt = undefined
      this.send(null)
    })
  }

  /**
   * Begins anew, since nothing has come of it.
   *
   * @param lane - On this connection. Default: on another.
   */
  private startAgain (lane?: Lane): void {
    const { account: { login }, attempt } = this
    if (lane === undefined) this.loseLane()
    if (++this.restarts > MAX_RESTARTS) return this.fail(new ParentProtocol())
    if (attempt !== undefined && !(login.bindsConnection && this.isBound)) return this.send(this.given)
    this.isBound = false
    this.isChallenged = false
    if (this.probe === 'over') this.probe = 'plain'
    this.logIn()
  }

  private loseLane (): void {
    this.lane?.destroy()
    this.lane = undefined
  }

  /** Has the response wait until it is known whether the parent has proved itself. */
  private hold (controller: Controller, verified: PromiseLike<void>): void {
    controller.pause()
    this.held = []
    this.settle(() => verified, () => {
      const { held = [] } = this
      this.held = undefined
      for (const deliver of held) deliver()
      controller.resume()
    })
  }

  private deliver (event: () => void): void {
    if (this.held === undefined) event()
    else this.held.push(event)
  }

  /** Takes a step that may take its time, and then the next. What fails of the two is the end. */
  private settle<Value> (step: () => Eventual<Value>, then: (value: Value) => void): void {
    try {
      const value = step()
      if (!isThenable(value)) return then(value)
      value.then(
        guarded((later: Value) => { if (!this.isOver) this.settle(() => later, then) }),
        guarded((cause: unknown) => this.fail(cause))
      )
    } catch (cause) {
      this.fail(cause)
    }
  }

  private fail (cause: unknown): void {
    if (this.isOver) return
    const { context: { blame }, account: { parent }, progress, isAsking, content, otherwise } = this
    const failure = parentFailure(parent, cause, progress === 'none' ? 'connecting' : 'connected')
    if (progress !== 'responded' && isOfParent(failure)) blame.blame(parent, failure, this.since)
    this.isOver = true
    this.controller?.abort(failure)
    this.loseLane()
    // What the parent was asked before the content is not the request.
    const isUnsent = (progress === 'none' || isAsking) && content?.hasBegun !== true
    if (otherwise !== undefined && isUnsent && mayGoAnotherWay(failure)) return otherwise(failure)
    content?.end()
    this.handler.onResponseError?.(undefined as never, failure)
  }

  /** The client has gone. */
  private end (): void {
    this.isOver = true
    this.loseLane()
    this.content?.end()
  }
}

function linesOf (fields: FieldRecord, name: string): readonly string[] {
  const value = fields[name] ?? []
  return typeof value === 'string' ? [value] : value
}

/** Whether the parent has failed, or the way to it: not the client, the gateway or its account. */
function isOfParent (failure: Error): boolean {
  return failure instanceof ParentUnreachable || failure instanceof ParentTimeout || failure instanceof ParentProtocol
}
