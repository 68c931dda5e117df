import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { Recent } from '../../store/recent.js'
import { isForHttpProxy } from '../message/upgrade.js'
import type { FromOptions } from './reverse.js'

/** How many paths a route keeps. Clients choose them. */
const PATHS_KEPT = 1_000

/** What @fastify/http-proxy has made of a path. */
interface Rewritten {
  /** The path for the upstream. */
  readonly source: string
  readonly from: FromOptions
}

type Send = (request: FastifyRequest, reply: FastifyReply, source: string, from: FromOptions) => void

/**
 * Remembers what @fastify/http-proxy makes of paths, where that depends on nothing else: it reads
 * and checks each one as a URL three times, which costs as much as to send the request.
 *
 * @quirk http-proxy-reads-urls
 */
export class RewrittenPaths {
  private readonly kept = new Recent<Rewritten>(PATHS_KEPT)

  constructor (private readonly send: Send) {}

  /** The option `handler` of @fastify/http-proxy. */
  readonly sendFirst: Send = (request, reply, source, from) => {
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

/** The path of a target, without its query. */
export function pathOf (url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
