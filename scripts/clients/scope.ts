import type { Test } from 'tap'

/** What the fixtures of the tests take of a test: when it ends. */
export class Scope {
  private readonly ends: Array<() => unknown> = []

  teardown (end: () => unknown): void {
    this.ends.push(end)
  }

  /** Undoes it all, the last first. */
  async end (): Promise<void> {
    for (const end of this.ends.reverse()) await Promise.resolve(end()).catch(() => {})
  }

  /** For the fixtures, which ask for no more of a test than this. */
  get asTest (): Test {
    return this as unknown as Test
  }
}
