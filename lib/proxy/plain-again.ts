import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { parseAgain } from './parse-again.js'

/**
 * Prepares for an upgrade to go on as a plain request: node parses it again without its `Upgrade`, so content, an
 * expectation and what is pipelined behind it are what they are behind any request, and the connection is kept.
 *
 * @param head - What came behind the head of the request.
 * @returns To be called when it is its turn. The request is taken as it is now.
 */
export function plainAgain (request: IncomingMessage, head: Buffer): () => void {
  const { method, url, httpVersion, rawHeaders, socket } = request
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== 'upgrade') text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  }
  return () => {
    if (socket.destroyed) return
    socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]))
    parseAgain((socket as Socket & { server: Server }).server, socket)
  }
}
