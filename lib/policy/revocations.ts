import { Recent } from '../store/recent.js'

/**
 * Something that keeps a user's access, or keeps going what the user has begun: a cache, a
 * connection, running tunnels.
 */
export interface Holder {
  /**
   * Lets go of everything that is this user's, by the name in the logs. At once, and
   * whatever it takes.
   */
  end (name: string): void
}

/**
 * How many names are remembered: for requests that were let in, and begin to do something only now.
 */
const REMEMBERED = 10_000

/**
 * Users whose earlier verdicts count no longer. A user that is revoked may come back, and
 * is asked anew.
 *
 * What holds identities of its own signs up with {@link hold}. For what is still on its way to such
 * a place there are marks: taken before the strategies are asked, they tell afterwards
 * whether the answer still counts.
 *
 * @example
 * revocations.hold({ end: (name) => connections.forget(name) })
 * const mark = revocations.mark
 * const name = await nameOfClient()
 * if (revocations.mark > mark && revocations.hasEnded(name, mark)) throw new Error('ask again')
 */
export class Revocations {
  private readonly holders: Holder[] = []
  /** When each name was last revoked, oldest first. */
  private readonly last = new Recent<number>(REMEMBERED)
  /** The present, to be compared with later. {@link revoke} alone moves it on. */
  mark = 0

  /** Has `holder` told of each revocation from now on. */
  hold (holder: Holder): void {
    this.holders.push(holder)
  }

  /**
   * Ends all that is held of this user. Verdicts that are under way are to be asked for again.
   */
  revoke (name: string): void {
    this.mark += 1
    this.last.set(name, this.mark)
    for (const holder of this.holders) holder.end(name)
  }

  /**
   * Whether the name was revoked after the mark was taken. Only where {@link mark} has moved on
   * since can it have been.
   */
  hasEnded (name: string, mark: number): boolean {
    return (this.last.get(name) ?? 0) > mark
  }
}
