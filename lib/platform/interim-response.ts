import type { ServerHttp2Stream } from 'node:http2'
import type { FastifyReply } from 'fastify'
import { formatFields } from '../fields/raw-list.js'
import { endToEnd } from '../fields/hop-by-hop.js'
import { streamOf, isGone } from './message-state.js'
import { http2Fields } from '../fields/http2-fields.js'
import { reasonPhrase } from './reason-phrase.js'

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
