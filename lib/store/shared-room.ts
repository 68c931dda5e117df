interface Kept<Value> {
  readonly value: Value
  readonly owner: string | null
}

/**
 * Keeps values by key, so many in all and so many for each owner: an owner that brings many takes
 * the place of its own, and not of others. In all the one that was used longest ago goes first, of
 * an owner's the oldest.
 *
 * @example
 * const room = new SharedRoom<number>(10_000, 100)
 * room.set('key', 1, () => 'alice')
 */
export class SharedRoom<Value> {
  private readonly kept = new Map<string, Kept<Value>>()
  private readonly owners = new Map<string, Set<string>>()

  /**
   * @param limit - How many are kept. 1 or more.
   * @param share - How many of one owner. 1 or more.
   */
  constructor (private readonly limit: number, private readonly share: number) {}

  get size (): number { return this.kept.size }

  get (key: string): Value | undefined {
    return this.kept.get(key)?.value
  }

  /** Notes that a key that is there was used. */
  touch (key: string): void {
    const kept = this.kept.get(key)!
    this.kept.delete(key)
    this.kept.set(key, kept)
  }

  /** @param ownerOf - Asked for a new key only. `null`: there is none to tell, and no share. */
  set (key: string, value: Value, ownerOf: () => string | null): void {
    const before = this.kept.get(key)
    const owner = before === undefined ? ownerOf() : before.owner
    this.kept.delete(key)
    this.kept.set(key, { value, owner })
    if (before === undefined && owner !== null) this.own(owner, key)
    if (this.kept.size > this.limit) this.delete(this.kept.keys().next().value!)
  }

  delete (key: string): void {
    const { owner } = this.kept.get(key) ?? { owner: null }
    this.kept.delete(key)
    if (owner === null) return
    const keys = this.owners.get(owner)!
    keys.delete(key)
    if (keys.size === 0) this.owners.delete(owner)
  }

  deleteWhere (is: (value: Value) => boolean): void {
    for (const [key, { value }] of this.kept) if (is(value)) this.delete(key)
  }

  private own (owner: string, key: string): void {
    const keys = this.owners.get(owner) ?? new Set()
    this.owners.set(owner, keys.add(key))
    if (keys.size > this.share) this.delete(keys.values().next().value!)
  }
}

/** The share of one owner in a room of this size: a hundredth, but some. */
export function shareOf (limit: number): number {
  return Math.max(16, Math.ceil(limit / 100))
}
