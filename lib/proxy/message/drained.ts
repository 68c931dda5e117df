import type { IncomingMessage } from 'node:http'

/**
 * The content of a request, of which the reader may take a part only: what it leaves is read and
 * dropped. Else an upstream that answers early, or fails, would leave the client's connection stuck
 * behind the rest of an upload (RFC 9112, 9.3).
 */
export async function * drained (request: IncomingMessage, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield * content
  } finally {
    request.resume()
  }
}
