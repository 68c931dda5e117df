import type { IncomingMessage } from 'node:http'
import { guarded, once } from '../guarded.js'
import { streamOf } from '../message-state.js'

/**
 * Destroys a stream of HTTP/2 whose client resets it without an error before the response is
 * through. Node does so for any other code. For this one it waits until what was written has gone
 * out, which it never does, and the exchange would hold its places until it is idle.
 *
 * @quirk node-http2-reset-without-error
 */
export function destroyWhenReset (request: IncomingMessage): void {
  const stream = streamOf(request)
  if (stream === undefined) return
  // In a turn of its own: it is told of while nghttp2 reads.
  once(stream, 'aborted', () => setImmediate(guarded(() => stream.destroy(), stream)))
}
