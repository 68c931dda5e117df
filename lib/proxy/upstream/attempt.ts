import type { Dispatcher } from 'undici'
import { UpstreamTimeout } from '../../errors.js'
import { guardMethod, guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import type { Tally } from '../message/forwarded-request.js'
import type { Connection, Passenger, Trail } from './connection.js'

/** What undici hands to a handler, to stop or end a response by. */
export type Controller = Dispatcher.DispatchController
/** The arguments of a method of a handler. */
export type Args<Name extends keyof Dispatcher.DispatchHandler> =
  Parameters<NonNullable<Dispatcher.DispatchHandler[Name]>>

/** Requests that may be sent twice, whatever came of the first time (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** How undici and the system say that a connection has ended. */
const ENDED = new Set(['UND_ERR_SOCKET', 'EPIPE'])

/** What is sent. */
export interface Attempted {
  readonly method: string
  /** Whether there is content. */
  readonly content: unknown
  /** Counts the content, and says when all of it is sent. Left out where it is sent at once. */
  readonly tally?: Tally | undefined
  /** Learns where it is sent to. */
  readonly trail?: Trail | undefined
}

/** Who sends requests. */
export interface Sender<Request extends Attempted> {
  /** From the end of a request to the head of its response. 0: no limit. */
  readonly headersTimeout: Milliseconds
  /** Sends it once more, on a connection that has served no other request. */
  again (request: Request, attempt: Attempt<Request>): void
  /** Nothing more will come. */
  ended (request: Request): void
  /** It waits no longer for a connection: it has one, or will have none. */
  begun? (): void
}

/**
 * Passes on what undici tells of a request, and does what undici does not: sends it once more where
 * the connection had served others before and ended without a word of a response, which may be
 * because it was idle for too long for the origin; and limits the wait for the head of the response
 * however many interim ones come, each of which starts undici's timer anew.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1 RFC 9112, 9.3.1}
 * @quirk undici-no-repeat
 */
export class Attempt<Request extends Attempted> implements Dispatcher.DispatchHandler, Passenger {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ handler }) => ({ destroy: (failure) => handler.onResponseError?.(undefined as never, failure) })) }

  connection: Connection | undefined
  private started: Milliseconds = 0
  private begun = false
  private timer: NodeJS.Timeout | undefined
  private mayRepeat: boolean

  /**
   * @param mayRepeat - False where the connection stands for a user, so that another would not do.
   */
  constructor (
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly sender: Sender<Request>,
    private readonly request: Request,
    mayRepeat: boolean
  ) {
    this.mayRepeat = mayRepeat && request.content === null && IDEMPOTENT.has(request.method)
  }

  onRequestStart (...args: Args<'onRequestStart'>): void {
    this.begin()
    const { trail } = this.request
    if (trail !== undefined) trail.address = this.connection?.address
    this.handler.onRequestStart?.(...args)
  }

  /** The first octet of a response has come. */
  onResponseStarted (): void {
    this.begun = true
  }

  onResponseStart (...args: Args<'onResponseStart'>): void {
    this.begun = true
    if (args[1] < 200) this.limit(args[0])
    else clearTimeout(this.timer)
    this.handler.onResponseStart?.(...args)
  }

  onRequestUpgrade (...args: Args<'onRequestUpgrade'>): void {
    this.end()
    this.handler.onRequestUpgrade?.(...args)
  }

  onResponseData (...args: Args<'onResponseData'>): void { this.handler.onResponseData?.(...args) }

  onResponseEnd (...args: Args<'onResponseEnd'>): void {
    this.end()
    this.handler.onResponseEnd?.(...args)
  }

  onResponseError (...args: Args<'onResponseError'>): void {
    if (this.mayRepeat && !this.begun && endedReused(args[1])) {
      this.mayRepeat = false
      this.sender.again(this.request, this)
      return
    }
    this.end()
    this.handler.onResponseError?.(...args)
  }

  private begin (): void {
    if (this.started === 0) this.sender.begun?.()
    this.started = performance.now()
  }

  private end (): void {
    clearTimeout(this.timer)
    if (this.started === 0) this.begin() // it never had a connection, or the options have a client that does not say so
    this.sender.ended(this.request)
  }

  /**
   * Limits the wait for the final response, from the end of the request on.
   *
   * @quirk undici-interim-restarts-timer
   */
  private limit (controller: Controller): void {
    const { timer, started, request: { tally }, sender: { headersTimeout } } = this
    const sent = tally === undefined ? started : tally.endedAt
    if (timer !== undefined || sent === undefined || headersTimeout === 0) return
    const remaining = sent + headersTimeout - performance.now()
    this.timer = setTimeout(guarded(() => controller.abort(new UpstreamTimeout())), remaining)
  }
}

/**
 * Octets had come on the connection before. undici tells how many, and for other errors
 * `reportResets` does.
 */
function endedReused (error: Error & { code?: string, socket?: { bytesRead?: number } }): boolean {
  return ENDED.has(error.code ?? '') && (error.socket?.bytesRead ?? 0) > 0
}
