import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { on, once } from '../guarded.js'
import { onEveryServer } from '../fastify.js'

/**
 * What node keeps on a socket: its parser, unless it has let go of it, and the response whose turn
 * it is.
 */
type ParsedSocket = Socket & { parser?: object | null, _httpMessage?: object | null }

/**
 * The connections that a stopping server would wait for though nothing is under way on them. Node
 * closes only those whose last request is through, and from `close()` on its own limits hold for
 * none. What a route is at work on is none of these.
 *
 * @quirk node-idle-on-close
 */
export class IdleConnections {
  private readonly sockets = new Set<Socket>()
  /** Those of TLS, of which there is a second socket once the handshake is done. */
  private readonly encrypted = new Set<Socket>()

  constructor (app: FastifyInstance) {
    onEveryServer(app, (server) => {
      if (server instanceof TlsServer) {
        follow(server, 'connection', this.encrypted)
        follow(server, 'secureConnection', this.sockets)
      } else follow(server, 'connection', this.sockets)
    })
  }

  /** Ends those on which no octet has come. */
  endSilent (): void {
    for (const socket of this.sockets) if (isIdle(socket) && socket.bytesRead === 0) socket.destroy()
  }

  /**
   * Ends also those with half a head, with content that is not read behind a response that is out,
   * or in the middle of TLS's handshake.
   */
  end (): void {
    const secured = new Set(Array.from(this.sockets, encryptedOf))
    for (const socket of this.encrypted) if (!secured.has(socket)) socket.destroy()
    for (const socket of this.sockets) if (isIdle(socket)) socket.destroy()
  }
}

function follow (server: Server, event: string, sockets: Set<Socket>): void {
  on(server, event, (socket: Socket) => {
    sockets.add(socket)
    once(socket, 'close', () => sockets.delete(socket))
  })
}

function isIdle ({ parser, _httpMessage }: ParsedSocket): boolean {
  return parser != null && _httpMessage == null
}

/**
 * The socket below one of TLS. Clients of a socket in the file system have no address to tell them
 * apart.
 */
function encryptedOf ({ _parent: socket }: Socket & { _parent?: Socket }): Socket | undefined {
  return socket
}
