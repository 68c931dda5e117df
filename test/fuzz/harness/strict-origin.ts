import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { NotStrict, readRequest } from './message.js'
import type { StrictRequest } from './message.js'

/** A request that has come to the origin, and its connection. */
export interface Arrived {
  /** As far as it has come by now. */
  request: StrictRequest
  readonly socket: Socket
  /** All octets behind its head, once the connection has left HTTP by a 101. */
  switched: string | null
  /** Waits for the end of its content, or of its connection. */
  readonly whole: Promise<void>
}

/**
 * An origin that takes well-formed requests of HTTP/1.1 and nothing else, and remembers all that came. What it says is the
 * fuzzer's matter.
 */
export class StrictOrigin {
  /** The requests of this run, in the order of their heads. */
  arrived: Arrived[] = []
  /** What came and was not well-formed. */
  faults: string[] = []
  /** All octets of this run that came as HTTP, a text for each connection. */
  octets: string[] = []
  private readonly sockets = new Set<Socket>()
  private readonly server: Server

  /** @param respond - Called when the head of a request has come. */
  constructor (public respond: (arrived: Arrived) => unknown) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, socket => { this.serve(socket) })
  }

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
    this.arrived = []
    this.faults = []
    this.octets = []
  }

  close (): void {
    this.disconnect()
    this.server.close()
  }

  private serve (socket: Socket): void {
    const { octets } = this
    const index = octets.push('') - 1
    let rest = ''
    let current: Arrived | null = null
    let done = (): void => {}
    this.sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => { this.sockets.delete(socket); done() })
    socket.on('data', (chunk: string) => {
      if (current === null || current.switched === null) octets[index] += chunk
      rest += chunk
      try {
        for (;;) {
          if (current !== null && current.switched !== null) {
            current.switched += rest
            rest = ''
            return
          }
          if (rest === '') return
          if (rest.startsWith('\x16\x03')) return socket.destroy() // TLS, which it does not speak
          const request = readRequest(rest, 0)
          if (request === null) return
          if (current === null) {
            const whole = new Promise<void>(resolve => { done = resolve })
            current = { request, socket, switched: null, whole }
            this.arrived.push(current)
            this.respond(current)
          } else current.request = request
          if (request.content.fault !== undefined) throw request.content.fault
          if (!request.content.complete) return
          done()
          // A request that may leave HTTP does so as soon as its response, which has been given by now, says so.
          if (current.switched === null) current = null
          rest = rest.slice(request.end)
        }
      } catch (error) {
        if (!(error instanceof NotStrict)) throw error
        this.faults.push(`${error.message}: ${JSON.stringify(rest.slice(0, 300))}`)
        socket.destroy()
      }
    })
  }
}
