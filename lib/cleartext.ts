import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Declared } from './passport/declaration.js'

/** Whether whoever is in between can read the secrets of a strategy, where there is no TLS. */
export function sendsSecrets ({ scheme }: Pick<Declared, 'scheme'>): boolean {
  return scheme === 'Basic' || scheme === 'Bearer'
}

/** Whether the server listens without TLS, and on more than loopback. */
export function listensInTheClear (app: FastifyInstance): boolean {
  if ('getTicketKeys' in app.server) return false
  const addresses = app.addresses() as Array<AddressInfo | string> // text: a socket in the file system
  return addresses.some(at => typeof at !== 'string' && at.address !== '::1' && !at.address.startsWith('127.'))
}
