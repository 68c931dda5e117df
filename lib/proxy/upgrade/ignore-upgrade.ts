import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { formatFields, withoutField } from '../../fields/raw-list.js'
import { lingeringClose } from '../../platform/http1/lingering-close.js'
import { mayBeCut } from '../ingress/malformed.js'
import { resumeParsing } from '../../platform/http1/resume-parsing.js'

/** As node writes it by itself where it refuses too many lines. */
const TOO_MANY_LINES = 'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/**
 * Prepares for an upgrade to go on as a plain request: node parses it again without its `Upgrade`,
 * so content, an expectation and what is pipelined behind it are what they are behind any request,
 * and the connection is kept.
 *
 * A head that node may have cut is refused with 431 instead: without the line that frames the
 * content, the content would be the next request.
 *
 * @param head - What came behind the head of the request.
 * @returns To be called when it is its turn. The request is taken as it is now.
 */
export function ignoreUpgrade (request: IncomingMessage, head: Buffer): () => void {
  const { method, url, httpVersion, rawHeaders, socket } = request
  if (mayBeCut(request)) return () => refuse(socket)
  const text = `${method} ${url} HTTP/${httpVersion}\r\n${formatFields(withoutField(rawHeaders, 'upgrade'))}\r\n`
  return () => parseRest(socket, Buffer.concat([Buffer.from(text, 'latin1'), head]))
}

/**
 * Has node parse what has been read of a connection that it has handed over, and what is still to
 * come.
 */
export function parseRest (socket: Socket, read: Buffer): void {
  if (socket.destroyed) return
  socket.unshift(read)
  resumeParsing((socket as Socket & { server: Server }).server, socket)
}

function refuse (socket: Socket): void {
  if (socket.writable) socket.write(TOO_MANY_LINES)
  lingeringClose(socket)
}
