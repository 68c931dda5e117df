import type { FastifyReply, FastifyRequest } from 'fastify'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import { hasField } from '../../fields/raw-list.js'
import { hasBegun, isGone } from '../../platform/message-state.js'
import type { Permissions } from '../../policy/permission/permissions.js'
import { protocolsOf } from '../message/upgrade.js'
import { Relay } from '../relay/relay.js'
import type { RelayOptions } from '../relay/relay.js'
import type { ReverseUpstream } from './choose-client.js'
import { createRequestHead, reverseContent } from './upstream-request.js'
import type { ContentOptions, RequestHeadRules, RewriteRequest } from './upstream-request.js'
import { Destinations, queryOf } from './destination.js'
import type { Destination, QueryString } from './destination.js'
import { HandedResponse } from './handed-response.js'
import type { OnResponse } from './handed-response.js'
import { rewrittenResponse } from './response-head.js'
import type { RewriteResponse } from './response-head.js'
import { Retrying } from './retry.js'
import type { RetryOptions } from './retry.js'

/** What holds for all requests of a route. */
export interface ReverseOptions extends RelayOptions, RequestHeadRules {
  readonly upstream: ReverseUpstream
  /** The URL of the upstream, unless `getUpstream` says another. */
  readonly base: string
  /** Whether the log has the path of a request, as the client asked for it. */
  readonly logsPaths: boolean
  /** The content types that are written as JSON where Fastify has parsed the content. */
  readonly encodes: ReadonlySet<string>
  /** The methods that are repeated on a 503 or a lost connection, as the options say. */
  readonly repeats: ReadonlySet<string>
  /** The prefix of the route, for the rules. */
  readonly prefix: string
  /** Rules and a function that have to permit each request. */
  readonly permissions?: Permissions | undefined
}

/** The options of one call, as `reply.from` has them. */
export interface FromOptions extends ContentOptions, RetryOptions {
  readonly method?: string
  readonly queryString?: QueryString
  readonly timeout?: number
  readonly rewriteRequestHeaders?: RewriteRequest
  readonly rewriteHeaders?: RewriteResponse
  readonly onResponse?: OnResponse
  readonly onError?: (reply: FastifyReply, failure: { error: Error }) => void
  readonly getUpstream?: (request: FastifyRequest, base: string) => string
}

/**
 * Sends a request to the upstream of its route and relays the response.
 *
 * @param source - The path for the upstream.
 * @param onlyLocation - Whether `rewriteHeaders` is @fastify/http-proxy's alone, which changes
 *   `Location`. Default false.
 */
export type SendReverse = (
  request: FastifyRequest, reply: FastifyReply, source: string, options: FromOptions, onlyLocation?: boolean
) => void

/**
 * The handler of a reverse route: destination, head and content as the options say, send, relay. A
 * failure is the options' `onError` to respond to, or else Fastify's.
 *
 * @quirk http-proxy-empty-path
 */
export function createReverse (options: ReverseOptions): SendReverse {
  const { upstream: { client }, bodyTimeout, base, encodes, repeats, logsPaths, prefix, permissions } = options
  const requestHead = createRequestHead(options)
  const destinations = new Destinations(base)

  return (request, reply, path, from, onlyLocation = false) => {
    const { raw } = request
    const { method = raw.method!, rewriteRequestHeaders, rewriteHeaders, onResponse, onError, getUpstream } = from
    const source = path === '' ? '/' : path // @fastify/http-proxy leaves nothing of a path that is all prefix
    const respond = (error: Error & { statusCode?: number }) => {
      if (hasBegun(reply)) return
      reply.code(error.statusCode ?? 500)
      if (onError === undefined) reply.send(error)
      else onError(reply, { error })
    }
    let upstream: string
    let destination: Destination
    try {
      upstream = getUpstream === undefined ? base : getUpstream(request, base)
      destination = destinations.find(source, upstream)
    } catch (failure) {
      return respond(failure as Error)
    }
    const adapt = rewriteHeaders && ((fields: string[]) => {
      return onlyLocation && !hasField(fields, 'location') ? fields : rewrittenResponse(fields, rewriteHeaders, request)
    })
    const sink = onResponse && new HandedResponse(request, reply, onResponse)
    const form = protocolsOf(raw) === undefined ? 'reverse' : 'websocket'
    const recorded = { form, target: destination.name, path: logsPaths ? raw.url : undefined } as const
    const relay = new Relay(reply, recorded, options, adapt, sink, respond)
    const sendOn = (): Eventual<void> => {
      const content = reverseContent(request, from, relay.tally, bodyTimeout, encodes)
      const fields = requestHead(request, destination.host, content.fields, rewriteRequestHeaders)
      if (isGone(reply.raw)) return
      const body = client.sendsContent(method) ? content.body : null
      const tally = body === null || Buffer.isBuffer(body) ? undefined : relay.tally
      const query = queryOf(destination.search, request, from.queryString)
      const { timeout } = from
      const outgoing = {
        request, reply, destination, upstream, source, query, method, fields, content: body, tally, timeout, relay
      }
      const again = tally === undefined && (repeats.size > 0 || from.retryDelay !== undefined)
      const handler = again ? new Retrying(relay, outgoing, client, from, repeats) : relay
      if (!Buffer.isBuffer(body)) return client.send(outgoing, handler)
      return after(relay.tally.allowance?.takeAll(body.length), () => {
        if (!isGone(reply.raw)) client.send(outgoing, handler)
      })
    }
    const admit = () => after(relay.admit(), sendOn)
    relay.begin(() => {
      if (permissions === undefined) return admit()
      const { path } = destination
      const permit = permissions.permit(request, { form, method, route: prefix, path })
      relay.record.permit = permit
      return after(permit.ask(), admit)
    })
  }
}
