import { PassThrough } from 'node:stream'
import type { Readable } from 'node:stream'
import { Closing, StatusBusy } from '../errors.js'
import { guarded, on } from '../platform/guarded.js'
import type { Milliseconds } from '../types.js'
import { changeBetween } from './change.js'
import type { StatusSnapshot } from './snapshot.js'

/** How many may listen. */
const MAX_LISTENERS = 32
/** How often they are told of changes, and that the gateway is there. */
const INTERVAL: Milliseconds = 1_000
/** For how many intervals one may read nothing. */
const MAX_STALLED = 30
/** When one that is full may be asked again. */
const RETRY: Milliseconds = 10_000

/** One that listens. */
interface Listening {
  readonly stream: PassThrough
  /** For how many intervals it has not read what it got before. */
  stalled: number
  /** It has missed changes. */
  isBehind: boolean
}

/**
 * Tells of the gateway as server-sent events: `snapshot` first, then `change` once a second. While
 * there is no listener nothing is collected, and there is no timer.
 *
 * One message waits for each listener at most. A listener that is slower than the messages misses
 * some, and gets another snapshot then.
 *
 * @see {@link https://html.spec.whatwg.org/multipage/server-sent-events.html Server-sent events}
 */
export class StatusFeed {
  private readonly listeners = new Set<Listening>()
  private timer: NodeJS.Timeout | undefined
  private last: StatusSnapshot | undefined
  private isOver = false

  constructor (private readonly collect: () => StatusSnapshot) {}

  /**
   * A stream of messages, without an end until the feed is closed.
   *
   * @throws {StatusBusy} There are as many as may be.
   * @throws {Closing} The feed is closed.
   */
  open (): Readable {
    if (this.isOver) throw new Closing()
    if (this.listeners.size >= MAX_LISTENERS) throw new StatusBusy(RETRY)
    const stream = new PassThrough()
    const listener = { stream, stalled: 0, isBehind: false }
    // The others get the difference to the last one, so this one begins with it, too.
    this.last ??= this.collect()
    stream.write(message('snapshot', this.last))
    this.listeners.add(listener)
    this.timer ??= setInterval(guarded(() => this.tell()), INTERVAL)
    on(stream, 'close', () => this.leave(listener))
    return stream
  }

  /** Ends all streams. */
  close (): void {
    this.isOver = true
    for (const { stream } of this.listeners) stream.end()
    this.stop()
  }

  private leave (listener: Listening): void {
    this.listeners.delete(listener)
    if (this.listeners.size === 0) this.stop()
  }

  private stop (): void {
    clearInterval(this.timer)
    this.timer = undefined
    this.last = undefined
  }

  private tell (): void {
    const now = this.collect()
    const change = message('change', changeBetween(this.last!, now))
    this.last = now
    let snapshot: string | undefined
    for (const listener of this.listeners) {
      const { stream } = listener
      if (stream.readableLength + stream.writableLength > 0) {
        listener.stalled += 1
        listener.isBehind = true
        if (listener.stalled > MAX_STALLED) stream.destroy()
        continue
      }
      stream.write(listener.isBehind ? snapshot ??= message('snapshot', now) : change)
      listener.stalled = 0
      listener.isBehind = false
    }
  }
}

function message (event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
