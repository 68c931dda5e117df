import type httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import type { IdentityOptions } from '../message/identity-field.js'

/**
 * One entry of the option `reverse`: every option of @fastify/http-proxy, and some of ours.
 *
 * @see {@link https://github.com/fastify/fastify-http-proxy#options}
 */
export type HttpProxyRoute = Parameters<typeof httpProxy>[1] & {
  /**
   * `407`: the route is a proxy for its clients and asks for `Proxy-Authorization`. `401`: it is an
   * origin and asks for `Authorization`, which then does not reach the upstream.
   *
   * @defaultValue `407`
   */
  readonly status?: 401 | 407
  /**
   * Tells the upstream which client asked, in `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded`.
   * What the client wrote there is dropped unless Fastify's `trustProxy` trusts the client. `false`
   * leaves all of these fields as they came.
   *
   * @defaultValue `true`
   */
  readonly forwarded?: boolean
  /**
   * The largest head of a response, in its names and values; a larger one is 502. From 1024 to
   * 1048576 (1 MiB). A dispatcher that the options bring along has a limit of its own, and so has
   * HTTP/2 to the upstream (64 KiB).
   *
   * @unit octets
   * @defaultValue `65536` (64 KiB)
   */
  readonly maxResponseHead?: number
  /**
   * Fields that the application's hooks put on the reply (CORS, request ids, HSTS) and that go out
   * with the responses of this route, our own and the upstream's: `true` for all, or their names,
   * in any case. Such a field replaces the upstream's of that name; `Set-Cookie` and `Vary` go out
   * beside it. With a response of the upstream go the fields that were there before it came,
   * because `onSend` hooks run for our own responses only. Fields of this hop, of authentication
   * and of the content never come from the application.
   *
   * @defaultValue none
   * @example
   * { prefix: '/api', upstream, replyFields: ['x-request-id', 'strict-transport-security'] }
   */
  readonly replyFields?: true | readonly string[]
  /**
   * Tells the upstream of this route which user asks. `false`: it is not told.
   *
   * @defaultValue the `identity` of the plugin
   */
  readonly identity?: IdentityOptions | false
}

/** The prefix of a route as clients have it, with that of the scope. */
export function fullPrefix (app: Pick<FastifyInstance, 'prefix'>, { prefix = '' }: { readonly prefix?: string }): string {
  return `${app.prefix}/${prefix}`.replace(/\/{2,}/g, '/')
}
