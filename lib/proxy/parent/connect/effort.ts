import type { Socket } from 'node:net'
import { ClientLeft, UpstreamTerminated } from '../../../errors.js'
import { isThenable } from '../../../eventual.js'
import type { Eventual } from '../../../eventual.js'
import { guarded, on } from '../../../platform/guarded.js'
import type { Milliseconds } from '../../../types.js'
import type { Dialled } from '../../upstream/dial.js'

/** What an effort destroys when it ends. */
interface Held {
  destroy (): unknown
}

/** A stream, whose failure must not end the process while it is held. */
type Emitting = Held & Parameters<typeof on>[0]

/**
 * The opening of a connection, in as many steps as it takes. It may end at any time: what it holds
 * is destroyed then, and what is waited for fails, so that no further step is taken.
 */
export class Effort {
  /** Why it ended, `undefined` as long as it has not. */
  reason: Error | undefined
  private held: Held | undefined
  private readonly failed: Promise<never>
  private reject!: (reason: Error) => void

  constructor () {
    this.failed = new Promise((_resolve, reject) => { this.reject = reject })
    this.failed.catch(() => {}) // nothing may be waited for just then
  }

  /**
   * Waits for a step. Without a promise where it is done already: each one costs as much as a line
   * of a head.
   */
  wait<Value> (step: Eventual<Value>): Eventual<Value> {
    if (isThenable(step)) return Promise.race([this.failed, step])
    if (this.reason !== undefined) throw this.reason
    return step
  }

  /** Waits for steps that may take so long together. 0: as long as they like. */
  async within<Value> (time: Milliseconds, late: () => Error, steps: () => Promise<Value>): Promise<Value> {
    if (time === 0) return await steps()
    const timer = setTimeout(guarded(() => this.end(late())), time)
    try {
      return await this.wait(steps())
    } finally {
      clearTimeout(timer)
    }
  }

  /** Destroys this at the end, and what it held before no more. */
  hold<This extends Held> (held: This): This {
    this.letGo()
    this.held = held
    if (isEmitting(held)) on(held, 'error', ignore)
    if (this.reason !== undefined) this.destroy()
    return held
  }

  /** What it holds is another's from now on. */
  letGo (): void {
    const { held } = this
    this.held = undefined
    if (held !== undefined && isEmitting(held)) held.removeListener('error', ignore)
  }

  /** Destroys what it holds. The effort goes on. */
  destroy (): void {
    this.held?.destroy()
    this.held = undefined
  }

  /** Only the first end counts. */
  end (reason: Error): void {
    this.reason ??= reason
    this.reject(reason)
    this.destroy()
  }
}

/**
 * Opens a connection in steps.
 *
 * @param steps - Gives what the effort holds then.
 * @param failed - What a failure is called.
 * @param done - Called once, later. Where the steps fail nothing is left open.
 * @returns Gives it up. `done` is not called any more.
 */
export function undertake (
  steps: (effort: Effort) => Promise<Socket>, failed: (cause: unknown) => Error, done: Dialled
): () => void {
  const effort = new Effort()
  let isGivenUp = false
  const fail = (cause: Error) => {
    effort.end(cause)
    if (!isGivenUp) done(failed(cause))
  }
  steps(effort).then(guarded((socket) => {
    if (socket.destroyed) return fail(new UpstreamTerminated())
    effort.letGo()
    done(null, socket)
  }), guarded(fail))
  return () => {
    isGivenUp = true
    effort.end(new ClientLeft('response'))
  }
}

function isEmitting (held: Held): held is Emitting {
  return 'removeListener' in held
}

function ignore (): void {}
