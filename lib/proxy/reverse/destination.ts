import { stringify } from 'node:querystring'
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { BadTarget } from '../../errors.js'
import { Recent } from '../../store/recent.js'
import { isForHttpProxy } from '../message/upgrade.js'

/** How many paths a route keeps. Clients choose them. */
const PATHS_KEPT = 1_000

/** What @fastify/http-proxy has made of a path. */
interface Rewritten<From> {
  /** The path for the upstream. */
  readonly source: string
  /** The options of the call. */
  readonly from: From
}

type Send<From> = (request: FastifyRequest, reply: FastifyReply, source: string, from: From) => void

/**
 * Remembers what @fastify/http-proxy makes of paths, where that depends on nothing else: it reads
 * and checks each one as a URL three times, which costs as much as to send the request.
 *
 * @quirk http-proxy-reads-urls
 */
export class RewrittenPaths<From> {
  private readonly kept = new Recent<Rewritten<From>>(PATHS_KEPT)

  constructor (private readonly send: Send<From>) {}

  /** The option `handler` of @fastify/http-proxy. */
  readonly sendFirst: Send<From> = (request, reply, source, from) => {
    this.kept.set(pathOf(request.url), { source, from })
    this.send(request, reply, source, from)
  }

  /** Puts a handler before that of @fastify/http-proxy, which gets what is not known yet. */
  before (handler: RouteHandlerMethod): RouteHandlerMethod {
    const { kept, send } = this
    return function (request, reply) {
      const known = isForHttpProxy(request.raw) ? undefined : kept.get(pathOf(request.url))
      return known === undefined ? handler.call(this, request, reply) : send(request, reply, known.source, known.from)
    }
  }
}

/** Where a request is sent. */
export interface Destination {
  /** Scheme and authority of the upstream, as undici has them. */
  readonly origin: string
  /** The same for the log, for a socket in the file system too. */
  readonly name: string
  /** For the field `Host`. */
  readonly host: string
  /** As the client wrote it, its prefix rewritten. */
  readonly path: string
  /** Of what was asked for, `''` or with its question mark. */
  readonly search: string
}

/** How many destinations a route keeps. Clients choose the paths. */
const DESTINATIONS_KEPT = 1_000

const DOT_SEGMENT = /(?:^|[/\\])\.\.(?:[/\\]|$)/
const SENDABLE = /^\/[\x21-\xff]*$/

/**
 * Finds where requests of a route go, and keeps what it has found: reading a URL costs more than to
 * find one.
 */
export class Destinations {
  private readonly kept = new Recent<Destination>(DESTINATIONS_KEPT)

  /** @param base - The upstream of the route. */
  constructor (private readonly base: string) {}

  /**
   * @param source - The path for the upstream.
   * @param upstream - The upstream's URL.
   * @throws {BadTarget} The path leaves that of the upstream.
   */
  find (source: string, upstream: string): Destination {
    if (upstream !== this.base) return destinationOf(source, upstream)
    return this.kept.get(source) ?? this.kept.set(source, destinationOf(source, upstream))
  }
}

function destinationOf (source: string, upstream: string): Destination {
  if (DOT_SEGMENT.test(decoded(source))) throw new BadTarget('its path leaves that of the upstream')
  const base = new URL(upstream)
  const url = new URL(source.startsWith('//') ? `.${source}` : source, base)
  const { protocol, host, pathname, search } = url
  const within = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`
  const leaves = pathname !== base.pathname && !pathname.startsWith(within)
  if (protocol !== base.protocol || host !== base.host || leaves) {
    throw new BadTarget('its path leaves that of the upstream')
  }
  return { origin: url.origin, name: `${protocol}//${host}`, host, path: pathAsWritten(pathname, source), search }
}

/** What the log calls an upstream: no userinfo, no path. Nothing, where it is not known before. */
export function upstreamName (upstream: string): string {
  if (!URL.canParse(upstream)) return ''
  const { protocol, host } = new URL(upstream)
  return `${protocol}//${host}`
}

function decoded (source: string): string {
  try {
    return decodeURIComponent(source)
  } catch {
    throw new BadTarget('its path is not percent-encoded UTF-8')
  }
}

/**
 * The path as the client wrote it. A URL object writes some characters in another way, which is not
 * a proxy's to do (RFC 9110, 7.7); what else it changes, dot segments and backslashes, stays
 * changed.
 */
function pathAsWritten (path: string, source: string): string {
  const wanted = source.split('?', 1)[0]!
  return wanted !== path && SENDABLE.test(wanted) && decodeURIComponent(path) === decodeURIComponent(wanted)
    ? wanted
    : path
}

/** The option `queryString`. */
export type QueryString =
  Record<string, unknown> | ((search: string | undefined, url: string, request: FastifyRequest) => string)

/**
 * The query for the upstream with its question mark, or `''`: as the options say, else that of the
 * destination, else the client's.
 */
export function queryOf (search: string, request: FastifyRequest, option: QueryString | undefined): string {
  const url = request.raw.url!
  if (option !== undefined) {
    const query = typeof option === 'function' ? option(search, url, request) : stringify(option as Record<string, string>)
    return query === '' ? '' : `?${query}`
  }
  const at = url.indexOf('?')
  return search !== '' || at === -1 ? search : url.slice(at)
}

/** The path of a target, without its query. */
export function pathOf (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
