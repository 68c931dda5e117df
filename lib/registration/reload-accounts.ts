import { ReloadFailed } from '../errors.js'
import type { Declared } from '../passport/declaration.js'
import type { VerdictCache } from '../passport/verdict-cache.js'
import { withDeadline } from '../deadline.js'
import type { Strategy } from '../strategies/strategy.js'
import type { Milliseconds } from '../types.js'

/** A file server may be slow. What takes longer is given up, and the accounts before it stay. */
export const RELOAD_TIME: Milliseconds = 30_000

/** A strategy of another copy of this package may be older than this. */
type Asked = Pick<Strategy, 'name'> & Partial<Strategy>

/**
 * Has each strategy of ours read its accounts anew, and forget the verdicts that no longer hold.
 * All are tried, whatever comes of the others. One that fails keeps the accounts that it has.
 *
 * @throws {ReloadFailed} One or more failed.
 */
export async function reloadAccounts (declared: Iterable<Declared>, wait = RELOAD_TIME): Promise<void> {
  const caches = new Map<Asked, VerdictCache[]>()
  for (const { own, strategy, cache } of declared) {
    if (!own) continue
    const known = caches.get(strategy as Strategy) ?? []
    caches.set(strategy as Strategy, cache === null ? known : [...known, cache])
  }
  const failed: string[] = []
  const errors: unknown[] = []
  await Promise.all([...caches].map(async ([strategy, itsCaches]) => {
    try {
      const late = () => new Error(`not done within ${wait} ms`)
      if (await withDeadline(reload(strategy), wait, late) === false) return
      for (const cache of itsCaches) cache.forgetOutdated()
    } catch (problem) {
      failed.push(strategy.name)
      errors.push(...(problem instanceof AggregateError ? problem.errors : [problem]))
    }
  }))
  if (errors.length > 0) throw new ReloadFailed(failed.join(', '), errors)
}

async function reload (strategy: Asked): Promise<false | void> {
  return strategy.reload === undefined ? false : await strategy.reload()
}
