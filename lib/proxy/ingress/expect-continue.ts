import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { announcesContent } from '../../platform/message-state.js'
import { guarded, on, once } from '../../platform/guarded.js'
import { Askers } from './askers.js'
import type { MayBeProxied } from './askers.js'

const askers = new Askers()

/**
 * Keeps node from writing `100 Continue` before the gate has decided: a proxy either answers
 * finally from the head or lets the body come, never both (RFC 9110, 10.1.1). Requests that no
 * proxy route can take get theirs at once, as from node. One listener per server, however many
 * registrations ask for it.
 *
 * @param mayBeProxied - Whether a proxy route may take the request.
 * @quirk node-expect-continue
 */
export function expectContinue (server: Server, mayBeProxied: MayBeProxied): void {
  const isProxied = askers.add(server, mayBeProxied)
  if (isProxied === undefined) return
  on(server, 'checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!isProxied(request)) proceed(response)
    else if (hasContent(request)) continueWhenRead(request, response)
    else expectNothing(response)
    server.emit('request', request, response)
  })
}

/** HTTP/2 need not announce it. */
function hasContent (request: IncomingMessage): boolean {
  return request.httpVersionMajor !== 1 || announcesContent(request)
}

/**
 * Keeps node from closing the connection behind a refusal, as it does where content may still come.
 * `curl --proxy-anyauth` expects a 100 with the empty request, too, that begins a handshake, which
 * a closed connection would end.
 *
 * @quirk node-expect-continue
 */
function expectNothing (response: ServerResponse & { _expect_continue?: boolean }): void {
  response._expect_continue = false
}

/**
 * The content is wanted when it is read. A refusal reads nothing, so the client keeps it. What has
 * come without waiting is wanted no sooner: node reads ahead by itself then, with a size of 0.
 *
 * @quirk node-expect-continue
 */
function continueWhenRead (request: IncomingMessage, response: ServerResponse): void {
  const { read } = request
  const wanted = guarded(() => { proceed(response) }, response)
  request.read = function (size) {
    if (size === 0 && request.readableLength > 0) return read.call(request, size)
    request.read = read
    wanted()
    return read.call(request, size)
  }
}

/**
 * Asks for the content, once the response has its turn on the connection: what is written for one
 * that waits gets behind the head of the final response, into its content.
 *
 * @quirk node-interim-before-turn
 */
function proceed (response: ServerResponse): void {
  if (response.headersSent) return
  if (response.socket === null) once(response, 'socket', () => proceed(response))
  else response.writeContinue()
}
