import type { Socket } from 'node:net'
import { RecordingServer } from './recording-server.js'

/** A connection that a tunnel has led to. */
export interface TunnelConnection {
  received: string
  sent: string
}

/** Where tunnels lead: it says what it is told, octet for octet, and remembers both directions. */
export class TunnelEnd extends RecordingServer {
  connections: TunnelConnection[] = []

  /** @param respond - Called with each connection and what sends on it. */
  constructor (private readonly respond: (socket: Socket, send: (text: string) => void) => unknown = echo) {
    super()
  }

  override reset (): void {
    super.reset()
    this.connections = []
  }

  protected serve (socket: Socket): void {
    const connection: TunnelConnection = { received: '', sent: '' }
    this.connections.push(connection)
    socket.on('data', (chunk: string) => { connection.received += chunk })
    this.respond(socket, text => {
      connection.sent += text
      socket.write(text, 'latin1')
    })
  }
}

/** Sends back what comes. */
export function echo (socket: Socket, send: (text: string) => void): void {
  socket.on('data', (chunk: string) => send(chunk))
}
