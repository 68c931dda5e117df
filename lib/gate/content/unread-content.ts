import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { announcedLength } from '../../platform/message-state.js'
import { guarded, on, once } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/**
 * Content up to this size that the client has announced is read and thrown away, and the connection
 * kept.
 */
const MAX_READ_UNASKED = 64 * 1024
/** How much of a larger one is read while the client takes our answer, and for how long. */
const MAX_READ = 16 * 1024 * 1024
const TIME: Milliseconds = 5_000

/**
 * Whether a refusal has to close the connection: there is content that will not be read, and more
 * of it, or of unknown length, than is worth reading for the sake of the connection (RFC 9112,
 * 9.3); or the client waits for a 100, and cannot know whether its content is still wanted; or it
 * speaks HTTP/1.0 (RFC 9112, 9.3 again). CONNECT has ways of its own.
 *
 * @param continues - The connection is worth more: the next leg of a handshake must come on it.
 */
export function mustClose (request: IncomingMessage, continues = false): boolean {
  const { headers, method, complete, httpVersionMajor, httpVersionMinor } = request
  if (method === 'CONNECT' || httpVersionMajor !== 1) return false
  if (httpVersionMinor === 0) return true
  const length = announcedLength(request)
  if (complete || length === 0) return false
  return headers.expect !== undefined || length > (continues ? MAX_READ : MAX_READ_UNASKED)
}

/**
 * Whether content is to be read before the response to a leg of a handshake: the client waits for a
 * 100. One that has announced more than is read away gets its response at once.
 */
export function isToBeReadAway (request: IncomingMessage): boolean {
  const length = announcedLength(request)
  return request.headers.expect !== undefined && (length === Infinity || (length > 0 && length <= MAX_READ))
}

/**
 * Reads content and throws it away, which lets node ask for it with a 100. The time is the
 * handshake's.
 *
 * @param then - Called once: the content has come to its end (true), or there is more of it than is
 *   read (false). Not called when the client leaves.
 */
export function readAway (request: IncomingMessage, then: (whole: boolean) => void): void {
  if (request.readableEnded) return then(true)
  let seen = 0
  const settle = (whole: boolean) => {
    request.removeListener('data', count)
    request.removeListener('end', end)
    then(whole)
  }
  const end = () => settle(true)
  const count = (chunk: Buffer) => {
    seen += chunk.length
    if (seen > MAX_READ) settle(false)
  }
  once(request, 'end', end)
  on(request, 'data', count)
}

/**
 * A body that ends only when the client has stopped sending, or has sent or waited enough. Closing
 * right behind the answer would reset the connection, and the client might never read why (RFC
 * 9112, 9.6).
 */
export function drainBeforeEnd (request: IncomingMessage, body: string): Readable {
  let seen = 0
  const end = () => {
    clearTimeout(timer)
    stream.push(null)
  }
  const timer = setTimeout(guarded(end, request), TIME)
  const stream = new Readable({ read () {}, destroy (error, callback) { end(); callback(error) } })
  stream.push(body)
  on(request, 'data', (chunk: Buffer) => { if ((seen += chunk.length) > MAX_READ) end() })
  once(request, 'end', end)
  once(request, 'close', end)
  return stream
}
