import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { upgradeProtocols } from '../fields/upgrade.js'
import { BareResponse, isRecord } from './bare-response.js'
import { closeInStages } from './close-in-stages.js'

const kUpgrade = Symbol('fastify-proxy-auth.upgrade')

/** What an upgrade has that no other request has: the bare socket, and the bytes that came behind the head. */
export interface Upgrade {
  readonly socket: Socket
  readonly head: Buffer
  readonly response: UpgradeResponse
  /** What the client offers to speak. */
  readonly protocols: readonly string[]
}

type Marked = IncomingMessage & { [kUpgrade]?: Upgrade }

/** The upgrade that `request` asks for, `undefined` when it asks for none. */
export function upgradeOf (request: IncomingMessage): Upgrade | undefined {
  return (request as Marked)[kUpgrade]
}

/** What that request offers to the next hop. */
export function protocolsOf (request: IncomingMessage): readonly string[] | undefined {
  return upgradeOf(request)?.protocols
}

/**
 * What a request offers to speak that a proxy goes along with. None in HTTP/1.0 (RFC 9110, 7.8), and none beside content, for
 * which a server may overlook the offer: content and the other protocol's octets would come on the same bare socket.
 */
export function offerOf ({ httpVersion, headers }: IncomingMessage): string[] {
  const { upgrade, 'content-length': length = '0', 'transfer-encoding': coding } = headers
  return httpVersion === '1.1' && coding === undefined && Number(length) === 0 ? upgradeProtocols(upgrade) : []
}

/**
 * Takes node's `upgrade` event into Fastify's lifecycle, so that the application's hooks, the gate and the log see it as
 * they see any request. Node has let go of the parser by then, so an answer other than 101 is the last on its connection.
 *
 * @param head - What came behind the head of the request.
 * @param protocols - What the client offers, and we would go along with. One or more.
 */
export function routeUpgrade (app: FastifyInstance, request: IncomingMessage, head: Buffer, protocols: readonly string[]): void {
  const { socket } = request
  const response = new UpgradeResponse(request, socket)
  ;(request as Marked)[kUpgrade] = { socket, head, response, protocols }
  response.once('finish', () => {
    if (response.taken) return
    response.release()
    closeInStages(socket)
    process.nextTick(() => { // as node does behind any other answer
      response.destroyed = true
      response.emit('close')
    })
  })
  app.routing(request, response)
}

/** The answer to an upgrade, on a socket that has no parser any more. */
export class UpgradeResponse extends BareResponse {
  constructor (request: IncomingMessage, client: Socket) {
    super(request, client)
    this.shouldKeepAlive = false
  }

  /** Says what becomes of the connection, whatever the fields say. Those of a relayed answer come as a list, and do not say. */
  override writeHead (status: number, ...rest: unknown[]): this {
    const last = rest.at(-1)
    if (status !== 101 && Array.isArray(last)) last.push('Connection', 'close')
    else if (status !== 101) this.setHeader('connection', 'close')
    if (isRecord(last)) {
      for (const name of Object.keys(last)) if (name.toLowerCase() === 'connection') delete last[name]
    }
    return super.writeHead(status, ...rest as [string])
  }

  /** Sends the head of a 101, which nothing follows that is of HTTP. */
  sendHead (): void {
    // `flushHeaders` would write octets beyond ASCII as two.
    (this as unknown as { _send (text: string, encoding: 'latin1'): void })._send('', 'latin1')
  }
}
