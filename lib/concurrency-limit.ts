import { VerifierBusy } from './errors.js'
import { isThenable } from './eventual.js'
import type { Eventual } from './eventual.js'
import { guarded } from './platform/guarded.js'
import type { Milliseconds } from './types.js'

/** Options of {@link ConcurrencyLimit}. */
export interface ConcurrencyLimitOptions {
  /** How many may be under way at a time. 1 or more. */
  readonly concurrency: number
  /** How many more may wait. 0 or more. */
  readonly queue: number
  /** How long one may wait. Default: as long as it takes. */
  readonly maxWait?: Milliseconds
  /** The time, for tests. Default `performance.now`. */
  readonly clock?: () => Milliseconds
}

/** What is special about a turn. */
export interface Slot {
  /** Goes before those that wait, however many there are. */
  readonly urgent?: boolean
  /**
   * Where it comes from, an address for one: those who wait are served in turns, one from each
   * place. Default: one place.
   */
  readonly from?: string | undefined
  /** Gives up waiting. Once begun, it goes on. */
  readonly signal?: AbortSignal | undefined
}

interface WaitingTurn {
  readonly since: Milliseconds
  readonly begin: () => void
  readonly refuse: (reason: unknown) => void
}

/** The longest a client is told to stay away. */
const MAX_WAIT: Milliseconds = 60_000

/**
 * Limits how much work runs at a time, and how much waits: for work that is slow and that clients
 * may ask for without end. What answers at once takes no turn.
 *
 * No place has the queue to itself: the next turn goes to another place as long as one waits, and
 * where the queue is full, the last of the place with the most gives way to one from a place with
 * fewer.
 *
 * @example
 * const turns = new ConcurrencyLimit({ concurrency: 4, queue: 100 })
 * await turns.take(() => bcrypt.verify(password, hash))
 */
export class ConcurrencyLimit {
  private readonly concurrency: number
  private readonly queue: number
  private readonly maxWait: Milliseconds
  private readonly clock: () => Milliseconds
  private readonly urgent: WaitingTurn[] = []
  /**
   * Those who wait, by where they come from: the place whose turn is next in front. None is empty.
   */
  private readonly places = new Map<string, WaitingTurn[]>()
  private waiting = 0
  private running = 0
  /** How long one takes, lately. */
  private averageTime: Milliseconds = 0

  constructor ({ concurrency, queue, maxWait = Infinity, clock = () => performance.now() }: ConcurrencyLimitOptions) {
    this.concurrency = concurrency
    this.queue = queue
    this.maxWait = maxWait
    this.clock = clock
  }

  /** How many are under way, and how many wait. */
  get load (): { readonly running: number, readonly waiting: number } {
    return { running: this.running, waiting: this.waiting }
  }

  /**
   * Does `work` when it is its turn.
   *
   * @returns What `work` returns, without a promise where that is none and its turn has come.
   * @throws {VerifierBusy} Too many wait. One that has waited too long, or is given up, rejects:
   *   with this, or the signal's reason.
   */
  take<Result> (work: () => Eventual<Result>, turn: Slot = {}): Eventual<Result> {
    if (this.running < this.concurrency) return this.begin(work)
    const { urgent = false, signal } = turn
    const from = turn.from ?? ''
    if (!urgent && this.waiting >= this.queue && !this.makeRoom(from)) throw this.busy()
    return new Promise<Result>((resolve, reject) => {
      const giveUp = guarded((): void => {
        if (urgent) this.urgent.splice(this.urgent.indexOf(waiting), 1)
        else this.leave(from, waiting)
        this.waiting -= 1
        reject(signal!.reason)
      })
      const waiting: WaitingTurn = {
        since: this.clock(),
        begin: () => {
          signal?.removeEventListener('abort', giveUp)
          try {
            resolve(this.begin(work))
          } catch (cause) {
            reject(cause)
          }
        },
        refuse: (reason) => {
          signal?.removeEventListener('abort', giveUp)
          reject(reason)
        }
      }
      if (signal?.aborted === true) return reject(signal.reason)
      signal?.addEventListener('abort', giveUp)
      this.waiting += 1
      if (urgent) this.urgent.unshift(waiting)
      else this.lineOf(from).push(waiting)
    })
  }

  private lineOf (from: string): WaitingTurn[] {
    const line = this.places.get(from) ?? []
    this.places.set(from, line)
    return line
  }

  /**
   * Takes the last from the longest line, for one from a place that has a shorter one even with it.
   */
  private makeRoom (from: string): boolean {
    let [place, longest]: [string, readonly WaitingTurn[]] = ['', []]
    for (const [each, line] of this.places) if (line.length > longest.length) [place, longest] = [each, line]
    if (longest.length <= (this.places.get(from)?.length ?? 0) + 1) return false
    const last = longest.at(-1)!
    this.leave(place, last)
    this.waiting -= 1
    last.refuse(this.busy())
    return true
  }

  private leave (from: string, waiting: WaitingTurn): void {
    const line = this.places.get(from)!
    line.splice(line.indexOf(waiting), 1)
    if (line.length === 0) this.places.delete(from)
  }

  private shift (): WaitingTurn | undefined {
    const urgent = this.urgent.shift()
    if (urgent !== undefined) return urgent
    const { value: first } = this.places.entries().next()
    if (first === undefined) return undefined
    const [from, line] = first
    const waiting = line.shift()
    this.places.delete(from)
    if (line.length > 0) this.places.set(from, line) // behind the others
    return waiting
  }

  private begin<Result> (work: () => Eventual<Result>): Eventual<Result> {
    const result = work()
    if (!isThenable(result)) return result
    const began = this.clock()
    this.running += 1
    const done = (): void => {
      const took = this.clock() - began
      this.averageTime += (took - this.averageTime) / 8
      this.running -= 1
      this.next()
    }
    result.then(done, done)
    return result
  }

  private next (): void {
    while (this.running < this.concurrency) {
      const turn = this.shift()
      if (turn === undefined) return
      this.waiting -= 1
      if (this.clock() - turn.since > this.maxWait) turn.refuse(this.busy())
      else turn.begin()
    }
  }

  /** Says to come back when those that wait now are through. */
  private busy (): Error {
    const time = this.averageTime * (1 + this.waiting) / this.concurrency
    return new VerifierBusy(Math.min(MAX_WAIT, time))
  }
}
