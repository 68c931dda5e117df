import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import { intercept } from '../../platform/guarded.js'

const kExtended = Symbol('fastify-proxy-auth.extended')

type ExtendedRequest = IncomingMessage & { [kExtended]?: ServerResponse }

/**
 * The answer to an extended CONNECT that {@link onExtendedConnect} has brought in, `undefined` for
 * any other request.
 */
export function extendedResponse (request: IncomingMessage): ServerResponse | undefined {
  return (request as ExtendedRequest)[kExtended]
}

/**
 * Brings in each extended CONNECT for a WebSocket before any listener of `connect` gets it, as the
 * upgrade of HTTP/1.1 that it stands for: a GET (RFC 8441, 5). They come only where the application
 * has announced that it takes some (`settings.enableConnectProtocol`). What is not taken is a
 * CONNECT again, for the listeners; without any it is not implemented.
 *
 * @param take - Whether it was taken.
 */
export function onExtendedConnect (server: Server, take: (request: IncomingMessage) => boolean): void {
  intercept(server, ['connect'], (_event: string, request: ExtendedRequest, response: ServerResponse) => {
    if (!isExtendedConnect(request)) return false
    if (isWebSocket(request)) {
      request.method = 'GET'
      request[kExtended] = response
      if (take(request)) return true
      request.method = 'CONNECT'
    }
    if (server.listenerCount('connect') > 0) return false
    notImplemented(response)
    return true
  })
}

/** Responds to a CONNECT for a protocol that is not served here. */
export function notImplemented (response: ServerResponse): void {
  response.writeHead(501, { 'cache-control': 'no-store' }).end()
}

function isWebSocket ({ headers }: IncomingMessage): boolean {
  return String(headers[':protocol']).toLowerCase() === 'websocket'
}
