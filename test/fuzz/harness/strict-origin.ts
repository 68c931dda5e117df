import type { Socket } from 'node:net'
import { NotStrict, readRequest } from './message.js'
import type { StrictRequest } from './message.js'
import { RecordingServer } from './recording-server.js'

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
export class StrictOrigin extends RecordingServer {
  /** The requests of this run, in the order of their heads. */
  arrived: Arrived[] = []
  /** What came and was not well-formed. */
  faults: string[] = []
  /** All octets of this run that came as HTTP, a text for each connection. */
  octets: string[] = []

  /** @param respond - Called when the head of a request has come. */
  constructor (public respond: (arrived: Arrived) => unknown) {
    super()
  }

  override reset (): void {
    super.reset()
    this.arrived = []
    this.faults = []
    this.octets = []
  }

  protected serve (socket: Socket): void {
    const { octets } = this
    const index = octets.push('') - 1
    let rest = ''
    let current: Arrived | null = null
    let done = (): void => {}
    socket.on('close', () => done())
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
