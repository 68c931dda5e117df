import type { IncomingMessage } from 'node:http'

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
