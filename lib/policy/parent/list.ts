import { NoParent } from '../../errors.js'
import { Recent } from '../../store/recent.js'
import type { ProxyIdentity } from '../../types.js'
import type { Target } from '../target/check.js'
import { isFor, isForAll, isForUser } from './entry.js'
import type { ParentEntry } from './entry.js'
import type { Hop } from './parent.js'

/** How many targets are kept as decided. A page asks for one host many times. */
const TARGETS_KEPT = 1000

/** The entries for a target. */
interface ForTarget {
  readonly entries: readonly ParentEntry[]
  /** Their ways, for each user; `null`: that depends on the user. */
  readonly hops: readonly Hop[] | null
}

/**
 * Chooses from a list of entries: all that fit, in their order.
 *
 * This is on the way of each request. What depends on the target alone is found out once, and a
 * list without conditions is its own result.
 *
 * @throws {NoParent} None fits.
 */
export function chooseFrom (
  entries: readonly ParentEntry[]
): (target: Target, identity: ProxyIdentity) => readonly Hop[] {
  const always = entries.every(isForAll) ? forTarget(entries) : null
  const known = new Recent<ForTarget>(TARGETS_KEPT)

  function find (target: Target): ForTarget {
    const key = `${target.scheme} ${target.port} ${target.host}`
    return known.get(key) ?? known.set(key, forTarget(entries.filter((entry) => isFor(entry, target))))
  }

  return (target, identity) => {
    const { entries: fitting, hops } = always ?? find(target)
    const found = hops ?? hopsOf(fitting.filter((entry) => isForUser(entry, identity)))
    if (found.length === 0) throw new NoParent()
    return found
  }
}

function forTarget (entries: readonly ParentEntry[]): ForTarget {
  return { entries, hops: entries.every(({ users }) => users === null) ? Object.freeze(hopsOf(entries)) : null }
}

function hopsOf (entries: readonly ParentEntry[]): Hop[] {
  return [...new Set(entries.map(({ hop }) => hop))] // 'direct' may be there with several conditions
}
