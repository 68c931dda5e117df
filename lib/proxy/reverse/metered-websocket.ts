import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { on } from '../../platform/guarded.js'
import type { Meter, OctetsDirection } from '../../policy/limits/meter.js'

/** What brings octets: a connection, or a WebSocket of the package `ws`. */
export interface Pausable {
  pause (): unknown
  resume (): unknown
}

/** Octets one way that have gone already when they are asked about. */
class PaidLater {
  private paid = 0
  private waits = false
  private paidAll: (() => void) | undefined

  /**
   * @param moved - How many there were so far.
   * @param source - What brings more of them.
   */
  constructor (
    private readonly meter: Meter, private readonly direction: OctetsDirection,
    private readonly moved: () => number, public source: Pausable
  ) {}

  /** Stops the source until all that have gone were let through. */
  settle (): void {
    if (!this.waits) this.pay()
    if (this.waits && this.paidAll === undefined) this.source.pause() // each time: others may have it go on
  }

  /**
   * Stops nothing any more.
   *
   * @param paid - Called when all that has gone was let through.
   */
  end (paid: () => void): void {
    this.settle()
    this.paidAll = paid
    this.source.resume()
    if (!this.waits) paid()
  }

  private pay (): void {
    const owed = this.moved() - this.paid
    const taken = this.meter.take(this.direction, owed)
    this.paid += taken
    if (taken === owed) return
    this.waits = true
    this.meter.wait(this.direction, owed - taken, (octets) => {
      this.paid += octets
      this.waits = false
      this.settle()
      if (this.waits) return
      this.source.resume()
      this.paidAll?.()
    })
  }
}

/**
 * Meters a WebSocket whose messages @fastify/http-proxy takes in and sends on, by what goes through
 * the connection of its client. It has gone when this is told, so more may go than the meter lets
 * through: what is read at a time from the client, and one message to it. That is made up for
 * before more is read.
 */
export class MeteredWebSocket {
  private readonly up: PaidLater
  private readonly down: PaidLater
  private received = 0

  /** @param client - The connection of the client. */
  constructor (meter: Meter, private readonly client: Socket) {
    const before = client.bytesWritten
    this.up = new PaidLater(meter, 'up', () => this.received, client)
    this.down = new PaidLater(meter, 'down', () => client.bytesWritten - before, client)
    metered.set(client, this)
  }

  /** The client's side is open: its octets are being read. */
  begin (): void {
    on(this.client, 'data', ({ length }: Buffer) => {
      this.received += length
      this.up.settle()
    })
  }

  /**
   * The upstream's side is open, and has all its listeners.
   *
   * @param source - The client's side.
   * @param target - The upstream's, behind which there may have been another before.
   */
  follow (source: object, target: Pausable & EventEmitter): void {
    metered.set(source, this)
    this.down.source = target
    on(target, 'message', () => this.down.settle(), this.client) // it has been written by now
  }

  /**
   * The connection of the client has closed: what was not asked about yet is, and the upstream's
   * side is read again, or it would never learn of that.
   *
   * @param paid - Called when all that has gone was let through, at once or later.
   */
  end (paid: () => void): void {
    let left = 2
    const done = () => {
      left -= 1
      if (left === 0) paid()
    }
    this.up.end(done)
    this.down.end(done)
  }
}

/** By what belongs to it: the connection of its client, and both its sides. */
const metered = new WeakMap<object, MeteredWebSocket>()

/** What meters the WebSocket that something belongs to; `undefined`: nothing does. */
export function meteredWebSocket (part: object): MeteredWebSocket | undefined {
  return metered.get(part)
}

/** Says that something belongs to what has the connection of a client. */
export function belongTo (client: Socket, part: object): void {
  const webSocket = metered.get(client)
  if (webSocket !== undefined) metered.set(part, webSocket)
}
