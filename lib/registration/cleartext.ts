import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Whether the server listens without TLS, and on more than loopback. */
export function listensInTheClear (app: FastifyInstance): boolean {
  if ('getTicketKeys' in app.server) return false
  const addresses = app.addresses() as Array<AddressInfo | string> // text: a socket in the file system
  return addresses.some((at) => typeof at !== 'string' && at.address !== '::1' && !at.address.startsWith('127.'))
}
