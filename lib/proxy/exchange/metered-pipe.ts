import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { guarded, on, once } from '../../platform/guarded.js'
import { canReuseReads, reuseReads } from '../../platform/reused-reads.js'
import type { Meter, OctetsDirection } from '../../policy/limits/meter.js'
import { MeteredFlow } from './metered-flow.js'

/** Octets from one side after which a tunnel is a long one. Short ones are cheaper without. */
export const LONG = 262_144

/**
 * A pipe from one side of a tunnel to the other, whose octets a meter lets through. While some are
 * held its source is not read. It passes on neither the end nor a failure.
 */
export class MeteredPipe {
  private readonly flow: MeteredFlow
  private waits = false
  private isReused = false
  /** Both sides, where their reads can be reused. */
  private readonly plain: readonly [from: Socket, to: Socket] | undefined
  private goOn = () => this.resume()
  private readonly take = (chunk: Buffer) => this.pass(chunk)

  /** @param active - Called when what was held is out. */
  constructor (
    meter: Meter, direction: OctetsDirection, private readonly from: Duplex, private readonly to: Duplex,
    active: () => void
  ) {
    this.plain = canReuseReads(from) && canReuseReads(to) ? [from, to] : undefined
    this.flow = new MeteredFlow(meter, direction, {
      write: (octets) => { if (isOpen(to)) to.write(octets) },
      resume: () => {
        active()
        this.goOn()
      }
    }, to)
  }

  /** Octets that have gone through. */
  get moved (): number { return this.flow.moved }

  /** Whether it waits for leave. */
  get isHeld (): boolean { return this.flow.isHeld && isOpen(this.to) }

  /** @param head - What goes first. */
  begin (head: Buffer): void {
    const { from, to, flow, take } = this
    const isFree = head.length === 0 || flow.pass(head)
    if (!isFree) from.pause()
    on(from, 'data', take, to)
    if (isFree) from.resume()
  }

  /** Does something once nothing is held. */
  afterAll (last: () => void): void {
    if (isOpen(this.to)) this.flow.afterAll(last)
    else last()
  }

  private pass (chunk: Buffer): void {
    const { from, to, flow } = this
    if (!isOpen(to)) return // it is thrown away
    if (!flow.pass(chunk)) from.pause()
    else if (to.writableNeedDrain) this.wait()
    else if (this.plain !== undefined && flow.moved >= LONG) process.nextTick(guarded(() => this.reuse(), from))
  }

  private resume (): void {
    if (this.to.writableNeedDrain) this.wait()
    else this.from.resume()
  }

  private wait (): void {
    const { from, to } = this
    from.pause()
    if (this.waits) return
    this.waits = true
    once(to, 'drain', () => {
      this.waits = false
      if (!this.flow.isHeld) from.resume()
    }, from)
  }

  /** Goes on in what costs less by the octet. Nothing may be left in what it did before. */
  private reuse (): void {
    const { from, to, flow, waits, take } = this
    if (this.isReused || waits || flow.isHeld || from.destroyed || from.readableEnded || !isOpen(to)) return
    // The application may listen as well, or have paused it.
    if (from.listenerCount('data') > 1 || from.readableLength > 0) return
    this.isReused = true
    from.removeListener('data', take)
    from.pause()
    this.goOn = reuseReads(...this.plain!, flow)
  }
}

function isOpen (to: Duplex): boolean {
  return !to.destroyed && !to.writableEnded
}
