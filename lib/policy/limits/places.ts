import type { Eventual } from '../../eventual.js'

/** Counts what is under way by key, up to a number at a time. */
export interface Places {
  /**
   * Takes a place.
   *
   * @returns `false`: there is none.
   * @throws {LimitStoreFailed} Other processes cannot be asked.
   */
  enter (key: string, most: number): Eventual<boolean>
  /** Gives it back. */
  leave (key: string): void
  /** Ends it. */
  close (): void
}

/** The places of this process alone. */
export class OwnPlaces implements Places {
  /** How many are taken. What there is none of takes no room. */
  private readonly taken = new Map<string, number>()

  /** For how many keys there are some taken. */
  get size (): number { return this.taken.size }

  /** How many are taken. */
  of (key: string): number {
    return this.taken.get(key) ?? 0
  }

  /** The keys of which some are taken. */
  keys (): Iterable<string> {
    return this.taken.keys()
  }

  enter (key: string, most: number): boolean {
    const count = this.of(key)
    if (count >= most) return false
    this.taken.set(key, count + 1)
    return true
  }

  leave (key: string): void {
    const left = this.of(key) - 1
    if (left > 0) this.taken.set(key, left)
    else this.taken.delete(key)
  }

  close (): void {}
}
