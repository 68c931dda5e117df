import { request as send } from 'node:http'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'

/**
 * Sends `OPTIONS *`, which the last proxy makes of `OPTIONS http://host` (RFC 9112, 3.2.4). By node's own client,
 * because undici refuses the asterisk-form, on a connection of its own, since nobody asks this twice in a second.
 *
 * @param socket - Connected to the target, its TLS done.
 * @param handler - Gets the answer as from undici.
 */
export function sendAsterisk (socket: Socket, headers: readonly string[], handler: Dispatcher.DispatchHandler): void {
  const request = send({ method: 'OPTIONS', path: '*', headers, createConnection: () => socket })
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    abort: reason => { request.destroy(reason) },
    pause: () => {},
    resume: () => {}
  }
  handler.onRequestStart?.(controller, {})
  request.on('error', error => handler.onResponseError?.(controller, error))
  request.on('response', response => {
    controller.rawHeaders = response.rawHeaders
    handler.onResponseStart?.(controller, response.statusCode!, {}, response.statusMessage)
    response.on('data', chunk => handler.onResponseData?.(controller, chunk))
    response.on('end', () => {
      controller.rawTrailers = response.rawTrailers
      handler.onResponseEnd?.(controller, {})
    })
  })
  request.end()
}
