import type httpProxy from '@fastify/http-proxy'
import type { IdentityOptions } from '../message/identity-field.js'

/**
 * One entry of the option `reverse`: all options of @fastify/http-proxy, and some of ours.
 *
 * @see {@link https://github.com/fastify/fastify-http-proxy#options}
 */
export type HttpProxyRoute = Parameters<typeof httpProxy>[1] & {
  /**
   * 407: we are a proxy and ask for `Proxy-Authorization`. 401: we are the origin and ask for
   * `Authorization`, which then does not reach the upstream. Default 407.
   */
  readonly status?: 401 | 407
  /**
   * Tell the upstream who asked, in `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded`. What the
   * client wrote there is dropped unless Fastify's `trustProxy` trusts it. False leaves all of them
   * as they came. Default true.
   */
  readonly forwarded?: boolean
  /**
   * The most octets of a response's head, in its names and values; a larger one is 502. 1024 to
   * 1048576 (1 MiB). A dispatcher that the options bring along, and the upstream's own HTTP/2 (64
   * KiB), have limits of their own. Default 65536 (64 KiB).
   */
  readonly maxResponseHead?: number
  /**
   * Which fields that the application's hooks put on the reply (CORS, request ids, HSTS) go out
   * with the responses of this route, our own and the upstream's: true for all, or their names, in
   * any case. They take the place of what the upstream sent by that name, but `Set-Cookie` and
   * `Vary` go out beside it. A response of the upstream has what was there before it came: `onSend`
   * hooks run for our own only. Never the application's are fields of this hop, of authentication
   * and of the content. Default: none.
   *
   * @example
   * { prefix: '/api', upstream, replyFields: ['x-request-id', 'strict-transport-security'] }
   */
  readonly replyFields?: true | readonly string[]
  /** Tell the upstream who the proxy user is. Default: the plugin's `identity`. False: do not. */
  readonly identity?: IdentityOptions | false
}
