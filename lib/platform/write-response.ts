import type { ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyReply } from 'fastify'
import { formatFields } from '../fields/raw-list.js'
import { endToEnd } from '../fields/hop-by-hop.js'
import { http2Fields } from '../fields/http2-fields.js'
import { isGone, streamOf } from './message-state.js'

// What of a response node's own methods do not write, or not as they should: interim responses, a
// reason phrase as it came, content in one write with its end.

/** Frames of a session that wait to be sent, beyond which no interim answer joins them. */
const MAX_QUEUED = 32

/** An interim response has no content to frame, and no trailers (RFC 9110, 8.6 and 15.2). */
const FRAMING = new Set(['content-length', 'trailer'])

/**
 * Passes an interim answer on, but not to HTTP/1.0, which has none (RFC 9110, 15.2), and not before
 * its turn on a connection.
 *
 * @param received - A flat raw list, as received.
 * @param via - Our member of `Via`, added to it.
 * @quirk node-interim-any
 * @quirk node-interim-before-turn
 */
export function writeInterim (
  { raw, request }: FastifyReply, status: number, reason: string | undefined, received: readonly string[], via: string
): void {
  const { httpVersionMajor, httpVersionMinor } = request.raw
  if (raw.headersSent || isGone(raw)) return
  // They are hints, and an origin may send them without end to a client that takes nothing.
  if (raw.writableLength >= raw.writableHighWaterMark) return
  const fields = endToEnd(received, 'response', FRAMING)
  fields.push('Via', via)
  if (httpVersionMajor === 2) return writeHttp2Interim(streamOf(raw) as ServerHttp2Stream, status, fields)
  if (httpVersionMinor === 0) return
  // It waits for others on its connection: node would put the head of the final one before this,
  // and this into the content.
  if (raw.socket === null) return
  const head = `HTTP/1.1 ${status} ${reasonPhrase(reason) ?? ''}\r\n${formatFields(fields)}\r\n`
  // node has public methods for 102 and 103 alone, and refuses fields there that are legal.
  ;(raw as unknown as { _writeRaw (text: string, encoding: 'latin1'): void })._writeRaw(head, 'latin1')
}

/**
 * Passes an interim response on over HTTP/2.
 *
 * @quirk node-http2-interim-queue
 */
function writeHttp2Interim (stream: ServerHttp2Stream, status: number, fields: readonly string[]): void {
  if (status === 101) return // HTTP/2 has none (RFC 9113, 8.6)
  // What has no flow control may be queued without end where a client takes nothing, and they are
  // hints.
  if (stream.session!.state.outboundQueueSize! >= MAX_QUEUED) return
  try {
    stream.additionalHeaders({ ...http2Fields(fields), ':status': status })
  } catch {
    // A field that is none, or the stream has ended. It was a hint.
  }
}

const PRINTABLE = /^[\x20-\x7e]*$/
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/

/**
 * The reason phrase of an answer as its octets, one char each, which is what node writes. undici
 * decodes it as UTF-8: node would refuse the result, or cut its chars to octets, and U+010D U+010A
 * would end a line.
 *
 *     reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
 *
 * @param decoded - As undici gives it. Empty where the phrase is.
 * @returns `undefined` where the octets are lost or cannot be sent: node's own phrase is as good.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-4 RFC 9112, 4}
 * @example
 * reasonPhrase('Ça va') // 'Ã\x87a va'
 * @quirk undici-reason-phrase
 */
export function reasonPhrase (decoded: string | undefined): string | undefined {
  if (decoded === undefined || PRINTABLE.test(decoded)) return decoded
  const octets = Buffer.from(decoded).toString('latin1')
  return decoded.includes('\ufffd') || UNSENDABLE.test(octets) ? undefined : octets
}

/**
 * Ends a response with all its content in one write. Node makes two of it, the second of nothing,
 * and hands them over as a list, which is a fifth of what a small response costs. Where there is no
 * connection yet, or the content is in chunks, it ends as node ends it.
 *
 * @param response - Of HTTP/1.x; its head is written, and nothing of its content.
 * @quirk node-end-is-a-list
 */
export function endInOneWrite (response: ServerResponse, text: string, encoding: 'latin1' | 'utf8'): void {
  const { socket, chunkedEncoding } = response
  const { end } = Object.getPrototypeOf(response) as { end: (text?: string, encoding?: BufferEncoding) => unknown }
  if (socket === null || chunkedEncoding) {
    end.call(response, text, encoding)
    return
  }
  response.write(text, encoding)
  socket.uncork() // node corks it until the end of the turn
  end.call(response)
}

/** Has text that ends a response go out as {@link endInOneWrite} does it. */
export function preferOneWrite (response: ServerResponse): void {
  if (streamOf(response) === undefined && !Object.hasOwn(response, 'end')) response.end = endText as typeof response.end
}

function endText (this: ServerResponse, ...rest: unknown[]): ServerResponse {
  const [text, encoding, done] = rest
  if (typeof text !== 'string' || encoding != null || done != null || !this.headersSent || this.writableEnded) {
    return Reflect.apply((Object.getPrototypeOf(this) as ServerResponse).end, this, rest)
  }
  endInOneWrite(this, text, 'utf8')
  return this
}
