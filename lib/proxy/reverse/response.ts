import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { UpstreamChallenged, UpstreamProtocol } from '../../errors.js'
import { HOP_BY_HOP_RESPONSE, connectionOptions, endToEnd, endToEndFields } from '../../fields/hop-by-hop.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { guarded, on } from '../../platform/guarded.js'
import { streamOf } from '../../platform/message-stream.js'
import type { Milliseconds } from '../../types.js'
import { addTrailers, writeRelayedHead } from '../message/response-head.js'
import { mergeIntoRaw } from './raw-fields.js'
import { isDecoded } from './incoming-response.js'
import { isGone } from '../../platform/abort.js'
import type { ReverseExchange } from './exchange.js'
import { upstreamError } from '../upstream/upstream-error.js'

/** What @fastify/reply-from hands to `onResponse`. The stream is of node's client, of undici, or an IncomingAnswer. */
export interface UpstreamResponse {
  readonly statusCode: number
  readonly stream: Readable & {
    readonly rawHeaders?: string[]
    readonly rawTrailers?: string[]
    readonly statusCode?: number
    readonly statusMessage?: string | undefined
  }
}

/** The status as the upstream sent it: up to 999 (RFC 9110, 15). Fastify has none beyond 599. */
export function statusOf ({ statusCode, stream }: UpstreamResponse): number {
  return stream.statusCode ?? statusCode
}

/** `rewriteHeaders` of the options. */
export type RewriteResponse = (headers: FieldRecord, request: ReverseExchange['request']) => FieldRecord

/**
 * The head of an answer for the client: what ends at this hop removed, then the options' word, then removed again,
 * with our member of `Via`.
 *
 * @param via - Our member of `Via`.
 * @throws {UpstreamProtocol} A transfer coding that the client has not taken off.
 */
export function responseHead (headers: FieldRecord, rewrite: RewriteResponse | undefined, request: ReverseExchange['request'], via: string): FieldRecord {
  if (!isDecoded(headers['transfer-encoding'])) throw new UpstreamProtocol()
  const received = endToEndFields(headers, 'response')
  const rewritten = rewrite === undefined ? received : rewriteOf(received, rewrite, request)
  const head: FieldRecord = Object.create(null)
  for (const name of Object.keys(rewritten)) {
    const usual = name.toLowerCase()
    if (!HOP_BY_HOP_RESPONSE.has(usual) && usual !== 'via') head[usual] = rewritten[name]
  }
  const before = received['via']
  head['via'] = before === undefined ? via : `${[before].flat().join(', ')}, ${via}`
  return head
}

/**
 * What the options make of a head. @fastify/http-proxy takes `Location` for text: of several lines it gets the first, and
 * all stay where it leaves that as it is.
 */
function rewriteOf (received: FieldRecord, rewrite: RewriteResponse, request: ReverseExchange['request']): FieldRecord {
  const { location } = received
  if (!Array.isArray(location)) return rewrite({ ...received }, request)
  const rewritten = rewrite({ ...received, location: location[0] }, request)
  return rewritten['location'] === location[0] ? { ...rewritten, location } : rewritten
}

/**
 * Carries an answer to the client past Fastify's reply, so that it is the upstream's and ours, and nobody else's: head,
 * body with back-pressure, trailers.
 *
 * @param head - Of {@link responseHead}.
 * @param patience - How long the client may take nothing of it; then its connection is cut. 0: as long as it likes.
 * @throws {UpstreamChallenged} It is a 407, which is not ours. The client would answer it with the credentials that it
 *   has for us (RFC 9110, 11.7.1).
 */
export function relay (exchange: ReverseExchange, answer: UpstreamResponse, head: FieldRecord, patience: Milliseconds): void {
  const { reply, request: { method } } = exchange
  const { raw } = reply
  const { stream } = answer
  const statusCode = statusOf(answer)
  if (statusCode === 407) throw new UpstreamChallenged()
  const isHttp2 = streamOf(raw) !== undefined
  // Node's HTTP/2 sends no content with a 205, and there should be none (RFC 9110, 15.3.6).
  const reset = statusCode === 205 && isHttp2
  const contentless = statusCode === 204 || statusCode === 304 || reset
  const { 'content-length': length, ...rest } = head
  const fields = mergeIntoRaw(stream.rawHeaders ?? [], statusCode === 204 ? rest : head)
  const chunked = !contentless && method !== 'HEAD' && (isHttp2 || (raw.useChunkedEncodingByDefault && length === undefined))
  writeRelayedHead(reply, statusCode, reasonOf(stream), chunked && stream.rawTrailers !== undefined ? fields : withoutTrailer(fields))

  on(stream, 'error', (error: Error) => exchange.cut((upstreamError(error) as Error & { code: string }).code), raw)
  on(stream, 'close', () => exchange.cut('FST_PROXY_AUTH_UPSTREAM_TERMINATED'), raw)
  if (contentless) {
    raw.end() // undici takes their Content-Length for that of content which did not come
    if (reset) stream.destroy()
    else stream.resume()
    return
  }
  on(stream, 'data', (chunk: Buffer) => {
    exchange.bytesOut += chunk.length
    if (!raw.write(chunk)) waitForClient(exchange, stream, patience)
  }, raw)
  on(stream, 'end', () => {
    const received = stream.rawTrailers ?? []
    try {
      if (received.length > 0 && (isHttp2 || raw.chunkedEncoding)) {
        addTrailers(raw, endToEnd(received, 'response', connectionOptions(stream.rawHeaders!)))
      }
      raw.end()
    } catch {
      exchange.cut('FST_PROXY_AUTH_UPSTREAM_PROTOCOL')
    }
  }, raw)
  // Node keeps a head for the first octets of the body, which may be far off (an event stream). Not by `flushHeaders`,
  // which writes octets beyond ASCII as two.
  process.nextTick(guarded(() => { if (exchange.bytesOut === 0 && !raw.writableEnded && !isGone(raw)) raw.write('', 'latin1') }, raw))
}

function waitForClient (exchange: ReverseExchange, stream: Readable, patience: Milliseconds): void {
  const { raw } = exchange.reply
  stream.pause()
  const timer = patience === 0 ? undefined : setTimeout(guarded(() => exchange.cut('idle'), raw), patience)
  const go = () => {
    clearTimeout(timer)
    raw.removeListener('drain', go)
    raw.removeListener('close', go)
    stream.resume()
  }
  on(raw, 'drain', go, stream)
  on(raw, 'close', go, stream)
}

/** Node gives the octets one char each, undici decodes them as UTF-8, which is what goes on from here. */
function reasonOf (stream: UpstreamResponse['stream']): string | undefined {
  const { statusMessage } = stream
  return stream instanceof IncomingMessage && statusMessage !== undefined ? Buffer.from(statusMessage, 'latin1').toString() : statusMessage
}

/** `Trailer` announces what only a chunked body can carry, and only some clients pass on; node refuses it elsewhere. */
function withoutTrailer (fields: string[]): string[] {
  return fields.filter((_, i) => fields[i - i % 2]!.toLowerCase() !== 'trailer')
}
