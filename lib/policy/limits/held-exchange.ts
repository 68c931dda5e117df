import { guarded } from '../../platform/guarded.js'
import type { LimitFailure, LimitedExchange, Meter, OctetsDirection } from './meter.js'
import type { OctetSource, WaitingStream } from './source.js'

/** An exchange with all that limits it. */
export class HeldExchange implements LimitedExchange, Meter {
  private readonly sources: Readonly<Record<OctetsDirection, OctetSource[]>> = { up: [], down: [] }
  private readonly waits: { up?: StreamWait | undefined, down?: StreamWait | undefined } = {}
  private readonly held: Array<() => void> = []
  private isOver = false
  private isReleased = false

  /** @param end - Ends what it is about. */
  constructor (private readonly end: (failure: LimitFailure) => void) {}

  get meter (): Meter | undefined {
    const { up, down } = this.sources
    return up.length > 0 || down.length > 0 ? this : undefined
  }

  /** Has octets of a direction ask this as well. */
  ask (direction: OctetsDirection, source: OctetSource): void {
    this.sources[direction].push(source)
  }

  /** Has something given back when the exchange is released. */
  hold (giveBack: () => void): void {
    this.held.push(giveBack)
  }

  take (direction: OctetsDirection, octets: number): number {
    if (this.isOver) return 0
    return moving(this.sources[direction], octets, false).octets
  }

  wait (direction: OctetsDirection, octets: number, go: (octets: number) => void): void {
    if (this.isOver) return
    const done = (moved: number): void => {
      this.waits[direction] = undefined
      guarded(go)(moved)
    }
    this.waits[direction] = new StreamWait(octets, this.sources[direction], done, (failure) => this.fail(failure))
  }

  release (): void {
    if (this.isReleased) return
    this.isReleased = true
    this.stop()
    for (const giveBack of this.held) giveBack()
  }

  private fail (failure: LimitFailure): void {
    this.stop()
    guarded(this.end)(failure)
  }

  private stop (): void {
    this.isOver = true
    this.waits.up?.leave()
    this.waits.down?.leave()
  }
}

/** A stream that waits, for one of its sources at a time. */
class StreamWait implements WaitingStream {
  private at: OctetSource

  constructor (
    readonly octets: number,
    private readonly sources: readonly OctetSource[],
    private readonly done: (moved: number) => void,
    readonly fail: (failure: LimitFailure) => void
  ) {
    this.at = sources.find((source) => source.ready(octets, true) === 0) ?? sources[0]!
    this.at.queue(this)
  }

  serve (most: number): void {
    const { octets, lacking } = moving(this.sources, Math.min(most, this.octets), true)
    if (lacking === undefined) return this.done(octets)
    this.at = lacking
    lacking.queue(this)
  }

  leave (): void {
    this.at.leave(this)
  }
}

/** Has as many octets move as all sources let. Where one lets none, none moves. */
function moving (
  sources: readonly OctetSource[], octets: number, waited: boolean
): { octets: number, lacking?: OctetSource } {
  let most = octets
  for (const source of sources) {
    most = source.ready(most, waited)
    if (most === 0) return { octets: 0, lacking: source }
  }
  for (const source of sources) source.spend(most)
  return { octets: most }
}
