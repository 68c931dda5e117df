import { isThenable } from '../eventual.js'
import type { Eventual } from '../eventual.js'
import type { AttemptRequest } from '../strategies/strategy.js'
import type { Declared } from './declaration.js'
import { broken } from './outcome.js'
import type { Broken } from './outcome.js'

/** Challenges, one field line each; or the strategy that could not make its own. */
export type ChallengeLines = readonly string[] | Broken

/** What a strategy has said that goes in the place of the usual challenge of its scheme. */
export interface GivenChallenges {
  readonly scheme: string
  readonly lines: readonly string[]
}

/** Lists the challenges of a route for one request. Never throws or rejects. */
export type ChallengeList = (view: () => AttemptRequest, said?: GivenChallenges) => Eventual<ChallengeLines>

/**
 * Makes what lists the challenges of several strategies: one for each scheme, in the place of the
 * first strategy that has one, whether or not it ran.
 *
 * @example
 * createChallengeList([basic, bearer])(() => view)
 * // ['Basic realm="gw", charset="UTF-8"', 'Bearer realm="gw"']
 */
export function createChallengeList (strategies: readonly Declared[]): ChallengeList {
  const asking = new Map<string, Declared>()
  for (const declared of strategies) {
    const key = declared.scheme?.toLowerCase()
    if (key !== undefined && !asking.has(key) && declared.lines?.length !== 0) asking.set(key, declared)
  }
  const asked = [...asking.values()]
  const constant = asked.flatMap(({ lines }) => lines === null ? [] : [lines])
  const usual = constant.length === asked.length ? Object.freeze(constant.flat()) : null

  return (view, said) => {
    if (said === undefined && usual !== null) return usual
    const lists: Array<Eventual<ChallengeLines>> = asked.map((declared) =>
      said !== undefined && said.scheme.toLowerCase() === declared.scheme?.toLowerCase()
        ? said.lines
        : declared.lines ?? make(declared, view()))
    return lists.some(isThenable) ? Promise.all(lists).then(join) : join(lists as ChallengeLines[])
  }
}

function make (declared: Declared, view: AttemptRequest): Eventual<ChallengeLines> {
  try {
    const lines = declared.challengesFor(view)
    return isThenable(lines) ? lines.then(undefined, (cause) => broken(declared.name, cause)) : lines
  } catch (cause) {
    return broken(declared.name, cause)
  }
}

function join (lists: readonly ChallengeLines[]): ChallengeLines {
  const lines: string[] = []
  for (const list of lists) {
    if ('kind' in list) return list
    lines.push(...list)
  }
  return lines
}
