import type { Parent } from '../policy/parent/parent.js'
import type { Parents } from '../policy/parent/parents.js'
import type { StatusParent } from './snapshot.js'

/** Says of the parents of some lists how they are. One that is on several is told of once. */
export function parentsOf (lists: ReadonlyArray<Pick<Parents, 'all' | 'failureOf'> | undefined>): StatusParent[] {
  const rows = new Map<Parent, StatusParent>()
  for (const list of lists) {
    for (const parent of list?.all ?? []) {
      const failing = list!.failureOf(parent)
      rows.set(parent, {
        parent: parent.name,
        state: failing === undefined ? 'works' : 'fails',
        error: failing?.error ?? null,
        failingMs: failing === undefined ? null : Math.round(failing.time)
      })
    }
  }
  return [...rows.values()]
}
