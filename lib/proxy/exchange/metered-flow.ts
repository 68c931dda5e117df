import { guarded } from '../../platform/guarded.js'
import type { Closable } from '../../platform/guarded.js'
import type { Meter, OctetsDirection } from '../../policy/limits/meter.js'

/** What becomes of what goes one way. */
export interface FlowWays {
  /** Takes octets that may go. */
  write (octets: Buffer): void
  /** All that was held is out: more may come. */
  resume (): void
}

/**
 * What goes one way, as a meter lets it. What may not go yet is held, and goes piece by piece when
 * it may. Whatever brings octets has to stop meanwhile: so what is held is no more than was brought
 * at once.
 *
 * @example
 * const ways = { write: (octets) => to.write(octets), resume: () => from.resume() }
 * const flow = new MeteredFlow(meter, 'up', ways, to)
 * if (!flow.pass(chunk)) from.pause()
 */
export class MeteredFlow {
  /** Octets that have gone. */
  moved = 0
  private held: Buffer | undefined
  private last: (() => void) | undefined
  private readonly go: (octets: number) => void

  /** @param toClose - What is closed where something fails. */
  constructor (
    private readonly meter: Meter,
    private readonly direction: OctetsDirection,
    private readonly ways: FlowWays,
    toClose: Closable
  ) {
    // One that fails must not keep others that wait from their turn.
    this.go = guarded((octets: number) => this.goOn(octets), toClose)
  }

  /** Whether something is held. */
  get isHeld (): boolean { return this.held !== undefined }

  /**
   * Writes what may go at once.
   *
   * @returns Whether that is all; else the rest is held.
   */
  pass (chunk: Buffer): boolean {
    const taken = this.take(chunk.length)
    if (taken < chunk.length) this.hold(chunk, taken)
    else this.ways.write(chunk)
    return taken === chunk.length
  }

  /** How many of these octets may go at once. They have to, or else go to {@link hold}. */
  take (octets: number): number {
    if (this.held !== undefined) return 0
    const taken = this.meter.take(this.direction, octets)
    this.moved += taken
    return taken
  }

  /**
   * Writes what may go, and holds the rest.
   *
   * @param chunk - Is kept.
   * @param taken - How many octets of it may go, fewer than there are.
   */
  hold (chunk: Buffer, taken: number): void {
    if (this.held !== undefined) {
      this.held = Buffer.concat([this.held, chunk])
      return
    }
    this.held = chunk.subarray(taken)
    if (taken > 0) this.ways.write(chunk.subarray(0, taken))
    this.wait()
  }

  /**
   * Does something once nothing is held: at once, or when the last of it has gone. No more comes
   * behind that.
   */
  afterAll (next: () => void): void {
    const { last } = this
    if (this.held === undefined) next()
    else this.last = last === undefined ? next : () => { last(); next() }
  }

  private wait (): void {
    this.meter.wait(this.direction, this.held!.length, this.go)
  }

  private goOn (octets: number): void {
    const { held, last } = this
    this.moved += octets
    const isAll = octets === held!.length
    this.held = isAll ? undefined : held!.subarray(octets)
    this.ways.write(isAll ? held! : held!.subarray(0, octets))
    if (!isAll) return this.wait()
    if (last === undefined) return this.ways.resume()
    this.last = undefined
    last()
  }
}
