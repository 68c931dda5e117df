import { ClientLeft } from '../../errors.js'
import { after } from '../../eventual.js'
import type { Eventual } from '../../eventual.js'
import type { Meter } from '../../policy/limits/meter.js'

/**
 * Leave of a meter for content of a request, for what can wait for it.
 *
 * @example
 * const octets = await allowance.take(chunk.length)
 * await send(chunk.subarray(0, octets))
 */
export class Allowance {
  private giveUp: ((failure: Error) => void) | undefined
  private isOver = false

  constructor (private readonly meter: Meter) {}

  /**
   * Waits until some of these octets may go.
   *
   * @param octets - 1 or more.
   * @returns How many may, 1 or more.
   * @throws {ClientLeft} The exchange is over.
   */
  take (octets: number): Eventual<number> {
    if (this.isOver) throw new ClientLeft('end of its content')
    const taken = this.meter.take('up', octets)
    if (taken > 0) return taken
    return new Promise((resolve, reject) => {
      this.giveUp = reject
      this.meter.wait('up', octets, resolve)
    })
  }

  /** Waits until all of these octets may go. @throws {ClientLeft} The exchange is over. */
  takeAll (octets: number): Eventual<void> {
    if (octets > 0) return after(this.take(octets), (taken) => this.takeAll(octets - taken))
  }

  /** The exchange is over: what waits fails. */
  end (): void {
    this.isOver = true
    this.giveUp?.(new ClientLeft('end of its content'))
  }
}
