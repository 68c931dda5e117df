import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The last answer begun on a connection. */
const outstanding = new WeakMap<Socket, ServerResponse>()

const noted = new WeakSet<Server>()

/** Notes the answers that a CONNECT or an Upgrade on the same connection has to wait for. Once per server. */
export function noteAnswers (server: Server): void {
  if (noted.has(server)) return
  noted.add(server)
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => { outstanding.set(request.socket, response) })
}

/**
 * Begins with a request that has left node's parser, when it is its turn: it may be pipelined behind another, whose
 * answer goes out first and has the socket till then (RFC 9112, 9.3.2). Not at all if the connection has closed by then, or
 * is going to, as that answer has been cut: of one that is cut before its own turn, node 24 says at once that it is closed.
 */
export function inTurn (socket: Socket, begin: () => void): void {
  const before = outstanding.get(socket)
  const start = () => {
    if (socket.destroyed) return
    if (before === undefined || before.writableFinished) begin()
    else socket.destroy()
  }
  if (before === undefined || before.writableFinished) start()
  else before.once('close', start)
}
