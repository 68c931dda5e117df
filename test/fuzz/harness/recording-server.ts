import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A server that the gateway connects to, whose connections a run waits for and ends. What it does with one is its subclass's. */
export abstract class RecordingServer {
  private readonly sockets = new Set<Socket>()
  private readonly server: Server

  constructor () {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      this.sockets.add(socket)
      socket.setEncoding('latin1')
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.on('close', () => this.sockets.delete(socket))
      this.serve(socket)
    })
  }

  /** Gets each connection, whose octets come one char each. */
  protected abstract serve (socket: Socket): void

  async listen (): Promise<number> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    return (this.server.address() as AddressInfo).port
  }

  /** Ends all connections, so that the gateway's go too. */
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
  }

  close (): void {
    this.disconnect()
    this.server.close()
  }
}
