import type { Http2Stream } from 'node:http2'

/**
 * The stream of HTTP/2 that a message is on, `undefined` for HTTP/1.x, whatever version the message
 * says that it is.
 *
 * @quirk node-any-version
 */
export function streamOf (message: object): Http2Stream | undefined {
  return (message as { stream?: Http2Stream }).stream
}
