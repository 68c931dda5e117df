import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import type { Tally } from '../message/request-content.js'
import type { EndedFor, Exchange, Exchanges } from '../exchange/exchanges.js'
import type { RouteIdentity } from '../message/identity-field.js'
import type { JoinOptions } from '../exchange/join.js'
import { onQueuedClose } from '../../platform/http1/queued-response.js'
import { logExchange } from '../exchange/access-log.js'
import type { Ending } from '../exchange/access-log.js'
import { deleteWhenRequestEnds } from '../exchange/release.js'
import { abortResponse, isFinished, isGone } from '../../platform/abort.js'
import { switchProtocols } from '../upgrade/switch-protocols.js'
import type { Switched } from '../upgrade/switch-protocols.js'
import { upgradeOf } from '../message/upgrade.js'

/** What holds for all exchanges of a route. */
export interface ReverseRules {
  /** Our name in `Via`. */
  readonly pseudonym: string
  /** Our member of `Via` in answers. */
  readonly via: string
  /** Whether to tell the upstream who asked. */
  readonly forwarded: boolean
  /** Fields that end here beside those that always do: `authorization` where it is ours. */
  readonly consumed: ReadonlySet<string>
  /** What tells the upstream who the proxy user is. */
  readonly identity: RouteIdentity
  /** The upstream, unless `getUpstream` says another. */
  readonly upstream: string
  /** Whether the client towards it is ours, which has content for any method. */
  readonly ours: boolean
  /** What the client speaks towards it. */
  readonly version: '1.1' | '2.0'
  /** How long the client may send nothing of its content, or take nothing of the answer's. 0: as long as it likes. */
  readonly patience: Milliseconds
  /** Of what an upgrade leads to. */
  readonly limits: JoinOptions
}

/** What the log says where nothing went out: the client had left, the server stops, the user is revoked. As their errors have it. */
const LEFT = 499
const UNANSWERED: ReadonlyMap<string | undefined, number> = new Map([['closing', 503], ['revoked', 403]])

/**
 * A request on a reverse route on its way: what ends it from either side, and what its line in the log says. It is
 * over when the client has the whole answer or has gone.
 */
export class ReverseExchange implements Exchange {
  /** Content octets from the client. */
  readonly tally: Tally = { bytesIn: 0 }
  /** Content that somebody had to read before, and has kept. */
  kept: Readable | undefined
  /** Content octets to the client. */
  bytesOut = 0
  /** Why it ended, unless by itself. */
  reason: string | undefined
  /** The upstream it was sent to, once that is known. */
  upstream = ''
  /** Path and query for the upstream as the client wrote them, its prefix rewritten. */
  source = ''
  /** True when a failure is to be answered, or has been. */
  failed = false
  private answer: Readable | null = null
  private joined: Exchange | null = null
  private ended: ((ending: Ending) => void) | null = null
  private begun = false

  constructor (readonly request: FastifyRequest, readonly reply: FastifyReply, readonly rules: ReverseRules, private readonly exchanges: Exchanges) {}

  /** Starts its line in the log. A repetition, which the options may ask for, is the same exchange. */
  begin (host: string): void {
    if (this.begun) return
    this.begun = true
    this.ended = logExchange(this.request, `${this.upstream.slice(0, this.upstream.indexOf(':'))}://${host}`)
    this.exchanges.add(this, this.request.proxyAuth)
    const { raw } = this.reply
    once(raw, 'close', () => { if (this.joined === null) this.over() })
    if (isGone(raw)) this.over()
    else if (raw.socket === null) onQueuedClose(this.request.raw, raw, () => this.over())
  }

  /** Takes the answer of the upstream, to be destroyed when the client goes, and lets go of the one before. */
  take (answer: Readable): void {
    if (this.answer !== answer) this.answer?.destroy()
    this.answer = answer
    if (isGone(this.reply.raw)) answer.destroy()
  }

  /**
   * Takes the upstream's consent to another protocol. It is over when both sides have ended.
   *
   * @throws {UpstreamProtocol} {@link ClientLeft} See {@link switchProtocols}.
   */
  switch (switched: Switched): void {
    const { reply, request: { raw }, rules: { via, limits } } = this
    this.joined = switchProtocols(reply, upgradeOf(raw)!, switched, { ...limits, via }, ({ bytesIn, bytesOut, reason }) => {
      this.tally.bytesIn = bytesIn
      this.bytesOut = bytesOut
      this.reason ??= reason
      this.over()
    })
  }

  /**
   * Ends it with a failure: answered while nothing has gone out, else by cutting the connection.
   *
   * @param answer - Writes the answer. The status is set.
   */
  fail (error: Error & { code?: string, statusCode?: number }, answer: () => void): void {
    const { raw } = this.reply
    if (this.failed) return
    this.failed = true
    this.answer?.destroy()
    if (isGone(raw) || raw.writableEnded || this.request.raw.socket.destroyed) return
    this.reason ??= error.code ?? 'error'
    if (raw.headersSent) abortResponse(raw)
    else {
      this.reply.code(error.statusCode ?? 500) // reply-from may have set that of the upstream
      answer()
    }
  }

  /** Half an answer cannot be taken back: cutting the connection is the only honest signal left. */
  cut (reason: string): void {
    if (this.reply.raw.writableEnded) return
    this.reason ??= reason
    abortResponse(this.reply.raw)
  }

  /** Ends it at once, on both sides. */
  end (why: EndedFor): void {
    this.reason = why
    if (this.joined !== null) return this.joined.end(why)
    abortResponse(this.reply.raw)
    this.request.raw.destroy() // the answer may be through, and the client still sending
  }

  private over (): void {
    const { ended, reply: { raw } } = this
    if (ended === null) return
    this.ended = null
    if (this.joined === null && !isFinished(raw)) this.reason ??= 'aborted'
    this.answer?.destroy()
    this.answer = null // else one request would keep the next from being collected young
    deleteWhenRequestEnds(this.exchanges, this, this.request.raw)
    const status = raw.headersSent ? raw.statusCode : UNANSWERED.get(this.reason) ?? LEFT
    ended({ status, bytesIn: this.tally.bytesIn, bytesOut: this.bytesOut, reason: this.reason })
  }
}
