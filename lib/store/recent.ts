import { ownText } from './own-text.js'

/**
 * Keeps the last values made, up to a limit: for what is dear to make, depends on its key alone,
 * and is asked for again and again. The oldest goes first, in use or not, which costs nothing to
 * find out. Keys may be slices of longer texts, which are not kept with them.
 */
export class Recent<Value> {
  private readonly values = new Map<string, Value>()

  /** @param limit - How many are kept. 1 or more. */
  constructor (private readonly limit: number) {}

  get (key: string): Value | undefined {
    return this.values.get(key)
  }

  set (key: string, value: Value): Value {
    if (this.values.size >= this.limit) this.values.delete(this.values.keys().next().value!)
    this.values.set(ownText(key), value)
    return value
  }
}
