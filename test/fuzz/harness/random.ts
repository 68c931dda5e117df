/** A generator of choices that repeats itself for the same seed: xorshift32 after a hash of seed and index (Marsaglia 2003). */
export class Random {
  private state: number

  constructor (readonly seed: number, index = 0) {
    let hash = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0
    hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b) >>> 0
    this.state = (hash ^ (hash >>> 15)) >>> 0 || 1
  }

  /** From 0 up to, and without, `below`. */
  integer (below: number): number {
    let next = this.state
    next ^= next << 13
    next ^= next >>> 17
    next ^= next << 5
    this.state = next >>> 0
    return this.state % below
  }

  /** True once in `times`. */
  once (times: number): boolean {
    return this.integer(times) === 0
  }

  one<Item> (items: readonly Item[]): Item {
    return items[this.integer(items.length)]!
  }

  /** One of the items, which are as likely as their weights say. */
  weighted<Item> (...items: ReadonlyArray<readonly [weight: number, item: Item]>): Item {
    let left = this.integer(items.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, item] of items) {
      if (left < weight) return item
      left -= weight
    }
    throw new RangeError('no weight')
  }

  /** From `least` to `most` things. */
  some<Item> (least: number, most: number, make: (index: number) => Item): Item[] {
    return Array.from({ length: least + this.integer(most - least + 1) }, (_, index) => make(index))
  }

  /** Octets, one char each. */
  octets (length: number): string {
    let text = ''
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.integer(256))
    return text
  }
}
