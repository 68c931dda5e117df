import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import { once } from '../guarded.js'

/**
 * Has the response to a HEAD of HTTP/2 say that it is over when its stream is reset before it has
 * ended, as any other response does. Node says so only behind an end, and what waits for it to end
 * an exchange, or to let go of content, would wait for ever.
 *
 * @quirk node-http2-head-close
 */
export function closeHead ({ method, stream }: Pick<IncomingMessage, 'method'> & { readonly stream?: Http2Stream }, response: ServerResponse): void {
  if (method !== 'HEAD' || stream === undefined) return
  let over = false
  once(response, 'close', () => { over = true })
  once(stream, 'close', () => {
    if (over) return
    response.emit('finish') // as node has it
    response.emit('close')
  })
}
