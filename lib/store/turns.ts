import { VerifierBusy } from '../errors.js'
import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import type { Milliseconds } from '../types.js'

/** Options of {@link Turns}. */
export interface TurnsOptions {
  /** How many may be under way at a time. 1 or more. */
  readonly concurrency: number
  /** How many more may wait. 0 or more. */
  readonly queue: number
  /** How long one may wait. Default: as long as it takes. */
  readonly patience?: Milliseconds
  /** The time, for tests. Default `performance.now`. */
  readonly clock?: () => Milliseconds
}

/** What is special about a turn. */
export interface Turn {
  /** Goes before those that wait, however many there are. */
  readonly urgent?: boolean
  /** Gives up waiting. Once begun, it goes on. */
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  readonly since: Milliseconds
  readonly begin: () => void
  readonly refuse: (reason: unknown) => void
}

/** The longest a client is told to stay away. */
const MOST_WAIT: Milliseconds = 60_000

/**
 * So many at a time, so many waiting, and no more: for what is slow, and somebody else may ask for without end. What answers
 * at once takes no turn.
 *
 * @example
 * const turns = new Turns({ concurrency: 4, queue: 100 })
 * await turns.take(() => bcrypt.verify(password, hash))
 */
export class Turns {
  private readonly concurrency: number
  private readonly queue: number
  private readonly patience: Milliseconds
  private readonly clock: () => Milliseconds
  private readonly waiting: Waiting[] = []
  private running = 0
  /** How long one takes, lately. */
  private usual: Milliseconds = 0

  constructor ({ concurrency, queue, patience = Infinity, clock = () => performance.now() }: TurnsOptions) {
    this.concurrency = concurrency
    this.queue = queue
    this.patience = patience
    this.clock = clock
  }

  /** How many are under way, and how many wait. */
  get load (): { readonly running: number, readonly waiting: number } {
    return { running: this.running, waiting: this.waiting.length }
  }

  /**
   * Does `work` when it is its turn.
   *
   * @returns What `work` returns, without a promise where that is none and nobody is before it.
   * @throws {VerifierBusy} Too many wait. One that has waited too long, or is given up, rejects: with this, or the signal's reason.
   */
  take<Result> (work: () => Eventual<Result>, turn: Turn = {}): Eventual<Result> {
    if (this.running < this.concurrency) return this.begin(work)
    const { urgent = false, signal } = turn
    if (!urgent && this.waiting.length >= this.queue) throw this.busy()
    return new Promise<Result>((resolve, reject) => {
      const giveUp = (): void => {
        this.waiting.splice(this.waiting.indexOf(waiting), 1)
        reject(signal!.reason)
      }
      const waiting: Waiting = {
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
      if (urgent) this.waiting.unshift(waiting)
      else this.waiting.push(waiting)
    })
  }

  private begin<Result> (work: () => Eventual<Result>): Eventual<Result> {
    const result = work()
    if (!isThenable(result)) return result
    const began = this.clock()
    this.running += 1
    const done = (): void => {
      const took = this.clock() - began
      this.usual += (took - this.usual) / 8
      this.running -= 1
      this.next()
    }
    result.then(done, done)
    return result
  }

  private next (): void {
    while (this.running < this.concurrency) {
      const turn = this.waiting.shift()
      if (turn === undefined) return
      if (this.clock() - turn.since > this.patience) turn.refuse(this.busy())
      else turn.begin()
    }
  }

  /** Says to come back when those that wait now are through. */
  private busy (): Error {
    const time = this.usual * (1 + this.waiting.length) / this.concurrency
    return new VerifierBusy(Math.min(MOST_WAIT, time))
  }
}
