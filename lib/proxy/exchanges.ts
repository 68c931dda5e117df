import type { Milliseconds } from '../types.js'

/** Something that a stopping server waits for, and ends when it has waited long enough. */
export interface Exchange {
  /** Ends it at once. Must lead to `exchanges.delete`. */
  end (): void
}

/**
 * The forwarded requests and tunnels under way on one server. `app.close()` on its own would wait for a tunnel
 * for ever.
 */
export class Exchanges {
  private readonly live = new Set<Exchange>()
  private emptied: (() => void) | null = null

  /** How many are under way. */
  get size (): number { return this.live.size }

  add (exchange: Exchange): void { this.live.add(exchange) }

  delete (exchange: Exchange): void {
    this.live.delete(exchange)
    if (this.live.size === 0) this.emptied?.()
  }

  /** Waits until none is left, for `time` at most, then ends what is left. */
  async drain (time: Milliseconds): Promise<void> {
    if (this.live.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, time)
      this.emptied = () => { clearTimeout(timer); resolve() }
    })
    for (const exchange of [...this.live]) exchange.end()
  }
}
