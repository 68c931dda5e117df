import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Dispatcher } from 'undici'
import { ClientLeft, UpstreamChallenged, UpstreamProtocol } from '../../errors.js'
import { after, isThenable } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { connectionOptions, endToEnd } from '../../fields/hop-by-hop.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { listOf, valuesOf } from '../../fields/raw-list.js'
import { abortResponse } from '../../platform/abort.js'
import { asError } from '../../platform/as-error.js'
import { guardMethod, guarded, once } from '../../platform/guarded.js'
import { hasBegun, isFinished, isGone } from '../../platform/message-state.js'
import { closeBehind } from '../../platform/http1/close-behind.js'
import { onQueuedClose } from '../../platform/http1/pipelining.js'
import { writeInterim } from '../../platform/write-response.js'
import type { Milliseconds } from '../../types.js'
import type { LimitedExchange } from '../../policy/limits/meter.js'
import { Allowance } from '../exchange/allowance.js'
import { failureOf, reasonOf } from '../exchange/ended.js'
import type { EndedBy, EndedFor, Exchange, MovedOctets } from '../exchange/exchange.js'
import type { Exchanges } from '../exchange/exchanges.js'
import { deleteWhenRequestEnds } from '../exchange/exchanges.js'
import type { JoinOptions } from '../exchange/join.js'
import { ExchangeRecord, endingBy } from '../exchange/record.js'
import type { Ending, Recorded } from '../exchange/record.js'
import { MeteredResponse } from '../message/metered-response.js'
import type { Tally } from '../message/forwarded-request.js'
import { ResponseWriter } from '../message/response-writer.js'
import type { ResponseSink } from '../message/response-writer.js'
import { upgradeOf } from '../message/upgrade.js'
import { switchProtocols } from '../upgrade/switch-protocols.js'
import type { SwitchedExchange } from '../upgrade/switch-protocols.js'
import type { Controller } from '../upstream/attempt.js'
import { upstreamError } from '../upstream/upstream-error.js'

/** What holds for all exchanges of a route. The limits are for what an upgrade leads to. */
export interface RelayOptions extends JoinOptions {
  readonly exchanges: Exchanges
  /** The `Via` member of this hop, added to responses. */
  readonly via: string
  /** How long the client may take nothing of a response. 0: as long as it likes. */
  readonly bodyTimeout: Milliseconds
}

/**
 * Makes of the fields of a response those that go on. What it throws is the response to the client,
 * as it is.
 *
 * @param fields - A flat raw list, this hop's fields removed, our member of `Via` added. May be
 *   changed.
 */
export type AdaptResponse = (fields: string[], status: number, reply: FastifyReply) => string[]

/**
 * A request on its way to an upstream, and its response back, as it comes: interim responses, head,
 * content with back-pressure, trailers, or another protocol. It is among the exchanges until both
 * are through, and has its line in the log at the end.
 *
 * @example
 * const relay = new Relay(reply, { form: 'http', target: 'http://origin.test' }, options, adapt)
 * relay.begin(() => {
 *   if (!isGone(reply.raw)) client.send(outgoing, relay)
 * })
 */
export class Relay implements Dispatcher.DispatchHandler, Exchange {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ raw }) => raw) }

  /** Counts the content of the request. */
  readonly tally: Tally = { bytesIn: 0 }
  /** Why it was cut, `undefined` when it was not. */
  reason: string | undefined
  readonly record: ExchangeRecord
  /** Called when the client has left before anything was known of a connection. */
  abandon: (() => void) | undefined
  place?: number | undefined
  holder?: string | undefined
  admission?: LimitedExchange | undefined
  private readonly request: IncomingMessage
  private readonly raw: ServerResponse
  private sink: ResponseSink
  private controller: Controller | null = null
  private joined: SwitchedExchange | null = null
  /** Octets behind a 101, once that is over. */
  private passed: MovedOctets | undefined
  private received: readonly string[] = []
  private begun = false
  private isOver = false

  /**
   * @param recorded - For the log.
   * @param adapt - Leaves the fields as they are where it is `undefined`.
   * @param sink - Takes the response. Default: what writes it to the client.
   * @param respond - Responds to a failure, before anything has gone out. Default: as Fastify does.
   */
  constructor (
    private readonly reply: FastifyReply,
    recorded: Recorded,
    private readonly options: RelayOptions,
    private readonly adapt?: AdaptResponse,
    sink?: ResponseSink,
    private readonly respond: (error: Error) => void = (error) => { reply.send(error) }
  ) {
    this.raw = reply.raw
    this.request = reply.request.raw
    this.sink = sink ?? new ResponseWriter(reply, options.bodyTimeout, (reason) => this.cut(reason))
    this.record = new ExchangeRecord(reply.request, recorded, options.exchanges.usage)
    options.exchanges.add(this, reply.request.proxyAuth)
    const leave = () => this.leave()
    once(this.raw, 'close', leave)
    if (isGone(this.raw)) leave()
    else if (this.raw.socket === null) onQueuedClose(this.request, this.raw, leave)
  }

  /** Content each way, or what came behind a 101. */
  octets (): MovedOctets {
    const { passed, joined, tally, sink } = this
    if (joined !== null) return passed ?? joined.octets()
    return { bytesIn: tally.bytesIn, bytesOut: sink.bytesOut }
  }

  /**
   * Does what sends the request. What that throws, or rejects with, is responded to, unless the
   * client has left before.
   */
  begin (send: () => Eventual<void>): void {
    try {
      const sent = send()
      if (isThenable(sent)) sent.then(undefined, guarded((failure) => this.fail(failure), this.raw))
    } catch (failure) {
      this.fail(failure)
    }
  }

  /**
   * Has the limits let it in, where there are any: once it is permitted, before it is sent.
   *
   * @throws {LimitReached} {@link LimitStoreFailed}
   */
  admit (): Eventual<void> {
    return after(this.options.exchanges.admit(this), (meter) => {
      if (meter === undefined) return
      this.tally.allowance = new Allowance(meter)
      this.sink = new MeteredResponse(this.sink, meter, (failure) => this.onResponseError(undefined, failure))
    })
  }

  /** Ends the exchange at once, on both sides. A limit is responded with as long as that can be. */
  end (why: EndedBy): void {
    if (this.joined !== null) return this.joined.end(why)
    if (typeof why === 'object' && !hasBegun(this.reply)) {
      closeBehind(this.reply)
      this.fail(why)
      return this.giveUp()
    }
    this.cut(reasonOf(why))
    this.request.destroy() // the response may be through, and the client still sending
  }

  onRequestStart (controller: Controller): void {
    this.controller = controller
    this.record.open()
    if (isGone(this.raw)) controller.abort(new ClientLeft('response'))
  }

  onResponseStart (controller: Controller, status: number, headers: FieldRecord, reason?: string): void {
    if (hasBegun(this.reply)) return controller.abort(new ClientLeft('response')) // answered in our place, by a timeout of the application's
    this.received = linesOf(controller.rawHeaders, headers)
    // A 101 that switches comes to the method below.
    if (status < 100 || status === 101 || !isDecoded(this.received)) return controller.abort(new UpstreamProtocol())
    if (status < 200) return writeInterim(this.reply, status, reason, this.received, this.options.via)
    // The client would answer a foreign challenge with the credentials it has for us (RFC 9110,
    // 11.7.1).
    if (status === 407) return controller.abort(new UpstreamChallenged())
    let fields: string[]
    try {
      fields = endToEnd(this.received, 'response')
      fields.push('Via', this.options.via)
      if (this.adapt !== undefined) fields = this.adapt(fields, status, this.reply)
    } catch (failure) {
      this.fail(failure)
      return controller.abort(new ClientLeft('response'))
    }
    this.begun = true
    let isWhole: boolean
    try {
      isWhole = this.sink.head(status, reason, fields, controller)
    } catch (failure) {
      this.begun = false
      throw failure // to undici, which ends the request with it
    }
    if (isWhole) controller.abort(new ClientLeft('response'))
  }

  onRequestUpgrade (controller: Controller, status: number, headers: FieldRecord, socket: Duplex): void {
    this.controller = null // what it would abort is the client's from here on
    try {
      const response = { status, fields: linesOf(controller.rawHeaders, headers), socket: socket as Socket }
      const upgrade = upgradeOf(this.request)!
      this.joined = switchProtocols(this.reply, upgrade, response, this.options, ({ reason, ...passed }) => {
        this.passed = passed
        this.reason = reason
        this.finish()
      }, this.admission?.meter)
    } catch (error) {
      this.onResponseError(controller, error as Error)
    }
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    this.sink.data(chunk, controller)
  }

  onResponseEnd (controller: Controller, trailers: FieldRecord = {}): void {
    const received = linesOf(controller.rawTrailers, trailers)
    this.sink.end(received.length === 0 ? received : endToEnd(received, 'response', connectionOptions(this.received)))
  }

  onResponseError (_controller: Controller | undefined, error: Error): void {
    const failure = upstreamError(error) as Error & { code: string }
    const isWaiting = !this.raw.writableEnded && !isGone(this.raw)
    if (!this.begun) {
      if (isWaiting && !this.raw.headersSent) this.fail(failure)
      return
    }
    if (isWaiting) this.reason ??= failure.code
    this.sink.fail(failure)
  }

  private cut (reason: string): void {
    this.reason ??= reason
    abortResponse(this.raw)
    this.leave() // at once: a stopping server ends its connections to origins next
  }

  private leave (): void {
    if (this.joined !== null) return // it has its own end
    if (!isFinished(this.raw)) {
      this.reason ??= 'aborted'
      this.giveUp()
    }
    this.finish()
  }

  /** No response is waited for any more. */
  private giveUp (): void {
    this.controller?.abort(new ClientLeft('response'))
    this.abandon?.()
  }

  /** The client has the whole response, or has gone. */
  private finish (): void {
    if (this.isOver) return
    if (!hasBegun(this.reply)) return this.fail(unanswered(this.reason))
    this.close({ status: this.raw.statusCode, ...this.octets(), reason: this.reason })
  }

  /** It comes to nothing, and nothing has gone out. */
  private fail (failure: unknown): void {
    if (this.isOver) return
    // What was cut while a name was resolved has no interest in what came of that.
    const error = this.reason === undefined ? asError(failure) : unanswered(this.reason)
    this.close({ ...endingBy(error), bytesIn: this.tally.bytesIn, bytesOut: 0 })
    if (!hasBegun(this.reply)) guarded(this.respond, this.raw)(error) // it may be a function of the application's
  }

  /**
   * Has its line in the log, and is no longer among the exchanges once its request is through as
   * well.
   */
  private close (ending: Ending): void {
    this.isOver = true
    this.tally.allowance?.end()
    this.record.close(ending)
    deleteWhenRequestEnds(this.options.exchanges, this, this.request)
  }
}

/** What the log says of a request that was cut before a response went out. */
function unanswered (reason: string | undefined): Error {
  return isEndedFor(reason) ? failureOf(reason) : new ClientLeft('response')
}

function isEndedFor (reason: string | undefined): reason is EndedFor {
  return reason === 'closing' || reason === 'revoked' || reason === 'forbidden' || reason === 'ended'
}

/**
 * The octets of fields, one char each. An interceptor of the application may keep them for itself.
 */
function linesOf (raw: Controller['rawHeaders'], fields: FieldRecord): string[] {
  return Array.isArray(raw) ? raw.map((part) => typeof part === 'string' ? part : part.toString('latin1')) : listOf(fields)
}

/**
 * True when chunked is the only transfer coding, and applied once: node and undici take it off and
 * leave any other on, which would go out as content (RFC 9112, 6.1).
 *
 * @quirk node-transfer-coding-left
 */
function isDecoded (fields: readonly string[]): boolean {
  const codings = valuesOf(fields, 'transfer-encoding')
  return codings.length === 0 || (codings.length === 1 && codings[0]!.toLowerCase() === 'chunked')
}
