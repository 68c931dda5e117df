import type { FastifyReply, FastifyRequest } from 'fastify'
import { NotRegistered } from './errors.js'
import type { ProxyAuthenticate } from './types.js'

/**
 * Authenticates a request against the registration in the scope of its route, or one around that.
 * It is there before any plugin has loaded, so a route that names it cannot be open by mistake. For
 * `onRequest` or `preHandler` of any route or scope, or inside `app.auth([...])` of @fastify/auth,
 * over HTTP/1.1 and HTTP/2.
 *
 * @throws {NotRegistered} There is no registration in that scope, nor around it: 500.
 * @throws {AuthenticationRequired} Credentials are missing or wrong: 407; and what else the
 *   strategies come to.
 * @example
 * import { proxyAuthenticate } from 'fastify-proxy-auth'
 *
 * app.get('/admin', { onRequest: proxyAuthenticate }, handler)
 */
export const proxyAuthenticate: ProxyAuthenticate = (request, reply) => {
  // Read from the scope of the route, not from `this`, which of a hook of an outer scope is the
  // outer one.
  const { server: { proxyAuthenticate: hook } } = request as FastifyRequest
  if (typeof hook !== 'function') return Promise.reject(new NotRegistered())
  return hook(request as FastifyRequest, reply as FastifyReply)
}
