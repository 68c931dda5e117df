import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

/**
 * An `onRoute` hook that gives the wildcard route a second way in, for requests with `Accept-Version`. As soon as the
 * application has one versioned route anywhere, the router keeps such requests from every route without a version; what
 * it finds no route for goes to the not-found handler of the prefix, with all hooks.
 */
export function serveVersioned (this: FastifyInstance, route: RouteOptions): void {
  if (!route.url.endsWith('/*')) return
  const { url, method, config, handler, preHandler, onSend } = route
  const settings = { config: { ...config, url, method }, preHandler, onSend }
  this.setNotFoundHandler(settings as object, function (request: FastifyRequest, reply: FastifyReply) {
    if (request.headers['accept-version'] === undefined) return reply.callNotFound()
    return handler.call(this, request, reply)
  })
}
