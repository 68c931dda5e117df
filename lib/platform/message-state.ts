import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import type { FastifyReply } from 'fastify'

// What of a request or a response node and Fastify say late, or not at all, or only of HTTP/1.x.

/**
 * The stream of HTTP/2 that a message is on, `undefined` for HTTP/1.x, whatever version the message
 * says that it is.
 *
 * @quirk node-any-version
 */
export function streamOf (message: object): Http2Stream | undefined {
  return (message as { stream?: Http2Stream }).stream
}

/**
 * Whether a message is one of `app.inject()`, which has no connection: a response is out as soon as
 * it has ended, though its `writableFinished` says so later, and a request that is not read is
 * never `complete`.
 *
 * @quirk fastify-inject-finished
 */
export function isInjected (message: object): boolean {
  return 'isLightMyRequest' in message
}

/**
 * How much content the head of a message announces, in octets: `Infinity` where it comes in chunks.
 * Over HTTP/2 there may be some all the same.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-6 RFC 9112, 6}
 * @example
 * announcedLength({ headers: { 'content-length': '3' } }) // 3
 */
export function announcedLength ({ headers }: Pick<IncomingMessage, 'headers'>): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity
}

/** Whether the head of a message announces content. */
export function announcesContent (message: Pick<IncomingMessage, 'headers'>): boolean {
  return announcedLength(message) !== 0
}

/**
 * Whether a response has gone out, or begins to. A reply of Fastify's that sends a stream is not
 * `sent` before its end.
 *
 * @quirk fastify-sent-late
 */
export function hasBegun ({ sent, raw }: FastifyReply): boolean {
  return sent || raw.headersSent
}

/**
 * Whether the client of a response has gone. Node's HTTP/2 has no `destroyed` for one.
 *
 * @quirk node-http2-response-destroyed
 */
export function isGone (response: ServerResponse): boolean {
  const stream = streamOf(response)
  return stream === undefined ? response.destroyed : stream.destroyed || stream.closed
}

/**
 * Whether all of a response has gone out. Node calls a stream finished that was reset, and that of
 * a HEAD from its start.
 *
 * @quirk node-http2-head-finished
 */
export function isFinished (response: ServerResponse): boolean {
  return response.headersSent &&
    (response.writableFinished || (response.writableEnded && isInjected(response))) &&
    streamOf(response)?.aborted !== true
}
