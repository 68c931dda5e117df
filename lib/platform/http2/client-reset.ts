import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import { guarded, once } from '../guarded.js'

/**
 * Sees to it that a stream is over, and says so, when its client resets it before the response is
 * through. Else an exchange would keep its places, and content would be kept, for ever.
 *
 * @param stream - That of both messages.
 */
export function endWhenReset (stream: Http2Stream, request: Pick<IncomingMessage, 'method'>, response: ServerResponse): void {
  if (request.method === 'HEAD') closeWith(stream, response)
  destroyWhenReset(stream)
}

/**
 * Has the response to a HEAD say that it is over when its stream is reset before it has ended, as
 * any other response does. Node says so only behind an end.
 *
 * @quirk node-http2-head-close
 */
function closeWith (stream: Http2Stream, response: ServerResponse): void {
  let over = false
  once(response, 'close', () => { over = true })
  once(stream, 'close', () => {
    if (over) return
    response.emit('finish') // as node has it
    response.emit('close')
  })
}

/**
 * Destroys a stream whose client resets it without an error. Node does so for any other code. For
 * this one it waits until what was written has gone out, which it never does.
 *
 * @quirk node-http2-reset-without-error
 */
function destroyWhenReset (stream: Http2Stream): void {
  // In a turn of its own: it is told of while nghttp2 reads.
  once(stream, 'aborted', () => setImmediate(guarded(() => stream.destroy(), stream)))
}
