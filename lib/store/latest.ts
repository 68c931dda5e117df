/**
 * Keeps values by their keys, up to a limit: those that were set latest. To set one anew counts.
 */
export class Latest<Key, Value> {
  private readonly values = new Map<Key, Value>()

  /** @param limit - How many are kept. 1 or more. */
  constructor (private readonly limit: number) {}

  get (key: Key): Value | undefined {
    return this.values.get(key)
  }

  set (key: Key, value: Value): void {
    this.values.delete(key) // to be the last
    this.values.set(key, value)
    if (this.values.size > this.limit) this.values.delete(this.values.keys().next().value!)
  }

  /** The one that was set longest ago first. */
  [Symbol.iterator] (): IterableIterator<[Key, Value]> {
    return this.values[Symbol.iterator]()
  }
}
