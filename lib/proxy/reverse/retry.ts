import type { Dispatcher } from 'undici'
import { ClientLeft } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { hasField } from '../../fields/raw-list.js'
import { guardMethod, guarded } from '../../platform/guarded.js'
import { hasBegun, isGone } from '../../platform/message-state.js'
import type { Milliseconds } from '../../types.js'
import type { Args } from '../upstream/attempt.js'
import type { OutgoingRequest, ReverseClient } from './client.js'

type Handler = Dispatcher.DispatchHandler

/** A response, as far as the options may look at it. */
interface Answered { readonly statusCode: number, readonly headers: FieldRecord }
type GetDelay = (
  request: unknown, response: Answered | undefined, error: unknown, attempt: number
) => Milliseconds | string | null

/** What of the options of a call concerns repetitions, as @fastify/reply-from has them. */
export interface RetryOptions {
  readonly retriesCount?: number
  readonly maxRetriesOn503?: number
  readonly retryDelay?: (details: {
    err: unknown
    req: unknown
    res: Answered | undefined
    attempt: number
    getDefaultDelay: GetDelay
    retriesCount: number
  }) => Milliseconds | string | null
}

/**
 * The most repetitions for a 503 unless the options say another number, as @fastify/reply-from has
 * it.
 */
const MAX_ON_503 = 10
/** The longest wait that a timer of node's takes. */
const MAX_DELAY: Milliseconds = 2 ** 31 - 1
/** The codes of a connection that was lost: undici's, and node's own. */
const LOST = new Set<unknown>(['UND_ERR_SOCKET', 'ECONNRESET'])

/**
 * Sends a request again where the options want that, because of its response or because it failed.
 * What came of the times before is kept from the handler.
 */
export class Retrying implements Handler {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ request }) => request.reply.raw) }

  private attempt = 0
  private repeats = false

  /** @param methods - Those that are repeated where the options have no `retryDelay`. */
  constructor (
    private readonly handler: Handler,
    private readonly request: OutgoingRequest,
    private readonly client: ReverseClient,
    private readonly options: RetryOptions,
    private readonly methods: ReadonlySet<string>
  ) {}

  onRequestStart (...args: Args<'onRequestStart'>): void { this.handler.onRequestStart?.(...args) }

  onResponseStart (...args: Args<'onResponseStart'>): void {
    const [controller, statusCode, headers] = args
    if (statusCode >= 200 && this.repeat({ statusCode, headers }, null)) controller.abort(new ClientLeft('response'))
    else this.handler.onResponseStart?.(...args)
  }

  onRequestUpgrade (...args: Args<'onRequestUpgrade'>): void { this.handler.onRequestUpgrade?.(...args) }
  onResponseData (...args: Args<'onResponseData'>): void { if (!this.repeats) this.handler.onResponseData?.(...args) }
  onResponseEnd (...args: Args<'onResponseEnd'>): void { if (!this.repeats) this.handler.onResponseEnd?.(...args) }

  onResponseError (...args: Args<'onResponseError'>): void {
    if (!this.repeats && !this.repeat(undefined, args[1])) this.handler.onResponseError?.(...args)
  }

  /** Whether it is sent again. */
  private repeat (response: Answered | undefined, error: Error | null): boolean {
    const { attempt, request, options: { retryDelay, retriesCount = 0 } } = this
    const getDefaultDelay: GetDelay = (_request, response, error, attempt) => this.usualDelay(response, error, attempt)
    const delay = retryDelay === undefined
      ? this.usualDelay(response, error, attempt)
      : retryDelay({
        err: error, req: { method: request.method }, res: response, attempt, getDefaultDelay, retriesCount
      })
    if (!delay || hasBegun(request.reply) || isGone(request.reply.raw)) return false
    this.attempt += 1
    this.repeats = true
    setTimeout(guarded(() => {
      this.repeats = false
      if (!isGone(request.reply.raw)) this.client.send(request, this)
    }, request.reply.raw), Math.min(Number(delay) || 1, MAX_DELAY))
    return true
  }

  private usualDelay (response: Answered | undefined, error: unknown, attempt: number): Milliseconds | string | null {
    const { methods, request: { method, fields }, options: { retriesCount = 0, maxRetriesOn503 } } = this
    if (!methods.has(method) || hasField(fields, 'content-length')) return null
    const mayRepeat = response?.statusCode === 503 && method === 'GET'
      ? retriesCount === 0 && attempt < (maxRetriesOn503 || MAX_ON_503)
      : retriesCount > attempt && LOST.has((error as { code?: unknown } | null)?.code)
    return mayRepeat ? response?.headers['retry-after'] as string | undefined ?? 42 * Math.random() * (attempt + 1) : null
  }
}
