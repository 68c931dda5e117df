import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { announcesContent } from '../../platform/message-state.js'
import { upgradeProtocols } from '../../fields/upgrade.js'
import { guarded, once } from '../../platform/guarded.js'
import { isRecord } from '../../platform/http1/spell-fields.js'
import { writeAnyHead } from '../message/response-head.js'
import { BareResponse } from '../../platform/http1/bare-response.js'
import { onClientEnd } from '../../platform/http1/client-end.js'
import { lingeringClose } from '../../platform/http1/lingering-close.js'
import { extendedResponse } from './extended-connect.js'
import { markUpgrade } from '../message/upgrade.js'
import { websocketStream } from './websocket-stream.js'

/**
 * What a request offers to speak that a proxy goes along with. None in HTTP/1.0 (RFC 9110, 7.8),
 * and none beside content, for which a server may overlook the offer: content and the other
 * protocol's octets would come on the same bare socket.
 */
export function offeredProtocols (request: IncomingMessage): string[] {
  if (extendedResponse(request) !== undefined) return ['websocket']
  const { httpVersion, headers } = request
  return httpVersion === '1.1' && !announcesContent(request) ? upgradeProtocols(headers.upgrade) : []
}

/**
 * Takes node's `upgrade` event into Fastify's lifecycle, so that the application's hooks, the gate
 * and the log see it as they see any request. Node has let go of the parser by then, so an answer
 * other than 101 is the last on its connection. A WebSocket of HTTP/2 is a stream, and its answer
 * as any.
 *
 * @param head - What came behind the head of the request.
 * @param protocols - What the client offers, and we would go along with. One or more.
 */
export function routeUpgrade (
  app: FastifyInstance, request: IncomingMessage, head: Buffer, protocols: readonly string[]
): void {
  const answer = extendedResponse(request)
  if (answer !== undefined) {
    markUpgrade(request, websocketStream(request, answer, protocols))
    app.routing(request, answer)
    return
  }
  const { socket } = request
  const response = new UpgradeResponse(request, socket)
  markUpgrade(request, {
    head,
    protocols,
    open: (reply, fields, accepted) => response.open(reply, fields, accepted),
    get whenEnded () { return response.whenEnded }
  })
  once(response, 'finish', () => {
    if (response.taken) return
    response.release()
    lingeringClose(socket)
    process.nextTick(guarded(() => { // as node does behind any other answer
      response.destroyed = true
      response.emit('close')
    }, socket))
  }, socket)
  app.routing(request, response)
}

/** The answer to an upgrade, on a socket that has no parser any more. */
export class UpgradeResponse extends BareResponse {
  private readonly unwatch: () => void

  constructor (request: IncomingMessage, client: Socket) {
    super(request, client)
    this.shouldKeepAlive = false
    // Until the other protocol is spoken, a client that ends has left, as it has for node behind
    // any request.
    this.unwatch = onClientEnd(client, () => client.destroySoon())
  }

  override release (): void {
    this.unwatch()
    super.release()
  }

  /**
   * Says what becomes of the connection, whatever the fields say. Those of a relayed answer come as
   * a list, and do not say.
   */
  override writeHead (status: number, ...rest: unknown[]): this {
    const last = rest.at(-1)
    if (status !== 101 && Array.isArray(last)) last.push('Connection', 'close')
    else if (status !== 101) this.setHeader('Connection', 'close')
    if (isRecord(last)) {
      for (const name of Object.keys(last)) if (name.toLowerCase() === 'connection') delete last[name]
    }
    return super.writeHead(status, ...rest as [string])
  }

  /**
   * Sends a 101, which nothing follows that is of HTTP, and hands the socket over.
   *
   * @quirk node-flush-headers-utf8
   */
  open (reply: FastifyReply, fields: string[], accepted: readonly string[]): Socket {
    writeAnyHead(reply, 101, 'Switching Protocols', [...fields, 'Connection', 'Upgrade', 'Upgrade', accepted.join(', ')])
    // `flushHeaders` would write octets beyond ASCII as two.
    ;(this as unknown as { _send (text: string, encoding: 'latin1'): void })._send('', 'latin1')
    return this.take()
  }
}
