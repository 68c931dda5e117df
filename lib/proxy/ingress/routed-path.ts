import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { rewriteUrlOf } from '../../platform/fastify.js'
import { TARGET_FORM } from './target-form.js'

/**
 * Makes a function that tells by which path and query the router is going to find the route of a
 * request, where that has to be known before: `rewriteUrl` of the application has its say in it. It
 * is called once more for the few requests that are asked about.
 *
 * @returns `undefined` for what is no path, and is not made one.
 */
export function routedPath (app: FastifyInstance): (request: IncomingMessage) => string | undefined {
  const rewriteUrl = rewriteUrlOf(app)
  return (request) => {
    let url: unknown = request.url
    // Of other forms a forward proxy decides before.
    if (rewriteUrl !== undefined && (isPath(url) || !app.hasConstraintStrategy(TARGET_FORM))) {
      try {
        url = rewriteUrl.call(app, request)
      } catch {
        return undefined // Fastify calls it again, and is told
      }
    }
    return isPath(url) ? url : undefined
  }
}

function isPath (url: unknown): url is string {
  return typeof url === 'string' && url.charCodeAt(0) === SLASH
}

const SLASH = 0x2f
