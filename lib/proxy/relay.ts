import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Dispatcher } from 'undici'
import { ClientLeft, UpstreamChallenged } from '../errors.js'
import { endToEnd } from '../fields/hop-by-hop.js'
import { writeRelayedHead } from './answer.js'
import { upstreamError } from './upstream-error.js'

type Controller = Dispatcher.DispatchController

/**
 * Carries an origin's answer to the client as it comes: interim answers, head, body with back-pressure, trailers.
 * `settled` resolves when the client has the whole answer or has gone, and rejects only while nothing of an answer
 * went out, so that the refusal can still be written.
 */
export class Relay implements Dispatcher.DispatchHandler {
  /** Content octets sent to the client. */
  bytesOut = 0
  readonly settled: Promise<void>
  /** Why the answer was cut, `undefined` when it was not. */
  reason: string | undefined
  private resolve!: () => void
  private reject!: (error: Error) => void
  private controller: Controller | null = null
  private readonly raw: ServerResponse

  /**
   * @param via - The `Via` member of this hop, added to the answer.
   */
  constructor (private readonly reply: FastifyReply, private readonly via: string) {
    this.raw = reply.raw
    this.settled = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.raw.once('close', () => {
      if (!this.raw.writableFinished) {
        this.reason ??= 'aborted'
        this.controller?.abort(new ClientLeft())
      }
      this.resolve()
    })
  }

  /** Ends the exchange at once, on both sides. */
  end (): void {
    this.reason = 'closing'
    this.raw.destroy()
  }

  onRequestStart (controller: Controller): void {
    this.controller = controller
    if (this.raw.destroyed) controller.abort(new ClientLeft())
  }

  onResponseStart (controller: Controller, status: number, _headers: unknown, reason?: string): void {
    const fields = endToEnd(latin1(controller.rawHeaders), 'response')
    if (status < 200) return this.interim(status, reason, fields)
    // The client would answer a foreign challenge with the credentials it has for us (RFC 9110, 11.7.1).
    if (status === 407) return controller.abort(new UpstreamChallenged())
    fields.push('Via', this.via)
    writeRelayedHead(this.reply, status, reason, this.framed(fields))
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    this.bytesOut += chunk.length
    if (this.raw.write(chunk)) return
    controller.pause()
    this.raw.once('drain', () => controller.resume())
  }

  onResponseEnd (controller: Controller): void {
    const trailers = endToEnd(latin1(controller.rawTrailers), 'response')
    if (trailers.length > 0 && this.raw.chunkedEncoding) {
      const lines: Array<[string, string]> = []
      for (let i = 0; i < trailers.length; i += 2) lines.push([trailers[i]!, trailers[i + 1]!])
      this.raw.addTrailers(lines)
    }
    this.raw.end()
  }

  onResponseError (_controller: Controller, error: Error): void {
    // Half an answer cannot be taken back: cutting the connection is the only honest signal left.
    const failure = upstreamError(error)
    if (!this.raw.headersSent) return this.reject(failure)
    this.reason ??= (failure as Error & { code: string }).code
    this.raw.destroy()
  }

  /** Passes an interim answer on, but not to HTTP/1.0, which has none (RFC 9110, 15.2). */
  private interim (status: number, reason: string | undefined, fields: string[]): void {
    if (this.reply.request.raw.httpVersionMinor === 0) return
    let head = `HTTP/1.1 ${status} ${reason ?? ''}\r\n`
    for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
    // node has public methods for 102 and 103 alone, and refuses fields there that are legal.
    ;(this.raw as unknown as { _writeRaw (text: string, encoding: 'latin1'): void })._writeRaw(`${head}\r\n`, 'latin1')
  }

  /** `Trailer` announces what only a chunked body can carry; node refuses to write it before anything else. */
  private framed (fields: string[]): string[] {
    const chunked = this.raw.useChunkedEncodingByDefault && !has(fields, 'content-length')
    return chunked ? fields : without(fields, 'trailer')
  }
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
