import { guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import type { OctetSource, WaitingStream } from './source.js'

/** How much of it may go in one burst, as a time. */
const BURST: Milliseconds = 50
/** How long streams wait for a turn. */
const TICK: Milliseconds = 5
/** A turn has at least so many octets, where the rate gives that much in a burst. */
const LEAST_TURN = 1024
/** And at most so many. */
const MOST_TURN = 64 * 1024
/** Streams that have waited together have their turns for so long, also where tokens are there. */
const TURNS: Milliseconds = 100

/**
 * Lets octets go at a rate: a bucket that fills with tokens as time goes by, one for each octet.
 * Streams that find it empty stand in line, and are served in turns of the same size.
 */
export class Pacer implements OctetSource {
  /** What the bucket holds at most. */
  protected readonly burst: number
  protected tokens: number
  /** When tokens were added last. */
  private filled: Milliseconds
  private readonly least: number
  /** Those that wait, the next in front. */
  private readonly line = new Set<WaitingStream>()
  private timer: NodeJS.Timeout | undefined
  private next: NodeJS.Immediate | undefined
  /** Until then a stream has its turn among others, however many tokens are there. */
  private sharedUntil: Milliseconds = -Infinity

  /**
   * @param rate - Octets a second.
   * @param clock - Goes on evenly. Default `performance.now`.
   */
  constructor (
    protected readonly rate: number, protected readonly clock: () => Milliseconds = () => performance.now()
  ) {
    this.burst = Math.max(1, rate * BURST / 1000)
    this.least = Math.min(LEAST_TURN, Math.floor(this.burst))
    this.tokens = this.burst
    this.filled = clock()
  }

  /** Nothing waits, and the bucket is as full as a new one. */
  get idle (): boolean {
    this.fill()
    return this.waiting === 0 && this.tokens >= this.burst
  }

  protected get waiting (): number { return this.line.size }

  /** Where few tokens are there, it is none: many small pieces cost more than a short wait. */
  ready (octets: number, waited: boolean): number {
    if (!waited && (this.line.size > 0 || this.clock() < this.sharedUntil)) return 0
    this.fill()
    return this.tokens < Math.min(octets, this.least) ? 0 : Math.min(octets, Math.floor(this.tokens))
  }

  spend (octets: number): void {
    this.tokens -= octets
  }

  queue (stream: WaitingStream): void {
    this.line.add(stream)
    if (this.timer === undefined && this.next === undefined) this.goOn(stream)
  }

  leave (stream: WaitingStream): void {
    this.line.delete(stream)
  }

  /** Adds the tokens of the time since the last call. */
  protected fill (): void {
    const now = this.clock()
    this.tokens = Math.min(this.burst, this.tokens + (now - this.filled) * this.rate / 1000)
    this.filled = now
  }

  /** Serves those in line, for as long as there are tokens. */
  protected serve (): void {
    this.fill()
    if (this.line.size > 1) this.sharedUntil = this.clock() + TURNS
    const turn = Math.min(MOST_TURN, Math.max(this.least, Math.floor(this.tokens / this.line.size)))
    // One that wants more stands at the end of the line again, and this goes on to it.
    for (const stream of this.line) {
      const octets = this.ready(Math.min(stream.octets, turn), true)
      if (octets === 0) break
      this.line.delete(stream)
      stream.serve(octets)
    }
    clearTimeout(this.timer)
    clearImmediate(this.next)
    this.timer = this.next = undefined
    const [first] = this.line
    if (first !== undefined) this.goOn(first)
  }

  /** Serves when there are tokens enough for the first in line. */
  private goOn ({ octets }: WaitingStream): void {
    const serve = guarded(() => this.serve())
    const lacking = Math.min(octets, this.least) - this.tokens
    if (lacking > 0) this.timer = setTimeout(serve, Math.max(TICK, Math.ceil(lacking / this.rate * 1000)))
    else this.next = setImmediate(serve) // with all that ask in this turn of the event loop
  }
}
