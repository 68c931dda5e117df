import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { on } from '../guarded.js'

/**
 * A response on a socket that has no parser any more: to a CONNECT or an Upgrade.
 *
 * @quirk node-detached-socket
 */
export class BareResponse extends ServerResponse {
  /** The handler has taken the socket for its tunnel. */
  taken = false
  private readonly drained = () => { this.emit('drain') }

  constructor (request: IncomingMessage, protected readonly client: Socket) {
    super(request)
    on(client, 'drain', this.drained)
    this.assignSocket(client)
  }

  /**
   * Hands the socket over for the tunnel: nothing more is written by this response.
   *
   * @quirk node-tls-half-open
   */
  take (): Socket {
    this.taken = true
    this.release()
    this.client.setTimeout(0)
    this.client.allowHalfOpen = true // a TLS server has it otherwise, and a client may end before its target does
    return this.client
  }

  /**
   * What is to be called when the tunnel has ended: Fastify's `onResponse` hooks and its log line
   * wait for it. `undefined` where nothing does, so that an idle tunnel need not keep its request.
   */
  get whenEnded (): (() => void) | undefined {
    return this.listenerCount('finish') > 1 ? () => { this.emit('finish') } : undefined // one is our own
  }

  /** Lets go of the socket. */
  release (): void {
    this.detachSocket(this.client)
    this.client.removeListener('drain', this.drained)
  }
}
