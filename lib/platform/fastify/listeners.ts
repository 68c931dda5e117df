import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { furtherServers } from './internals.js'

/**
 * Calls `attach` with each server of the application: now with `app.server`, and once it listens
 * with those that `listen({ host: 'localhost' })` opens beside it.
 *
 * @quirk fastify-further-servers
 */
export function onEveryServer (app: FastifyInstance, attach: (server: Server) => void): void {
  attach(app.server)
  app.addHook('onListen', async () => furtherServers(app).forEach(attach))
}
