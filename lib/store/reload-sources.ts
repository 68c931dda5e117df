import type { Eventual } from '../eventual.js'

/**
 * What reads accounts from elsewhere and can read them anew: `reload` gives nothing, or `false`
 * where there was nothing to read.
 */
export interface Reloadable {
  reload (): Eventual<unknown>
}

/**
 * Has verifiers and look-ups read their accounts anew. Each that has a method `reload` is asked,
 * whatever comes of the others; one that two of them share is asked once.
 *
 * @returns `false`: none of them had anything to read.
 * @throws Why it failed, if one did; an `AggregateError` for several.
 */
export async function reloadSources (...sources: ReadonlyArray<object | null | undefined>): Promise<false | void> {
  const asked = new Map(sources.filter(isReloadable).map((source) => [source.reload, source]))
  const results = await Promise.allSettled([...asked.values()].map(async (source) => await source.reload()))
  const failures: unknown[] = results.flatMap((result) => result.status === 'rejected' ? [result.reason] : [])
  if (failures.length > 1) throw new AggregateError(failures, 'accounts could not be reloaded')
  if (failures.length === 1) throw failures[0]
  if (results.every((result) => 'value' in result && result.value === false)) return false
}

function isReloadable (source: object | null | undefined): source is Reloadable {
  return typeof (source as Partial<Reloadable> | null | undefined)?.reload === 'function'
}
