import type { Slot } from '../concurrency-limit.js'
import { ClientLeft, StrategyTimeout } from '../errors.js'
import { isThenable } from '../eventual.js'
import { guarded } from '../platform/guarded.js'
import type { RefusalNote } from '../strategies/strategy.js'
import type { Milliseconds } from '../types.js'
import type { Declared } from './declaration.js'
import { broken } from './outcome.js'
import type { Verdict } from './outcome.js'
import type { PassportStrategy } from './registry.js'
import type { RequestView } from './request-view.js'
import { readUserId } from './user-id.js'

/** How a strategy is run. The same for all its attempts. */
export interface RunSettings {
  /** What errors call the strategy. */
  readonly name: string
  /** How long the strategy may take. 1 or more. */
  readonly timeout: Milliseconds
  /**
   * The second argument of `authenticate`, of which each attempt gets a copy. Default: an empty
   * object.
   */
  readonly options?: object | undefined
}

/** Where to learn that the client has left. */
export interface Departure {
  /**
   * Aborted when the client leaves. Looked at only when the strategy did not answer at once, so it
   * may be a getter that makes the signal then.
   */
  readonly signal?: AbortSignal | undefined
}

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
    (info) => userIdOf(info, scheme, credentials)
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

/**
 * The user-id of a client that a strategy has accepted: what ours passed to `success` with the
 * user, else what is in the credentials.
 *
 * @param scheme - In its registered case.
 */
export function userIdOf (info: unknown, scheme: string | null, credentials: string | undefined): string | null {
  const { userId } = info as { readonly userId?: unknown }
  return typeof userId === 'string' ? userId : readUserId(scheme, credentials)
}

/**
 * Runs one strategy on one request. It never throws or rejects.
 *
 * The strategy runs as the prototype of an object of this attempt, be it an instance or registered:
 * two requests on one object would answer each other. The first action counts, later ones do
 * nothing. `success` lets in objects and text that is not empty; with nothing (`false`, `null`) it
 * is a `fail`, with anything else the strategy is broken, for that names no user. `pass` decides
 * nothing and so is a `fail` too; `redirect` is a mistake in the configuration, since no client of
 * a proxy follows one. To throw, to reject or to be late is to be broken.
 *
 * @returns The verdict itself when the strategy answers before it returns, else a promise of it.
 * @example
 * await run(strategy, view, { name: 'jwt', timeout: 5000 })
 * // { kind: 'accepted', user: { sub: 'alice' }, info: {} }
 */
export function run (
  strategy: PassportStrategy, view: RequestView, settings: RunSettings, departure?: Departure
): Verdict | Promise<Verdict> {
  const { name } = settings
  let verdict: Verdict | undefined
  let settled: (() => void) | undefined // set while the verdict is awaited
  const settle = (first: Verdict): void => {
    if (verdict !== undefined) return
    verdict = first
    settled?.()
  }
  const breakDown = (cause: unknown): void => settle(broken(name, cause))

  try {
    // A literal: V8 takes what `Object.create` makes of an old prototype for long-lived, and with
    // it would keep the whole request until the next full collection.
    const attempt = {
      __proto__: strategy,
      success: (user: unknown, info?: unknown) => settle(accepted(name, user, info)),
      fail: (challenge?: unknown, status?: number, note?: RefusalNote) => settle(failed(challenge, status, note)),
      error: breakDown,
      pass: () => settle(failed(undefined, undefined)),
      redirect: () => breakDown(new Error('the strategy wants to redirect'))
    } as unknown as PassportStrategy
    // A copy: some fill in defaults where they find none.
    const returned: unknown = attempt.authenticate(view, { ...settings.options })
    // Also when it has answered: a rejection after that must not go unhandled.
    if (isThenable(returned)) returned.then(undefined, breakDown)
  } catch (cause) {
    breakDown(cause)
  }
  if (verdict !== undefined) return verdict

  return new Promise((resolve) => {
    let stopWaiting = (): void => {}
    settled = () => {
      stopWaiting()
      resolve(verdict as Verdict)
    }
    // A verifier that has its answer already gives it in a microtask: that costs no timer.
    queueMicrotask(guarded(() => {
      if (verdict !== undefined) return
      const signal = departure?.signal
      const leave = guarded((): void => settle({ kind: 'broken', cause: new ClientLeft('verdict'), strategy: name }))
      if (signal?.aborted === true) return leave()
      const late = (): void => settle({ kind: 'broken', cause: new StrategyTimeout(name), strategy: name })
      const timer = setTimeout(guarded(late), settings.timeout)
      signal?.addEventListener('abort', leave)
      stopWaiting = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', leave)
      }
    }))
  })
}

function accepted (name: string, user: unknown, info: unknown): Verdict {
  if (!user) return failed(undefined, undefined)
  if (typeof user !== 'object' && typeof user !== 'string') {
    return broken(name, new Error(`success with a ${typeof user}, which is no user`))
  }
  return { kind: 'accepted', user, info: info ?? {} }
}

function failed (challenge: unknown, status: number | undefined, note: RefusalNote | null = null): Verdict {
  return typeof challenge === 'number'
    ? { kind: 'failed', challenge: undefined, status: challenge, note }
    : { kind: 'failed', challenge, status, note }
}
