import type { FastifyReply, FastifyRequest } from 'fastify'
import { UpstreamProtocol, UpstreamTimeout } from '../../errors.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { guarded } from '../../platform/guarded.js'
import { authenticatesConnection } from '../upstream/authenticates-connection.js'
import { kExchange } from './client.js'
import type { OutgoingRequest } from './client.js'
import { keptFields } from '../message/reply-fields.js'
import type { ReverseExchange } from './exchange.js'
import { callOnResponse } from './on-response.js'
import type { OnResponse } from './on-response.js'
import { requestHead } from './request-head.js'
import type { RewriteRequest } from './request-head.js'
import { relay, responseHead } from './response.js'
import type { UpstreamResponse, RewriteResponse } from './response.js'
import { upstreamError } from '../upstream/upstream-error.js'

/** The options of `reply.from` that matter here. */
interface FromOptions {
  readonly rewriteRequestHeaders?: RewriteRequest
  readonly rewriteHeaders?: RewriteResponse
  readonly onResponse?: OnResponse
  readonly onError?: (reply: FastifyReply, failure: { error: Error }) => void
  readonly getUpstream?: (request: FastifyRequest, base: string) => string
}

type From = (source?: string, options?: FromOptions) => FastifyReply

/**
 * Puts what a proxy owes both sides around `reply.from` of this one reply, so that it holds whoever calls it and with
 * whatever options: @fastify/http-proxy itself, its `handler` option or a `preHandler`.
 */
export function wrapReplyFrom (exchange: ReverseExchange): void {
  const reply = exchange.reply as unknown as { from: From }
  const { from } = reply
  reply.from = (given, options = {}) => {
    // @fastify/http-proxy leaves nothing of a path that is all prefix, for which @fastify/reply-from takes the whole path.
    const source = given === '' ? '/' : given
    exchange.source = source ?? ''
    exchange.upstream = exchange.rules.upstream
    return from.call(reply, source, guardOptions(exchange, options))
  }
}

function guardOptions (exchange: ReverseExchange, options: FromOptions): FromOptions {
  const { rewriteRequestHeaders, rewriteHeaders, onResponse, onError, getUpstream } = options
  const { rules } = exchange
  let head: FieldRecord = {}
  let kept: ReturnType<typeof keptFields> = []

  const fail = (error: Error) => exchange.fail(error, () => {
    if (onError === undefined) exchange.reply.send(error)
    else onError(exchange.reply, { error })
  })

  return {
    ...options,
    ...(getUpstream !== undefined && {
      getUpstream: (request, base) => (exchange.upstream = getUpstream(request, base))
    }),
    rewriteRequestHeaders (request, headers) {
      const outgoing: OutgoingRequest['headers'] = requestHead(request, headers, rewriteRequestHeaders, rules)
      exchange.begin(String(headers['host']))
      outgoing[kExchange] = exchange
      // Other clients send no content with these, so nobody must wait for it.
      if (!rules.ours && (request.method === 'GET' || request.method === 'HEAD')) delete outgoing['content-length']
      // They keep no connection for one client: one that an upstream has authenticated must not serve the next. In capitals,
      // since @fastify/reply-from takes out the other.
      if (!rules.ours && rules.version === '1.1' && authenticatesConnection(['authorization', String(outgoing['authorization'])])) {
        outgoing['Connection'] = 'close'
      }
      return outgoing
    },
    rewriteHeaders (headers, request) {
      try {
        head = responseHead(headers, rewriteHeaders, request, rules.via)
      } catch (error) {
        fail(error as Error)
      }
      if (!rules.ours) acceptAnyStatus(exchange.reply)
      if (onResponse === undefined) return {}
      kept = keptFields(exchange.reply)
      delete head['trailer'] // a reply of Fastify's has lost them
      return head
    },
    // Both are called in events of the upstream.
    onResponse: guarded((_request: FastifyRequest, reply: FastifyReply, answer: UpstreamResponse) => {
      exchange.take(answer.stream)
      if (exchange.failed || reply.sent) {
        answer.stream.destroy()
        return
      }
      try {
        if (onResponse === undefined) relay(exchange, answer, head, rules.patience)
        else callOnResponse(exchange, answer, head, onResponse, kept)
      } catch (error) {
        fail(error as Error)
      }
    }, exchange.reply.raw),
    onError: guarded((_reply: FastifyReply, { error }: { error: Error }) => fail(failureOf(error)), exchange.reply.raw)
  }
}

/**
 * @fastify/reply-from puts the upstream's status on the reply, where it does not stay. Fastify throws for one beyond 599, and the
 * log gets the stack.
 */
function acceptAnyStatus (reply: FastifyReply): void {
  const { code } = reply
  reply.code = status => {
    reply.code = code
    return status > 599 ? reply : code.call(reply, status)
  }
}

/**
 * @fastify/reply-from wraps what happened, but not the errors that are its own (a timeout, a status that is none), and
 * node's HTTP/2 wraps once more.
 */
function failureOf (error: Error): Error {
  const { cause = error } = error
  const { code, statusCode, cause: below } = cause as { code?: string, statusCode?: number, cause?: unknown }
  if (code === 'ERR_HTTP2_STREAM_CANCEL' && below !== undefined) return upstreamError(below)
  if (!code?.startsWith('FST_REPLY_FROM_')) return upstreamError(cause)
  return statusCode === 504 ? new UpstreamTimeout({ cause }) : new UpstreamProtocol({ cause })
}
