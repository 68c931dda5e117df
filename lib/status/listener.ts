import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { StatusRefused } from '../errors.js'
import { onEveryServer } from '../platform/fastify.js'
import { logFailures } from '../platform/guarded.js'
import type { Milliseconds } from '../types.js'
import { isLoopback, namesLoopback } from './loopback-host.js'
import { serveStatus } from './routes.js'
import type { StatusContent } from './routes.js'
import type { StatusSettings } from './status-options.js'

/** How many connections it has at a time. */
const MAX_CONNECTIONS = 128
/** How long a request may take to arrive. */
const REQUEST_TIME: Milliseconds = 10_000

/**
 * Makes the server for the status page alone. It has three routes and no proxy.
 *
 * @returns A server that does not listen yet.
 */
export function createStatusServer (
  log: FastifyBaseLogger, settings: StatusSettings, content: StatusContent
): FastifyInstance {
  const server = Fastify({ loggerInstance: log, forceCloseConnections: true, requestTimeout: REQUEST_TIME })
  onEveryServer(server, (each) => {
    each.maxConnections = MAX_CONNECTIONS
    logFailures(log, each)
  })
  if (isLoopback(settings.listen!.host)) {
    server.addHook('onRequest', async ({ headers }) => {
      if (!namesLoopback(headers.host)) throw new StatusRefused('Host does not name loopback')
    })
  }
  serveStatus(server, settings, content)
  return server
}

/** Where the server listens, as forwarded requests may not go there. */
export function addressesOf (server: FastifyInstance): AddressInfo[] {
  return server.addresses().filter((address) => typeof address === 'object')
}
