import type { Parent } from '../../policy/parent/parent.js'
import type { Parents } from '../../policy/parent/parents.js'
import type { Milliseconds } from '../../types.js'

/**
 * Tells of parents that fail and work. A target that hangs or resets looks like a parent that does,
 * so a parent is not blamed for a request during which it has responded to another: no user can
 * have it left out by asking for such a target, while it is of use to others.
 */
export class Blame {
  private readonly worked = new WeakMap<Parent, Milliseconds>()

  constructor (private readonly parents: Pick<Parents, 'failed' | 'worked'>) {}

  /** It has responded. */
  praise (parent: Parent): void {
    this.worked.set(parent, performance.now())
    this.parents.worked(parent)
  }

  /** @param since - When the request was sent, by `performance.now()`. */
  blame (parent: Parent, error: Error, since: Milliseconds): void {
    if ((this.worked.get(parent) ?? -1) < since) this.parents.failed(parent, error)
  }
}
