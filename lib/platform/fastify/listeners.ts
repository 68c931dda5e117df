import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
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

/**
 * The addresses that the application listens on. Asked for every target, so kept once they are
 * known: a socket's address costs a system call.
 *
 * @param further - Those of listeners beside it, known before it listens. Default none.
 */
export function ownAddresses (app: FastifyInstance, further: readonly AddressInfo[] = []): () => AddressInfo[] {
  const ask = () => [...app.addresses().filter((address) => typeof address === 'object'), ...further]
  let known: AddressInfo[] | undefined
  app.addHook('onListen', async () => { known = ask() })
  return () => known ?? ask()
}
