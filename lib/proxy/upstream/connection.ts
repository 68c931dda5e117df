import { Client } from 'undici'
import type { Dispatcher, buildConnector } from 'undici'

/** What is to know the address that a request was sent to. */
export interface Trail { address: string | undefined }

/** A request, as the connection that takes it sees it. */
export interface Passenger { connection: Connection | undefined }

/** In the options of a dispatch, whose they are. */
export const kPassenger = Symbol('fastify-proxy-auth.passenger')
type Boarding = Dispatcher.DispatchOptions & { readonly [kPassenger]?: Passenger }

/** undici's options of a client that is told how to connect. */
export type ConnectionSettings = Client.Options & { readonly connect: buildConnector.connector }

/**
 * undici's client of one connection at a time, as pools have them, which knows the address that its
 * connection leads to: that of a pool is no other's business, so undici does not tell.
 */
export class Connection extends Client {
  /** `undefined` before there was a connection, and for a socket in the file system. */
  address: string | undefined

  constructor (origin: string | URL, options: ConnectionSettings) {
    const { connect } = options
    super(origin, {
      ...options,
      connect: (target, callback) => connect(target, (...opened) => {
        this.address = opened[1]?.remoteAddress
        callback(...opened)
      })
    })
  }

  override dispatch (options: Boarding, handler: Dispatcher.DispatchHandler): boolean {
    const { [kPassenger]: passenger } = options
    if (passenger !== undefined) passenger.connection = this
    return super.dispatch(options, handler)
  }
}

/** A pool's `factory`. Its options have a connector, whatever those of the pool have. */
export function connectionIn (origin: string | URL, options: object): Connection {
  return new Connection(origin, options as ConnectionSettings)
}
