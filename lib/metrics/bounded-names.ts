/** What a name is counted as that has no place of its own. */
export const OTHER = 'other'

/** Longer names have no place of their own: they stay in the memory of whatever reads metrics. */
const LONGEST = 128

/**
 * Names that become values of a label: so many, the first that come. Each value is a series of its
 * own, which stays for good in here and costs room wherever metrics are stored.
 *
 * @example
 * const names = new BoundedNames(100)
 * counter.inc({ user: names.of('alice') })
 */
export class BoundedNames {
  private readonly names = new Set<string>()

  /** @param limit - How many have a place. 1 or more. */
  constructor (private readonly limit: number) {}

  /** The value for a name: itself, or {@link OTHER}. */
  of (name: string): string {
    if (this.names.has(name)) return name
    if (this.names.size >= this.limit || name.length > LONGEST) return OTHER
    this.names.add(name)
    return name
  }
}
