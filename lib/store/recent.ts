import { ownText } from './own-text.js'

interface RecentEntry<Key, Value> { readonly key: Key, value: Value }

/**
 * Keeps the values that were set last, up to a limit; to set one anew counts. The oldest goes
 * first, in use or not, which costs nothing to find out. For what is dear to make, depends on its
 * key alone, and is asked for again and again; or of which there may be any number, as of users.
 * Keys may be slices of longer texts, which are not kept with them.
 */
export class Recent<Value, Key extends string | null = string> {
  private readonly values = new Map<Key, RecentEntry<Key, Value>>()

  /** @param limit - How many are kept. 1 or more. */
  constructor (private readonly limit: number) {}

  get (key: Key): Value | undefined {
    return this.values.get(key)?.value
  }

  set (key: Key, value: Value): Value {
    const before = this.values.get(key)
    if (before === undefined) {
      if (this.values.size >= this.limit) this.values.delete(this.values.keys().next().value!)
      // Names come from applications, too: what is no text is a key all the same.
      const own = (typeof key === 'string' ? ownText(key) : key) as Key
      this.values.set(own, { key: own, value })
    } else {
      before.value = value
      this.values.delete(key) // to be the last
      this.values.set(before.key, before)
    }
    return value
  }

  /** The one that was set longest ago first. */
  * [Symbol.iterator] (): IterableIterator<[Key, Value]> {
    for (const { key, value } of this.values.values()) yield [key, value]
  }
}
