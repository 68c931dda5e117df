import { request as send } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import type { Dispatcher } from 'undici'
import { hasField } from '../../fields/raw-list.js'
import { UpstreamProtocol, UpstreamTimeout } from '../../errors.js'
import { guarded, on } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

export interface Asterisk {
  /** A flat raw list. */
  readonly fields: readonly string[]
  readonly content: AsyncIterable<Buffer> | null
  readonly headersTimeout: Milliseconds
  readonly bodyTimeout: Milliseconds
  readonly maxResponseHead: number
}

/**
 * Sends `OPTIONS *`, which the last proxy makes of `OPTIONS http://host` (RFC 9112, 3.2.4). By
 * node's own client, because undici refuses the asterisk-form, on a connection of its own, since
 * no client asks this twice in a second.
 *
 * @param socket - Connected to the target, its TLS done.
 * @param handler - Gets the answer as from undici.
 * @quirk undici-asterisk
 * @quirk node-max-headers-count
 */
export function sendAsterisk (
  socket: Socket, { fields, content, headersTimeout, bodyTimeout, maxResponseHead }: Asterisk,
  handler: Dispatcher.DispatchHandler
): void {
  const request = send({ method: 'OPTIONS', path: '*', headers: framed(fields, content), createConnection: () => socket, maxHeaderSize: maxResponseHead })
  request.maxHeadersCount = 0 // no limit but that of the size: node would cut the list, and it is relayed
  let settled = false
  let timer: NodeJS.Timeout | undefined
  const fail = (error: Error) => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    request.destroy()
    handler.onResponseError?.(controller, error)
  }
  // What one of those below throws is a failure as well.
  const whole = { destroy: fail }
  const controller = new AsteriskController(fail, () => { socket.setTimeout(bodyTimeout) })
  const answer = ({ statusCode, statusMessage, rawHeaders }: Pick<IncomingMessage, 'statusCode' | 'statusMessage' | 'rawHeaders'>) => {
    controller.rawHeaders = rawHeaders
    try {
      handler.onResponseStart?.(controller, statusCode!, {}, utf8(statusMessage!))
    } catch (error) {
      fail(error as Error) // it could not be written, as undici has it
    }
  }

  on(request, 'error', fail)
  // Each interim response is a sign of life to the socket.
  on(request, 'finish', () => { if (headersTimeout > 0) timer = setTimeout(guarded(() => fail(new UpstreamTimeout())), headersTimeout) }, whole)
  on(request, 'upgrade', () => fail(new UpstreamProtocol()))
  on(request, 'information', (head: IncomingMessage) => { if (head.statusCode !== 100) answer(head) }, whole)
  on(request, 'response', (response: IncomingMessage) => {
    clearTimeout(timer)
    controller.response = response
    socket.setTimeout(bodyTimeout)
    answer(response)
    on(response, 'error', fail)
    on(response, 'data', (chunk: Buffer) => { if (!settled) handler.onResponseData?.(controller, chunk) }, whole)
    on(response, 'end', () => {
      if (settled) return
      settled = true
      controller.rawTrailers = response.rawTrailers
      try {
        handler.onResponseEnd?.(controller, {})
      } catch (error) {
        handler.onResponseError?.(controller, error as Error)
      }
    })
  }, whole)
  socket.setTimeout(headersTimeout)
  on(socket, 'timeout', () => {
    if (controller.paused) socket.setTimeout(bodyTimeout) // it is the client who is slow
    else fail(new UpstreamTimeout())
  })
  handler.onRequestStart?.(controller, {})
  if (content === null) request.end()
  else pipeline(content, request, guarded((error: Error | null | undefined) => { if (error) fail(error) }))
}

/** As undici's, so that a handler finds no difference. */
class AsteriskController implements Dispatcher.DispatchController {
  aborted = false
  reason: Error | null = null
  rawHeaders: string[] = []
  rawTrailers: string[] = []
  response: IncomingMessage | null = null

  constructor (private readonly fail: (reason: Error) => void, private readonly startTime: () => void) {}

  get paused (): boolean { return this.response?.isPaused() === true }

  abort (reason: Error): void {
    this.aborted = true
    this.reason = reason
    this.fail(reason)
  }

  pause (): void { this.response?.pause() }

  resume (): void {
    this.startTime() // the pause was no silence of the origin
    this.response?.resume()
  }
}

/**
 * For node, an OPTIONS has no content unless its fields say so, and the connection may be kept
 * unless they do not.
 */
function framed (fields: readonly string[], content: AsyncIterable<Buffer> | null): readonly string[] {
  const coding = content === null || hasField(fields, 'content-length') ? [] : ['Transfer-Encoding', 'chunked']
  return [...fields, 'Connection', 'close', ...coding]
}

/**
 * A reason phrase decoded as undici does it.
 *
 * @quirk undici-reason-phrase
 */
function utf8 (octets: string): string {
  return Buffer.from(octets, 'latin1').toString()
}
