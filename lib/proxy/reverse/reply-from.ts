import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { ClientLeft, UpstreamTerminated, UpstreamTimeout } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { listOf, recordOf, withoutField } from '../../fields/raw-list.js'
import { guarded, on } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import { authenticatesConnection } from '../upstream/pinned-connections.js'
import type { OutgoingRequest, ReverseClient } from './client.js'

/** The options of `reply.from`, as far as they are used here. */
interface ReplyFromOptions {
  readonly method: string
  readonly timeout?: Milliseconds | undefined
  readonly getUpstream: () => string
  readonly queryString: () => string
  readonly rewriteRequestHeaders: () => FieldRecord
  readonly rewriteHeaders: () => FieldRecord
  readonly onResponse: (request: FastifyRequest, reply: FastifyReply, response: FromResponse) => void
  readonly onError: (reply: FastifyReply, failure: { error: Error }) => void
}
type From = (this: FastifyReply, source: string, options: ReplyFromOptions) => unknown

/** `reply.from`, as @fastify/reply-from has put it on the replies of a route. */
export type FromOf = (reply: FastifyReply) => From

/** What @fastify/reply-from hands to `onResponse`. The stream is of node's client or of undici. */
interface FromResponse {
  readonly statusCode: number
  readonly headers: FieldRecord
  readonly stream: Readable & {
    readonly rawHeaders?: string[]
    readonly rawTrailers?: string[]
    readonly statusCode?: number
    readonly statusMessage?: string | undefined
    /** Of a response over HTTP/1.1, and of a stream over HTTP/2. */
    readonly socket?: Socket
    readonly session?: { readonly socket: Socket }
  }
}

/**
 * Which methods have no content with the clients of @fastify/reply-from, by the version they speak.
 *
 * @quirk reply-from-without-content
 */
const WITHOUT_CONTENT = { 1.1: new Set(['GET', 'HEAD']), '2.0': new Set(['GET', 'HEAD', 'DELETE']) }

/**
 * The client of a reverse route whose options bring one that is not undici's `dispatch`:
 * `reply.from` of @fastify/reply-from, which drives it. It tells of neither interim responses nor
 * the path as it was written.
 */
export function createReplyFromClient (version: '1.1' | '2.0', from: FromOf): ReverseClient {
  return {
    version,
    sendsContent: (method) => !WITHOUT_CONTENT[version].has(method),
    send (outgoing, handler) {
      const { request, reply, upstream, source, query, method, content, timeout, relay } = outgoing
      const chunks = Buffer.isBuffer(content) ? [content] : content
      request.body = chunks === null ? undefined : Readable.from(chunks, { objectMode: false })
      from(reply).call(reply, source, {
        method,
        timeout,
        getUpstream: () => upstream,
        queryString: () => query.slice(1),
        rewriteRequestHeaders: () => headersOf(outgoing, version),
        rewriteHeaders () {
          ignoreStatus(reply)
          return {}
        },
        // Both are called in events of the upstream.
        onResponse: guarded(
          (_request: FastifyRequest, _reply: FastifyReply, response: FromResponse) => {
            relay.record.address = socketOf(response)?.remoteAddress
            pass(response, handler, reply)
          },
          reply.raw
        ),
        onError: guarded((_reply: FastifyReply, { error }: { error: Error }) => {
          handler.onResponseError?.(undefined as never, failureOf(error))
        }, reply.raw)
      })
    },
    async close () {}
  }
}

/**
 * The fields of a request by name, as @fastify/reply-from takes them.
 *
 * @quirk reply-from-connection
 */
function headersOf ({ fields, method }: OutgoingRequest, version: '1.1' | '2.0'): FieldRecord {
  const headers = recordOf(fields)
  // Where no content is sent, nothing must wait for it.
  if (WITHOUT_CONTENT[version].has(method)) delete headers['content-length']
  // These clients keep no connection for one client: one that an upstream has authenticated must
  // not serve the next. In capitals, since @fastify/reply-from takes out the other.
  if (version === '1.1' && authenticatesConnection(fields)) headers['Connection'] = 'close'
  return headers
}

/**
 * @fastify/reply-from puts the upstream's status on the reply. It is the relay's to write, and
 * Fastify throws for one beyond 599.
 *
 * @quirk reply-from-status
 */
function ignoreStatus (reply: FastifyReply): void {
  const { code } = reply
  reply.code = () => {
    reply.code = code
    return reply
  }
}

/** Of node's clients; undici does not tell. */
function socketOf ({ stream: { socket, session } }: FromResponse): Socket | undefined {
  return socket ?? session?.socket
}

/** Tells a handler of a response as undici does. */
function pass (
  { statusCode, headers, stream }: FromResponse, handler: Dispatcher.DispatchHandler, { raw }: FastifyReply
): void {
  const controller = {
    aborted: false,
    paused: false,
    reason: null,
    rawHeaders: stream.rawHeaders ?? withoutField(listOf(headers), 'trailer'), // only some tell of trailers
    rawTrailers: [] as string[],
    pause: () => { stream.pause() },
    resume: () => { stream.resume() },
    abort: (reason: Error) => { stream.destroy(reason) }
  } satisfies Dispatcher.DispatchController
  let isOver = false
  const fail = (error: Error) => {
    if (isOver) return
    isOver = true
    stream.destroy()
    handler.onResponseError?.(controller, error)
  }
  const tell = (what: () => void) => {
    try {
      what()
    } catch (error) {
      fail(error as Error)
    }
  }
  on(stream, 'error', fail, raw)
  on(stream, 'close', () => fail(new UpstreamTerminated({ cause: new ClientLeft('response') })), raw)
  tell(() => {
    handler.onRequestStart?.(controller, {})
    handler.onResponseStart?.(controller, stream.statusCode ?? statusCode, headers, reasonOf(stream))
  })
  if (isOver) return
  on(stream, 'data', (chunk: Buffer) => tell(() => handler.onResponseData?.(controller, chunk)), raw)
  on(stream, 'end', () => tell(() => {
    controller.rawTrailers = stream.rawTrailers ?? []
    handler.onResponseEnd?.(controller, {})
    isOver = true
  }), raw)
}

/**
 * Node gives the octets one char each, undici decodes them as UTF-8, which is what goes on from
 * here.
 *
 * @quirk undici-reason-phrase
 */
function reasonOf (stream: FromResponse['stream']): string | undefined {
  const { statusMessage } = stream
  return stream instanceof IncomingMessage && statusMessage !== undefined ? Buffer.from(statusMessage, 'latin1').toString() : statusMessage
}

/**
 * What has happened, which @fastify/reply-from wraps, but for the errors that are its own, all of
 * them timeouts. Node's HTTP/2 wraps once more.
 *
 * @quirk reply-from-wraps-errors
 */
function failureOf (error: Error): Error {
  const { cause = error } = error
  const { code, cause: below } = cause as { code?: string, cause?: unknown }
  if (code === 'ERR_HTTP2_STREAM_CANCEL' && below !== undefined) return below as Error
  return code?.startsWith('FST_REPLY_FROM_') === true ? new UpstreamTimeout({ cause }) : cause as Error
}
