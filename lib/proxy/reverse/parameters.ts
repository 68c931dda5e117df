import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { BadTarget } from '../../errors.js'
import type { HttpProxyRoute } from './route.js'

type PathParams = Readonly<Record<string, unknown>>
type Rewrite = (url: string, params: PathParams, prefix: string) => string

/**
 * What would take a parameter out of its segment of a path: a delimiter, or a segment that means
 * another place.
 */
const LEAVES_SEGMENT = /[/\\?#]|^\.\.?$/

const kAsked = Symbol('fastify-proxy-auth.asked')
/** Parameters as they are inserted, with the request whose own they stand for. */
interface Inserted { [kAsked]?: { readonly request: FastifyRequest, readonly params: unknown } }

/** The parameters of a prefix that the path of the upstream takes over. */
export interface PathParameters {
  /** Why a request cannot be sent on, `null` for nothing. */
  failureOf (request: FastifyRequest): Error | null
  /** Makes the handler of @fastify/http-proxy insert the parameters as text of one segment. */
  guard (handler: RouteHandlerMethod): RouteHandlerMethod
  /** `preRewrite` of the options, around which that is done. */
  readonly preRewrite: Rewrite
}

/**
 * Keeps parameters inside their segments. @fastify/http-proxy inserts them decoded into the path of
 * the upstream, by `String.replace`, for which `$'` and the like are patterns: a client could
 * choose another path than the route allows.
 *
 * @returns `undefined` where no parameter of the prefix is in the path of the upstream.
 * @example
 * // { prefix: '/t/:tenant', rewritePrefix: '/tenants/:tenant/data' }
 * // /t/a%20b/x is sent on as /tenants/a%20b/data/x, /t/a%2Fb/x is refused
 * @quirk http-proxy-parameters
 */
export function pathParameters (
  prefix: string, { rewritePrefix, upstream, preRewrite = asItIs }: HttpProxyRoute
): PathParameters | undefined {
  const path = rewritePrefix || (typeof upstream === 'string' && URL.canParse(upstream) ? new URL(upstream).pathname : '')
  if (!prefix.includes(':') || !path.includes(':')) return undefined
  const isTaken = (name: string): boolean => path.includes(`:${name}`)
  return {
    failureOf ({ params }) {
      for (const [name, value] of Object.entries(params as Record<string, string>)) {
        if (isTaken(name) && LEAVES_SEGMENT.test(value)) return new BadTarget('a parameter of its path is more than one segment')
      }
      return null
    },
    guard (handler) {
      return function (request: FastifyRequest, reply: FastifyReply) {
        const { params } = request
        const entries = Object.entries(params as Record<string, string>)
        const names = entries.map(([name]) => name)
        request.params = {
          ...Object.fromEntries(entries.map(([name, value]) => [name, () => encoded(value, names)])),
          [kAsked]: { request, params }
        }
        return handler.call(this, request, reply)
      }
    },
    // @fastify/http-proxy calls it right after it has taken the parameters, so from here on the
    // request has its own again.
    preRewrite (url, params, prefix) {
      const asked = (params as Inserted)[kAsked]
      if (asked === undefined) return preRewrite(url, params, prefix)
      asked.request.params = asked.params
      return preRewrite(url, asked.params as PathParams, prefix)
    }
  }
}

function asItIs (url: string): string {
  return url
}

/** As text of one segment, in which no name of a parameter is left to be replaced in its turn. */
function encoded (value: string, names: readonly string[]): string {
  return names.reduce((text, name) => text.replaceAll(`:${name}`, `%3A${name}`), encodeURI(value))
}
