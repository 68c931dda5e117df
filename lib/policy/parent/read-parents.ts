import { BadOption } from '../../errors.js'
import { badOption, isObject, readList } from '../../check-option.js'
import { isThenable } from '../../eventual.js'
import { chooseBy } from './choice.js'
import { DIRECT, readParent } from './entry.js'
import type { ParentEntry } from './entry.js'
import { readEnvironment } from './environment.js'
import { Health } from './health.js'
import { chooseFrom } from './list.js'
import type { Parent } from './parent.js'
import type { ChooseParents, ParentOptions, ParentsOption } from './parent-options.js'
import type { Parents } from './parents.js'

/** Parents that other lists can name. */
export interface NamedParents extends Parents {
  readonly named: ReadonlyMap<string, ParentEntry>
}

/**
 * Reads the parents of the forward proxy, or of a reverse route.
 *
 * @param option - What the errors call it. They never tell a value: a URL may have a password.
 * @param forward - Of a route: those of the forward proxy, which it may name, and whose health is
 *   theirs as well.
 * @throws {BadOption} They are wrong.
 */
export function readParents (given: ParentsOption, option: string, forward?: NamedParents): NamedParents {
  const health = forward?.health ?? new Health()
  const read = reader(forward?.named)
  if (typeof given === 'function') {
    const choose = chooseBy(given as ChooseParents, (value) => read(value, option))
    return parentsOf([], health, (target, identity) => {
      const hops = choose(target, identity)
      return isThenable(hops) ? hops.then((later) => health.order(later)) : health.order(hops)
    })
  }
  const entries = given === 'environment'
    ? readEnvironment(process.env)
    : readEntries(given, option, read)
  const choose = chooseFrom(entries)
  return parentsOf(entries, health, (target, identity) => health.order(choose(target, identity)))
}

function parentsOf (entries: readonly ParentEntry[], health: Health, choose: Parents['choose']): NamedParents {
  const named = new Map(entries.flatMap((entry) => entry.hop === 'direct' ? [] : [[entry.hop.name, entry] as const]))
  return Object.freeze({
    all: Object.freeze([...new Set(entries.map(({ hop }) => hop))].filter((hop): hop is Parent => hop !== 'direct')),
    named,
    health,
    choose,
    failed: (parent: Parent, error: Error) => health.failed(parent, error),
    worked: (parent: Parent) => health.worked(parent),
    failureOf: (parent: Parent) => health.failureOf(parent),
    logTo: (log: Parameters<Health['logTo']>[0]) => health.logTo(log)
  })
}

/** @throws {BadOption} It is no list, an entry is wrong, or two have one name. */
function readEntries (given: unknown, option: string, read: ReadEntry): readonly ParentEntry[] {
  if (typeof given === 'string') throw new BadOption(option, "'environment', a list or a function", 'other text; put it into a list')
  const names = new Set<string>()
  return Object.freeze(readList(given as readonly unknown[], option, 1).map((value, index) => {
    const entry = read(value, `${option}[${index}]`)
    if (entry.hop === 'direct' && entry !== DIRECT) return entry // one of several, by their conditions
    const name = entry.hop === 'direct' ? entry.hop : entry.hop.name
    if (names.has(name)) throw new BadOption(`${option}[${index}]`, 'of another name than those before it', 'one that is there already')
    names.add(name)
    return entry
  }))
}

type ReadEntry = (value: unknown, option: string) => ParentEntry

/**
 * Reads an entry: a parent, `'direct'`, or one by its name. An object is checked when it is first
 * seen, and is the same parent from then on.
 */
function reader (named?: ReadonlyMap<string, ParentEntry>): ReadEntry {
  const known = new WeakMap<object, ParentEntry>()
  return (value, option) => {
    if (value === 'direct') return DIRECT
    if (typeof value === 'string') {
      const entry = named?.get(value)
      if (entry !== undefined) return entry
      throw new BadOption(option, named === undefined ? "a parent or 'direct'" : "a parent, 'direct' or the name of one of forward.parents", 'other text')
    }
    if (!isObject(value)) throw badOption(option, "a parent or 'direct'", value)
    const found = known.get(value) ?? readParent(value as ParentOptions, option)
    known.set(value, found)
    return found
  }
}
