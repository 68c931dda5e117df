import { withDeadline } from '../deadline.js'
import type { Milliseconds } from '../types.js'

/** Told once when a store does not do what it is asked to, and once when it does again. */
export type StoreListener = (state: 'failed' | 'recovered', cause?: unknown) => void

/** What {@link StoreHealth} goes by. */
export interface StoreHealthOptions {
  /** What the store is called in its errors. */
  readonly name: string
  /** How long a question may take. */
  readonly timeout: Milliseconds
  readonly tell: StoreListener
  /** Whether it can be asked at all. Default: always. */
  readonly isReady?: () => boolean
  /** The time, from any point. Default `performance.now`. */
  readonly clock?: (() => Milliseconds) | undefined
}

/** For how long a store that has failed is left alone: a client may come back behind that. */
export const LEFT_ALONE: Milliseconds = 1000

/**
 * Asks a store that may fail, and waits for it no longer than so. One that has failed or was late
 * is left alone for a while, or until it answers another question, so that its trouble does not
 * hold up each request. One that is not ready is not asked at all: its client would keep the
 * question, and ask it some time.
 */
export class StoreHealth {
  private readonly clock: () => Milliseconds
  private leftAloneUntil: Milliseconds = -Infinity
  private failing = false

  constructor (private readonly options: StoreHealthOptions) {
    this.clock = options.clock ?? (() => performance.now())
  }

  /** It has failed, and has not answered since. */
  get isFailing (): boolean { return this.failing }

  /** A question would fail without being asked. */
  get isLeftAlone (): boolean {
    return this.failing && (this.clock() < this.leftAloneUntil || !this.isReady)
  }

  /**
   * Asks a question.
   *
   * @returns The answer. It rejects when there is none in time.
   */
  async ask<Answer> (question: () => Promise<Answer>): Promise<Answer> {
    const { name } = this.options
    if (this.clock() < this.leftAloneUntil) throw new Error(`${name} failed a moment ago`)
    if (!this.isReady) throw this.failed(new Error(`${name} is not connected`))
    try {
      return await this.first(question)
    } catch (cause) {
      this.leftAloneUntil = this.clock() + LEFT_ALONE
      throw cause
    }
  }

  /** As {@link ask}, of one that may yet be about to be ready. */
  async first<Answer> (question: () => Promise<Answer>): Promise<Answer> {
    const { name, timeout, tell } = this.options
    try {
      const answer = await withDeadline(question(), timeout, () => new Error(`${name} did not answer in time`))
      if (this.failing) tell('recovered')
      this.failing = false
      this.leftAloneUntil = -Infinity // another question may have failed while this one was under way
      return answer
    } catch (cause) {
      throw this.failed(cause)
    }
  }

  private get isReady (): boolean {
    return this.options.isReady?.() ?? true
  }

  private failed (cause: unknown): unknown {
    if (!this.failing) this.options.tell('failed', cause)
    this.failing = true
    return cause
  }
}
