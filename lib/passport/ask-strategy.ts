import { ClientLeft } from '../errors.js'
import { isThenable } from '../eventual.js'
import { guarded } from '../platform/guarded.js'
import type { Slot } from '../concurrency-limit.js'
import type { Declared } from './declaration.js'
import { broken } from './outcome.js'
import type { RequestView } from './request-view.js'
import { run } from './run.js'
import type { Departure, RunSettings, Verdict } from './run.js'
import { readUserId } from './user-id.js'

/** Who presents what. */
export interface PresentedCredentials extends Departure {
  readonly credentials: string | undefined
  /** What is counted as the client's address. */
  readonly from?: string
}

/**
 * Asks a strategy about a request: what its cache knows, else the strategy itself when it is its
 * turn. It never throws or rejects.
 *
 * What goes to the cache is asked for more than one client, so that none of them ends it by
 * leaving.
 *
 * @param viewOf - Makes what the strategy sees. Called before this returns, or not at all.
 */
export function askStrategy (
  declared: Declared, presented: PresentedCredentials, viewOf: () => RequestView, settings: RunSettings
): Verdict | Promise<Verdict> {
  const { cache, name, scheme } = declared
  const { credentials } = presented
  if (cache === null || credentials === undefined) return inTurn(declared, viewOf(), settings, presented)
  const verdict = cache.ask(
    credentials,
    (urgent) => inTurn(declared, viewOf(), settings, {}, { urgent, from: presented.from }),
    (info) => readUserId(info, scheme, credentials)
  )
  if (!isThenable(verdict)) return verdict
  // A user of whom no copy can be made.
  return unlessGone(Promise.resolve(verdict).catch((cause) => broken(name, cause)), presented, name)
}

function inTurn (
  { strategy, turns, name }: Declared, view: RequestView, settings: RunSettings,
  departure: Departure, turn: Slot = departure
): Verdict | Promise<Verdict> {
  const ask = (): Verdict | Promise<Verdict> => run(strategy, view, settings, departure)
  const refused = (cause: unknown): Verdict => {
    const left = departure.signal?.aborted === true
    return left ? { kind: 'broken', cause: new ClientLeft('verdict'), strategy: name } : broken(name, cause)
  }
  try {
    const verdict = turns.take<Verdict>(ask, turn)
    return isThenable(verdict) ? Promise.resolve(verdict).catch(refused) : verdict
  } catch (cause) {
    return refused(cause)
  }
}

function unlessGone (verdict: Promise<Verdict>, { signal }: Departure, name: string): Promise<Verdict> {
  if (signal === undefined) return verdict
  return new Promise((resolve) => {
    const leave = guarded((): void => resolve({ kind: 'broken', cause: new ClientLeft('verdict'), strategy: name }))
    if (signal.aborted) return leave()
    signal.addEventListener('abort', leave)
    verdict.then((later) => {
      signal.removeEventListener('abort', leave)
      resolve(later)
    })
  })
}
