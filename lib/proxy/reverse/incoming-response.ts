import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { ClientLeft, UpstreamProtocol } from '../../errors.js'
import { guardMethod, on } from '../../platform/guarded.js'
import type { Switched } from '../upgrade/switch-protocols.js'

type Controller = Dispatcher.DispatchController
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** The head of an answer, as @fastify/reply-from wants it from its client. */
export interface ResponseHead {
  readonly statusCode: number
  readonly headers: Headers
  readonly body: IncomingResponse
}

export interface ResponseEvents {
  /** An interim answer came. The fields are a flat raw list, as received. */
  interim (status: number, reason: string | undefined, fields: string[]): void
  /** Another protocol is spoken from here on; nothing is settled then. What this throws is the failure. */
  switch (switched: Switched): void
  /** The final answer came, or none will. Called once. */
  settle (failure: Error | null, head?: ResponseHead): void
}

/**
 * The answer of an upstream, as a stream with the members of node's IncomingMessage that a relay needs: what undici's
 * own `request` gives has neither the lines as received nor interim answers. Destroying it ends the exchange with
 * the upstream, also before an answer has come.
 */
export class IncomingResponse extends Readable implements Dispatcher.DispatchHandler {
  // What the others throw comes to it: undici sees to that.
  static { guardMethod(this.prototype, 'onResponseError', answer => answer) }

  rawHeaders: string[] = []
  rawTrailers: string[] = []
  statusCode = 0
  statusMessage: string | undefined
  private controller: Controller | null = null
  private settled = false

  constructor (private readonly events: ResponseEvents) {
    super()
    // It may fail when nobody listens any more, or not yet; that must not end the process.
    on(this, 'error', () => {})
  }

  onRequestStart (controller: Controller): void {
    this.controller = controller
    if (this.destroyed) controller.abort(new ClientLeft('response'))
  }

  onResponseStart (controller: Controller, status: number, headers: Headers, reason?: string): void {
    const raw = latin1(controller.rawHeaders) ?? flat(headers)
    // A 101 that switches comes to the method below.
    if (status < 100 || status === 101 || !isDecoded(headers['transfer-encoding'])) return controller.abort(new UpstreamProtocol())
    if (status < 200) return this.events.interim(status, reason, raw)
    this.rawHeaders = raw
    this.statusCode = status
    this.statusMessage = reason
    this.settled = true
    // @fastify/reply-from refuses others, and says so in the log. The relay asks this stream for it.
    this.events.settle(null, { statusCode: Math.min(status, 599), headers, body: this })
  }

  onRequestUpgrade (controller: Controller, status: number, headers: Headers, socket: Duplex): void {
    this.controller = null // what it would abort is the client's from here on
    this.settled = true
    try {
      this.events.switch({ status, fields: latin1(controller.rawHeaders) ?? flat(headers), socket: socket as Socket })
    } catch (error) {
      this.events.settle(error as Error)
    }
  }

  onResponseData (controller: Controller, chunk: Buffer): void {
    if (!this.push(chunk)) controller.pause()
  }

  onResponseEnd (controller: Controller, trailers: Headers): void {
    this.rawTrailers = latin1(controller.rawTrailers) ?? flat(trailers)
    this.push(null)
  }

  onResponseError (_controller: Controller, error: Error): void {
    if (this.settled) this.destroy(error)
    else {
      this.settled = true
      this.events.settle(error)
    }
  }

  override _read (): void {
    this.controller?.resume()
  }

  override _destroy (error: Error | null, done: (error: Error | null) => void): void {
    this.controller?.abort(error ?? new ClientLeft('response'))
    this.controller = null
    done(error)
  }
}

/**
 * True when chunked is the only transfer coding: node and undici take it off and leave any other on, which would go out
 * as content (RFC 9112, 6.1).
 */
export function isDecoded (coding: string | string[] | undefined): boolean {
  return coding === undefined || String(coding).toLowerCase() === 'chunked'
}

/** `undefined` where an interceptor of the application keeps them for itself. */
function latin1 (raw: Controller['rawHeaders']): string[] | undefined {
  return Array.isArray(raw) ? raw.map(part => typeof part === 'string' ? part : part.toString('latin1')) : undefined
}

function flat (headers: Headers): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().flatMap(line => [name, line]))
}
