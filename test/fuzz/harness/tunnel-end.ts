import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A connection that a tunnel has led to. */
export interface TunnelConnection {
  received: string
  sent: string
}

/** Where tunnels lead: it says what it is told, octet for octet, and remembers both directions. */
export class TunnelEnd {
  connections: TunnelConnection[] = []
  private readonly sockets = new Set<Socket>()
  private readonly server: Server

  /** @param serve - Called with each connection and what sends on it. */
  constructor (serve: (socket: Socket, send: (text: string) => void) => unknown = echo) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      const connection: TunnelConnection = { received: '', sent: '' }
      this.connections.push(connection)
      this.sockets.add(socket)
      socket.setEncoding('latin1')
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('data', (chunk: string) => { connection.received += chunk })
      serve(socket, text => {
        connection.sent += text
        socket.write(text, 'latin1')
      })
    })
  }

  async listen (): Promise<number> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    return (this.server.address() as AddressInfo).port
  }

  disconnect (): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Waits until all connections that the gateway has made are seen, and over: they are accepted in turn. */
  async quiet (): Promise<void> {
    const { port } = this.server.address() as AddressInfo
    const last = connect(port, '127.0.0.1')
    await Promise.all([once(last, 'connect'), once(this.server, 'connection')])
    last.destroy()
    const until = Date.now() + 1000
    while (this.sockets.size > 0 && Date.now() < until) await new Promise(resolve => setImmediate(resolve))
  }

  /** Forgets the run. */
  reset (): void {
    this.disconnect()
    this.connections = []
  }

  close (): void {
    this.disconnect()
    this.server.close()
  }
}

/** Sends back what comes. */
export function echo (socket: Socket, send: (text: string) => void): void {
  socket.on('data', (chunk: string) => send(chunk))
}
