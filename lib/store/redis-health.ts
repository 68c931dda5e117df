import { withDeadline } from '../deadline.js'
import type { Milliseconds } from '../types.js'
import type { RedisClient } from './shared-redis.js'

/** Told once when Redis does not do what it is asked to, and once when it does again. */
export type StoreListener = (state: 'failed' | 'recovered', cause?: unknown) => void

/** How long Redis may take, and for how long it is then left alone. */
export const REDIS_TIMEOUT: Milliseconds = 1000

/**
 * Asks Redis, and waits for it no longer than so. One that has failed or was late is left alone for
 * a while, so that its trouble does not hold up each request. One that is not connected is not
 * asked at all: the client would keep the question, and ask it some time.
 *
 * @example
 * const health = new RedisHealth(client, (state) => log.warn(state))
 * await health.ask(async () => await client.get('key'))
 */
export class RedisHealth {
  private leftAloneUntil: Milliseconds = 0
  private failing = false

  /** @param clock - The time, from any point. */
  constructor (
    private readonly client: Pick<RedisClient, 'status' | 'connect'>,
    private readonly tell: StoreListener,
    private readonly clock: () => Milliseconds = () => performance.now()
  ) {
    if (client.status === 'wait') client.connect().catch(() => {}) // lazyConnect: nothing but a command would connect it
  }

  /**
   * Asks a question.
   *
   * @returns The answer. It rejects when there is none in time.
   */
  async ask<Answer> (question: () => Promise<Answer>): Promise<Answer> {
    if (this.clock() < this.leftAloneUntil) throw new Error('Redis failed a moment ago')
    if (this.client.status !== 'ready') throw this.failed(new Error('Redis is not connected'))
    try {
      return await this.first(question)
    } catch (cause) {
      this.leftAloneUntil = this.clock() + REDIS_TIMEOUT
      throw cause
    }
  }

  /** As {@link ask}, of a client that may yet be about to connect. */
  async first<Answer> (question: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await withDeadline(question(), REDIS_TIMEOUT, () => new Error('Redis did not answer in time'))
      if (this.failing) this.tell('recovered')
      this.failing = false
      return answer
    } catch (cause) {
      throw this.failed(cause)
    }
  }

  private failed (cause: unknown): unknown {
    if (!this.failing) this.tell('failed', cause)
    this.failing = true
    return cause
  }
}
