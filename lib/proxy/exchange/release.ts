import type { IncomingMessage } from 'node:http'
import { on } from '../../platform/guarded.js'
import { streamOf, isInjected } from '../../platform/message-state.js'
import type { Exchange } from './exchange.js'
import type { Exchanges } from './exchanges.js'

/**
 * Takes an exchange whose answer is through off the list, once its request is too: until then the
 * connection is in use, and a stopping server waits.
 *
 * Node lets go of a request of HTTP/1.1 when its answer is out, and does not tell it when the
 * connection closes: what reads it would wait for more.
 *
 * @quirk node-request-close
 */
export function deleteWhenRequestEnds (exchanges: Exchanges, exchange: Exchange, request: IncomingMessage): void {
  const socket = streamOf(request) === undefined ? request.socket : undefined
  const through = () => {
    request.removeListener('close', through)
    socket?.removeListener('close', left)
    exchanges.delete(exchange)
  }
  const left = () => {
    request.destroy()
    through()
  }
  if (request.complete || request.destroyed || isInjected(request)) return through()
  if (socket?.destroyed === true) return left()
  on(request, 'close', through)
  if (socket !== undefined) on(socket, 'close', left)
}
