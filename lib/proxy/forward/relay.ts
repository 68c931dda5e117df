import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Dispatcher } from 'undici'
import { ClientLeft, UpstreamChallenged, UpstreamProtocol } from '../../errors.js'
import { connectionOptions, endToEnd } from '../../fields/hop-by-hop.js'
import { isOfOneUser } from '../../platform/connection.js'
import { guardMethod, guarded, on, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import { addTrailers, writeRelayedHead } from '../message/response-head.js'
import type { EndedFor, Exchange } from '../exchange/exchanges.js'
import { writeInterim } from '../../platform/interim-response.js'
import type { JoinOptions } from '../exchange/join.js'
import { onQueuedClose } from '../../platform/http1/queued-response.js'
import { abortResponse, isFinished, isGone } from '../../platform/abort.js'
import { switchProtocols } from '../upgrade/switch-protocols.js'
import { upgradeOf } from '../message/upgrade.js'
import { upstreamError } from '../upstream/upstream-error.js'

type Controller = Dispatcher.DispatchController

/**
 * Carries an origin's answer to the client as it comes: interim answers, head, body with back-pressure, trailers.
 * `settled` resolves when the client has the whole answer or has gone, and rejects only while nothing of an answer
 * went out, so that the refusal can still be written.
 */
export class Relay implements Dispatcher.DispatchHandler {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', ({ raw }) => raw) }

  /** Content octets sent to the client, or what came from the origin behind a 101. */
  bytesOut = 0
  /** What went to the origin behind a 101. */
  bytesIn: number | undefined
  readonly settled: Promise<void>
  /** Why the answer was cut, `undefined` when it was not. */
  reason: string | undefined
  private resolve!: () => void
  private reject!: (error: Error) => void
  private controller: Controller | null = null
  private joined: Exchange | null = null
  private head: readonly string[] = []
  private readonly request: IncomingMessage
  private readonly raw: ServerResponse
  private readonly isHttp2: boolean

  /**
   * @param via - The `Via` member of this hop, added to the answer.
   * @param patience - How long the client may take nothing of an answer. 0: as long as it likes.
   * @param limits - Of what an upgrade leads to.
   */
  constructor (
    private readonly reply: FastifyReply, private readonly via: string, private readonly patience: Milliseconds, private readonly limits: JoinOptions
  ) {
    this.raw = reply.raw
    this.request = reply.request.raw
    this.isHttp2 = this.request.httpVersionMajor === 2
    this.settled = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    const leave = () => this.leave()
    once(this.raw, 'close', leave)
    if (isGone(this.raw)) leave()
    else if (this.raw.socket === null) onQueuedClose(this.request, this.raw, leave)
  }

  /** Ends the exchange at once, on both sides. */
  end (why: EndedFor): void {
    if (this.joined !== null) return this.joined.end(why)
    this.cut(why)
    this.request.destroy() // the answer may be through, and the client still sending
  }

  onRequestStart (controller: Controller): void {
    this.controller = controller
    if (isGone(this.raw)) controller.abort(new ClientLeft('response'))
  }

  onResponseStart (controller: Controller, status: number, _headers: unknown, reason?: string): void {
    if (this.reply.sent) return controller.abort(new ClientLeft('response')) // answered in our place, by a timeout of the application's
    this.head = latin1(controller.rawHeaders)
    // A 101 that switches comes to the method below.
    if (status < 100 || status === 101 || !isDecoded(this.head)) return controller.abort(new UpstreamProtocol())
    if (status < 200) return writeInterim(this.reply, status, reason, this.head, this.via)
    const fields = endToEnd(this.head, 'response')
    fields.push('Via', this.via)
    // Clients that know of it then answer NTLM and Negotiate through a proxy (RFC 4559, 6).
    if (status === 401 && asksForConnection(fields) && isOfOneUser(this.request)) fields.push(...sessionBased(this.raw.shouldKeepAlive))
    // The client would answer a foreign challenge with the credentials it has for us (RFC 9110, 11.7.1).
    if (status === 407) return controller.abort(new UpstreamChallenged())
    // Node's HTTP/2 sends no content with a 205, and there should be none (RFC 9110, 15.3.6).
    const reset = status === 205 && this.isHttp2
    const contentless = status === 204 || status === 304 || reset
    writeRelayedHead(this.reply, status, reason, this.framed(fields, status))
    if (contentless) this.raw.end() // undici takes their Content-Length for that of content which did not come
    else process.nextTick(guarded(() => this.flush(), this.raw))
    if (reset) controller.abort(new ClientLeft('response'))
  }

  onRequestUpgrade (controller: Controller, status: number, _headers: unknown, socket: Duplex): void {
    this.controller = null // what it would abort is the client's from here on
    try {
      const answer = { status, fields: latin1(controller.rawHeaders), socket: socket as Socket }
      this.joined = switchProtocols(this.reply, upgradeOf(this.request)!, answer, { ...this.limits, via: this.via }, ({ bytesIn, bytesOut, reason }) => {
        Object.assign(this, { bytesIn, bytesOut, reason })
        this.resolve()
      })
    } catch (error) {
      this.onResponseError(controller, error as Error)
    }
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    this.bytesOut += chunk.length
    if (this.raw.write(chunk)) return
    controller.pause()
    const timer = this.patience === 0 ? undefined : setTimeout(guarded(() => this.cut('idle'), this.raw), this.patience)
    const go = () => {
      clearTimeout(timer)
      this.raw.removeListener('drain', go)
      this.raw.removeListener('close', go)
      controller.resume()
    }
    on(this.raw, 'drain', go)
    on(this.raw, 'close', go)
  }

  onResponseEnd (controller: Controller): void {
    if (this.raw.writableEnded) return
    const received = latin1(controller.rawTrailers)
    if (received.length > 0 && (this.isHttp2 || this.raw.chunkedEncoding)) {
      const trailers = endToEnd(received, 'response', connectionOptions(this.head))
      addTrailers(this.raw, trailers)
    }
    this.raw.end()
  }

  onResponseError (_controller: Controller, error: Error): void {
    if (this.raw.writableEnded || isGone(this.raw)) return
    const failure = upstreamError(error)
    if (!this.raw.headersSent) return this.reject(failure)
    // Half an answer cannot be taken back: cutting the connection is the only honest signal left.
    this.cut((failure as Error & { code: string }).code)
  }

  private cut (reason: string): void {
    this.reason ??= reason
    abortResponse(this.raw)
    this.leave() // at once: a stopping server ends its connections to origins next
  }

  private leave (): void {
    if (this.joined !== null) return // it has its own end
    this.resolve()
    if (isFinished(this.raw)) return
    this.reason ??= 'aborted'
    this.controller?.abort(new ClientLeft('response'))
  }

  /** Node keeps a head for the first octets of the body, which may be far off (an event stream). */
  private flush (): void {
    if (this.bytesOut === 0 && !this.raw.writableEnded && !isGone(this.raw)) this.raw.write('', 'latin1') // `flushHeaders` would write UTF-8
  }

  /** `Trailer` announces what only a chunked body can carry, node refuses it elsewhere; a 204 has no length. */
  private framed (fields: string[], status: number): string[] {
    const framed = status === 204 ? without(fields, 'content-length') : fields
    const hasContent = status !== 204 && status !== 304 && this.request.method !== 'HEAD'
    const takesTrailers = this.isHttp2 || (this.raw.useChunkedEncodingByDefault && !has(framed, 'content-length'))
    return hasContent && takesTrailers ? framed : without(framed, 'trailer')
  }
}

/**
 * Says that a connection of the client has one to the origin for itself, and that this is about our hop. Where `Connection` is written
 * already, node neither adds `close` nor closes.
 */
function sessionBased (stays: boolean): string[] {
  return ['Proxy-Support', 'Session-Based-Authentication', 'Connection', stays ? 'Proxy-Support' : 'Proxy-Support, close']
}

/** Whether an origin asks to authenticate the connection. */
function asksForConnection (fields: readonly string[]): boolean {
  return fields.some((name, i) => i % 2 === 0 && name.length === 16 && name.toLowerCase() === 'www-authenticate' && /(?:^|,) *(?:NTLM|Negotiate)\b/i.test(fields[i + 1]!))
}

function latin1 (raw: Controller['rawHeaders']): string[] {
  return Array.isArray(raw) ? raw.map(part => typeof part === 'string' ? part : part.toString('latin1')) : []
}

function has (fields: readonly string[], name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length === name.length && fields[i]!.toLowerCase() === name) return true
  }
  return false
}

function without (fields: string[], name: string): string[] {
  return has(fields, name) ? fields.filter((_, i) => fields[i - i % 2]!.toLowerCase() !== name) : fields
}

/**
 * True when chunked is the only transfer coding, and applied once: undici takes it off and leaves any other on, which would go out as
 * content (RFC 9112, 6.1).
 */
function isDecoded (fields: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]!.length !== 17 || fields[i]!.toLowerCase() !== 'transfer-encoding') continue
    if (seen || fields[i + 1]!.toLowerCase() !== 'chunked') return false
    seen = true
  }
  return true
}
